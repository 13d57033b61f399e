"""One target, explained: in a terminal and as JSON."""

from collections.abc import Callable, Iterator
from typing import Any

import typer

from flows.render import tones
from flows.text.escape import show
from flows.text.rows import rows
from flows.text.spoken import instant, percent, spoken_moment, spoken_name, spoken_since, spoken_target, spoken_text
from flows.views.dependencies import Branch
from flows.views.explain import Explanation, Row
from schemas.spoken import count, spoken
from schemas.words import FLEET, Action, EventType, SeenState, Severity

MOST_EPISODES = 10
MOST_MEMBERS = 60
WIDEST_MEMBER = 40
FindCommand = Callable[[Action, str, str], str | None]
_QUIET = {"as_of", "node", "service", "what", "file", "line", "key", "file_order"}


def to_lines(found: Explanation, find_command: FindCommand = lambda *_: None) -> Iterator[str]:
    """Return the screen, from what is asked for to what became of it; with the command to copy, where there is one."""
    yield typer.style(show(spoken_target(*found.target)), bold=True) + _dim(f"  fleet {found.state}")
    if found.target.node != FLEET:
        yield from _section("desired", _placed(tell_desired(found)))
        yield from _section("actual", _placed(tell_actual(found)))
    yield from _section("nodes" if found.target.node == FLEET else "services", _members(found))
    yield from _section("drift", _drift(found))
    yield from _section("recommendation", _recommendation(found, find_command))
    yield from _section("on top of it", (show(remark) for remark in found.remarks))
    yield from _section("why this one", _decisions(found))
    yield from _section("dependencies", _tree(found.causes))
    yield from _section("explains", (show(spoken_name(name)) for name in found.explained))
    yield from _section("episodes of its recommendations", _episodes(found))
    yield from _section(f"its past {spoken_since(found.since, found.as_of)}", _past(found))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    written = list(lines)
    if written:
        yield f"\n{_dim(title)}"
        yield from (f"  {line}" for line in written)


def _placed(told: Iterator[tuple[str, str]]) -> Iterator[str]:
    return (what + _dim(f"  {place}" if place else "") for what, place in told)


def tell_desired(found: Explanation) -> Iterator[tuple[str, str]]:
    """Return what the inventory asks for, and where that stands."""
    for row in found.desired:
        place = _place(row)
        if row["what"] == "dependency":
            yield f"needs {show(row['dependency'])} ({row['scope']})", place
        elif row["what"] == "service":
            yield "monitored" if row["is_monitored"] else "not monitored: neither desired nor reported", place
        else:
            yield f"a node{', intermittent' if row['is_intermittent'] else ''}", place
    if not found.desired:
        yield "no inventory asks for it", ""


def _place(row: Row) -> str:
    line = f":{row['line']}" if row.get("line") else ""
    return f"{show(row['file'])}{line}" if row.get("file") else ""


def tell_actual(found: Explanation) -> Iterator[tuple[str, str]]:
    """Return what the world says of it, and where that stands."""
    for row in found.actual:
        told = {name: value for name, value in row.items() if value and name not in _QUIET}
        said = [_say_value(name, value) for name, value in told.items() if value != SeenState.READABLE]
        yield ", ".join(said) or "a record", f"{show(row['file'])}#{show(row['key'])}"
    if not found.actual:
        yield "the world has no record of it", ""
    yield from ((f"known to the world as {show(name)}", "") for name in found.names)
    yield from ((show(doubt, limit=500), "") for doubt in found.doubts)


def _members(found: Explanation) -> Iterator[str]:
    """Say each service of a node, or node of the fleet: those with drift first, and how it is."""
    width = min(max((len(row["target"]) for row in found.members[:MOST_MEMBERS]), default=0), WIDEST_MEMBER)
    for row in found.members[:MOST_MEMBERS]:
        name = show(spoken_name(row["target"])) if found.target.node == FLEET else show(row["target"].partition("/")[2])
        standing = [drift for drift in row["drift"] if drift["held_by"] is None and drift["severity"] != Severity.INFO]
        is_well = found.is_seen and not row["drift"]
        mark = typer.style("✗", fg="red") if standing else typer.style("✓", fg="green") if is_well else _dim("·")
        unseen = "" if found.is_seen else _dim(", when it was last seen")
        yield f"{mark} {name.ljust(width)}  {_say_member(row)}{unseen}"
    if len(found.members) > MOST_MEMBERS:
        yield _dim(f"and {len(found.members) - MOST_MEMBERS:,} more")


def _say_member(row: Row) -> str:
    words = {f"{_said(drift['kind'])}{_held(drift)}": None for drift in row["drift"]}
    status = [show(row["status"])] if row["status"] else []
    unasked = {None: ["no inventory asks for it"], False: ["not monitored"]}.get(row["is_monitored"], [])
    return _dim(", ".join([*status, *unasked]) or "no record") + (f"  {', '.join(words)}" if words else "")


def _held(drift: Row) -> str:
    return f" (held back by {_said(drift['held_by'])})" if drift["held_by"] else ""


def _say_value(name: str, value: object) -> str:
    is_moment = name.endswith(("_at", "last_seen", "last_activity"))
    return f"{_said(name.removesuffix('_at'))} {show(spoken_text(str(value)) if is_moment else value)}"


def _drift(found: Explanation) -> Iterator[str]:
    for row in found.drift:
        severity = typer.style(row["severity"], fg=tones.SEVERITY[Severity(row["severity"])])
        held = f", held back by {_said(row['held_by'])}" if row["held_by"] else ""
        places = "  ".join(show(row[name]) for name in ("desired_ref", "actual_ref") if row[name])
        yield f"{severity} {_said(row['kind'])}{held}  {_dim(places)}"
        yield _dim(f"  rule: {'; '.join(filter(None, (row['rule'], tell_measured(row))))}")
    if not found.drift and not found.is_seen:
        yield f"none known: nothing is seen of {show(found.target.node)}, its node"
    elif not found.drift:
        yield "none: desired and actual agree" if found.target.node != FLEET else "none about the fleet as a whole"


def tell_measured(row: Row) -> str:
    """Return what a drift was drawn from, as far as something was measured."""
    parts = [f"observed {show(row['observed'])!r}"] if row["observed"] else []
    if row["age_s"] is not None:
        limit = f" (allowed: {spoken(row['limit_s'])})" if row["limit_s"] is not None else ""
        parts.append(f"{spoken(row['age_s'])} ago{limit}")
    if row["consecutive_failures"]:
        parts.append(f"{count(row['consecutive_failures'], 'failure')} in a row")
    return ", ".join(parts)


def _recommendation(found: Explanation, find_command: FindCommand) -> Iterator[str]:
    row = found.recommendation
    if row is None:
        held = sorted({drift["held_by"] for drift in found.drift if drift["held_by"]})
        yield f"none: everything is held back by {_said(' and '.join(held))}" if held else "none"
        return
    event, severity = EventType(row["event_type"]), Severity(row["severity"])
    word = typer.style(event.removeprefix("reconcile_"), fg=tones.EVENT[event], bold=True)
    how = typer.style(severity, fg=tones.SEVERITY[severity])
    yield f"{word}  {how}  {typer.style(_said(row['action']), bold=True)}"
    yield show(row["reason"])
    if row["root_causes"]:
        yield f"root cause: {', '.join(show(spoken_name(cause)) for cause in row['root_causes'])}"
    if row["unblocked_by"]:
        yield f"unblocked by: {show(row['unblocked_by'])}"
    command = find_command(Action(row["action"]), row["node"], row["service"])
    if command is not None:
        yield f"{_dim('$')} {typer.style(show(command, 2000), bold=True)}"


def _decisions(found: Explanation) -> Iterator[str]:
    for line in found.decisions:
        mark = typer.style("✓", fg="green") if line.is_chosen else _dim("·")
        yield f"{mark} {_said(line.action)} for {_said(line.kind)}: {show(line.why)}"


def _tree(branches: list[Branch], indent: str = "") -> Iterator[str]:
    for branch in branches:
        well = _dim("·") if branch.note else typer.style("✓", fg="green")
        mark = typer.style("✗", fg="red") if branch.problem else well
        name = show(spoken_target(*branch.target))
        said = _said(", ".join(filter(None, (branch.problem, branch.note))) or "available")
        is_root = branch.problem and not branch.note and not _is_waiting(branch)
        root = typer.style("  root cause", fg="red") if is_root else ""
        yield f"{indent}{mark} {name}  {_dim(said)}{root}"
        yield from _tree(branch.branches, indent + "  ")


def _is_waiting(branch: Branch) -> bool:
    return any(below.problem for below in branch.branches)


def _episodes(found: Explanation) -> Iterator[str]:
    for episode in reversed(found.episodes):
        state = "open" if episode.is_open else "closed"
        opened = f"{spoken_moment(episode.opened_at)}, {spoken_since(episode.opened_at, found.as_of)} ago"
        again = f", {count(len(episode.openings), 'opening')}" if len(episode.openings) > 1 else ""
        yield f"{state}: {_said(episode.action)}, opened {opened}{again}, {count(episode.seq, 'event')}"


def _past(found: Explanation) -> Iterator[str]:
    if found.past is None:
        yield show(found.past_problem)
        return
    if found.past_problem is not None:
        yield show(found.past_problem)
    for row in found.past.reliability.iter_rows(named=True):
        yield _say_reliability(row)
    episodes = found.past.episodes.to_dicts()
    yield from (_say_episode(row) for row in reversed(episodes[-MOST_EPISODES:]))
    if len(episodes) > MOST_EPISODES:
        aim = f"--node {found.target.node} --service {found.target.service}"
        yield _dim(f"and {len(episodes) - MOST_EPISODES} before; 'supervisor history {show(aim)}' has all")
    if not episodes:
        yield "no drift"


def _say_reliability(row: Row) -> str:
    ratio, recovery = row["availability_ratio"], row["mean_recovery_s"]
    parts = [] if ratio is None else [f"available {percent(ratio, row['observed_s'])}"]
    parts += [count(row["episode_count"], "episode"), f"{spoken(row['drift_s'])} of drift"]
    parts += [] if recovery is None else [f"{spoken(recovery)} to recovery on average"]
    return ", ".join(parts) + (", flapping" if row["is_flapping"] else "")


def _say_episode(row: Row) -> str:
    lasted = spoken(row["duration_s"])
    end = f"resolved {spoken_moment(row['resolved_at'])} after {lasted}" if row["resolved_at"] else f"open, {lasted}"
    what = _said(row["kind"]) + (f" {show(row['incident_id'])}" if row["incident_id"] else "")
    notes = [f"{_said(row['action'])} recommended"] if row["action"] else []
    notes += ["held back"] if row["is_held_back"] else []
    notes += [f"reopened, {row['reopened_count']} before"] if row["reopened_count"] else []
    notes += ["flapping"] if row["is_flapping"] else []
    return f"{spoken_moment(row['opened_at'])}  {what}, {end}{_dim('  ' + ', '.join(notes)) if notes else ''}"


def to_document(found: Explanation) -> dict[str, Any]:
    """Return it as plain values."""
    return {
        "schema_version": 1,
        "target": f"{found.target.node}/{found.target.service}",
        "as_of": instant(found.as_of),
        "state": found.state,
        "desired": found.desired,
        "actual": found.actual,
        "names": found.names,
        "doubts": found.doubts,
        "members": found.members,
        "drift": found.drift,
        "recommendation": found.recommendation,
        "decisions": [line._asdict() for line in found.decisions],
        "dependencies": [_branch(branch) for branch in found.causes],
        "explains": found.explained,
        "remarks": found.remarks,
        "episodes": [
            {
                "recommendation_id": episode.recommendation_id,
                "is_open": episode.is_open,
                "opened_at": instant(episode.opened_at),
                "openings": [instant(moment) for moment in episode.openings],
                "event_count": episode.seq,
            }
            for episode in found.episodes
        ],
        "past": _past_document(found),
    }


def _past_document(found: Explanation) -> dict[str, Any]:
    past = found.past
    return {
        "since": instant(found.since),
        "problem": found.past_problem,
        "reliability": rows(past.reliability)[0] if past and past.reliability.height else None,
        "episodes": rows(past.episodes) if past else [],
    }


def _branch(branch: Branch) -> dict[str, Any]:
    below = [_branch(part) for part in branch.branches]
    return {"target": "/".join(branch.target), "problem": branch.problem, "note": branch.note, "needs": below}


def _said(word: object) -> str:
    return show(word).replace("_", " ")


def _dim(text: str) -> str:
    return typer.style(text, dim=True)
