"""The last run in a terminal and as JSON, without rich and polars: it must be there at once."""

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from flows.render import tones
from flows.text.escape import show
from flows.text.extent import say_asked
from flows.text.spoken import instant, spoken_moment, spoken_since, spoken_target, spoken_text, spoken_within
from flows.views.status import Status
from schemas.spoken import count, spoken
from schemas.words import EventType, Severity, State

MOST = 15


def to_lines(status: Status, typed: str = "") -> Iterator[str]:
    """Return the screen: the state and its age, why, what is open, what makes it doubtful, and what to type next.

    `typed` are the options that led here, as they are typed behind a command.
    """
    if status.last_run is None:
        yield f"no run yet in {show(status.checkpoint, limit=500)}: 'supervisor reconcile' makes one"
        yield from _attempt(status)
        return
    yield _headline(status)
    counts = status.last_run.counts
    if "well_service_count" in counts:
        planned = counts.get("planned_count")
        yield say_asked(counts) + (f"; {planned} planned to be away" if planned else "")
    yield _dim(_say_whose(status))
    yield from _doubts(status)
    yield from _derivation(status)
    yield from _acting(status)
    yield from _episodes(status)
    yield from _acknowledged(status)
    for row in status.standing()[:1]:
        what = f"supervisor explain {show(spoken_target(str(row['node']), str(row['service'])))}{typed}"
        yield f"\n{_dim('next:')} {typer.style(what, bold=True)}"


def _headline(status: Status) -> str:
    run = status.last_run
    assert run is not None  # noqa: S101 - the caller looked
    since = spoken_since(run.state_since or run.as_of, status.now)
    state = typer.style(run.state.value.upper(), fg=tones.STATE[run.state], bold=True)
    parts = [f"last run {spoken_since(run.as_of, status.now)} ago"]
    if run.world_at is not None:
        parts.append(f"world {spoken_since(run.world_at, status.now)} old")
    return f"{state}  for {since}  {_dim('  ·  '.join(['', *parts]).strip())}"


def _say_whose(status: Status) -> str:
    """Return of which inventory the state is, where it was read, and as of when."""
    run = status.last_run
    assert run is not None  # noqa: S101 - the caller looked
    of = f"of {show(run.inventory, limit=500)}, " if run.inventory else ""
    return f"{of}as of {spoken_moment(run.as_of)}, in {show(status.checkpoint, limit=500)}"


def _doubts(status: Status) -> Iterator[str]:
    run = status.last_run
    if status.is_old and run is not None:
        age = spoken_since(run.as_of, status.now)
        yield _warn(f"STALE  the last run with conclusions was {age} ago: does anything still run the supervisor?")
    if run is not None and run.outcome == "partial":
        yield _warn("PARTIAL  a part of the inventory could not be read; 'supervisor check' says which")
    yield from _attempt(status)
    yield from _unsent(status)


def _unsent(status: Status) -> Iterator[str]:
    """Say what people were not told."""
    if status.waiting is not None and status.waiting.messages:
        failed = f", {status.waiting.failed} of them not taken" if status.waiting.failed else ""
        what = f"{count(status.waiting.messages, 'message')} not sent yet{failed}"
        yield _warn(f"{what}: 'supervisor notify test' says which address takes one")


def _attempt(status: Status) -> Iterator[str]:
    attempt = status.last_attempt
    if attempt is not None:
        when = spoken_since(attempt.as_of, status.now)
        stands = ", so this state stands unconfirmed" if status.last_run is not None else ""
        why = show(spoken_within(attempt.reason))
        yield _warn(f"{attempt.outcome.upper()}  {when} ago{stands}: {why}")


def _acting(status: Status) -> Iterator[str]:
    """Say what was asked, runs, is held or halted in the last run."""
    if status.acting is None:
        return
    from flows.run.acting.view import spell_view

    notes = [f"note: {show(note, 2000)}" for note in status.acting.get("notes", ())]
    lines = [show(line, 1000) for line in spell_view(status.acting, status.now)]
    if notes or lines:
        yield ""
    yield from map(_warn, notes)
    yield from (_warn(line) if line.startswith("HALTED") else line for line in lines)


def _derivation(status: Status) -> Iterator[str]:
    rows = status.derivation()
    if status.state is State.RECONCILING:
        counts = status.acting["counts"] if status.acting else {}
        is_repairing = counts.get("running", 0) + counts.get("verifying", 0) > 0
        why = "something is being repaired" if is_repairing else "deployments in flight hold drift back"
        yield f"\nreconciling, since {why}"
    if not rows or status.state is State.NOMINAL:
        return
    yield f"\n{status.state} because of"
    for row in rows[:MOST]:
        yield from _recommendation(row)
    yield from _rest(len(rows))
    first = status.standing()[0]
    if first not in rows:
        yield "\nwhat to do first"
        yield from _recommendation(first)


def _recommendation(row: Mapping[str, Any]) -> Iterator[str]:
    event, severity = EventType(row["event_type"]), Severity(row["severity"])
    word = event.removeprefix("reconcile_").ljust(tones.EVENT_WIDTH)
    kind = typer.style(word, fg=tones.EVENT[event], bold=True)
    blast = row.get("blast_radius")
    more = _dim(f"  explains {blast} more") if blast else ""
    yield f"  {kind}{_severity(severity)}{_said(row['action'])}  {_target(row)}{more}"
    yield f"  {'':{tones.EVENT_WIDTH}}{_dim(show(row['reason']))}"


def _episodes(status: Status) -> Iterator[str]:
    yield f"\n{count(len(status.open_episodes), 'open episode')}"
    for episode in status.open_episodes[:MOST]:
        age = spoken_since(episode.opened_at, status.now)
        target = show(spoken_target(episode.node, episode.service))
        yield f"  {age:<{tones.EVENT_WIDTH}}{_severity(episode.severity)}{_said(episode.action)}  {target}"
    yield from _rest(len(status.open_episodes))


def _acknowledged(status: Status) -> Iterator[str]:
    rows = status.acknowledged()
    if rows:
        yield f"\n{len(rows)} acknowledged"
    for row in rows[:MOST]:
        note = row["acknowledgement"]
        why = f"{show(note['owner'])} until {show(spoken_text(note['until']))}: {show(note['reason'])}"
        yield f"  {_said(row['action'])}  {_target(row)}  {_dim(why)}"
    yield from _rest(len(rows))


def _severity(severity: Severity) -> str:
    return typer.style(severity.ljust(tones.SEVERITY_WIDTH), fg=tones.SEVERITY[severity])


def _rest(height: int) -> Iterator[str]:
    if height > MOST:
        yield f"  and {height - MOST:,} more"


def _target(row: Any) -> str:
    return typer.style(show(spoken_target(row["node"], row["service"])), bold=True)


def _said(word: object) -> str:
    return show(word).replace("_", " ")


def _dim(text: str) -> str:
    return typer.style(text, dim=True)


def _warn(text: str) -> str:
    return typer.style(text, fg="magenta")


def to_document(status: Status) -> dict[str, Any]:
    """Return the status as plain values, instants as ISO 8601."""
    run, attempt = status.last_run, status.last_attempt
    return {
        "schema_version": 1,
        "checkpoint": str(status.checkpoint) if status.checkpoint else None,
        "inventory": run.inventory if run and run.inventory else None,
        "state": run and run.state,
        "state_since": run and instant(run.state_since),
        "as_of": run and instant(run.as_of),
        "age": run and spoken((status.now - run.as_of).total_seconds()),
        "world_at": run and instant(run.world_at),
        "outcome": run and run.outcome,
        "is_old": status.is_old,
        "counts": dict(run.counts) if run else {},
        "because_of": [row["recommendation_id"] for row in status.derivation()],
        "recommendations": [dict(row) for row in run.recommendations] if run else [],
        "open_episodes": [
            {
                "recommendation_id": episode.recommendation_id,
                "node": episode.node,
                "service": episode.service,
                "action": episode.action,
                "severity": episode.severity,
                "opened_at": instant(episode.opened_at),
            }
            for episode in status.open_episodes
        ],
        "messages": {"waiting": status.waiting.messages, "failed": status.waiting.failed} if status.waiting else None,
        "last_attempt": attempt
        and {"as_of": instant(attempt.as_of), "outcome": attempt.outcome, "reason": attempt.reason},
        **({"acting": dict(status.acting)} if status.acting is not None else {}),
    }
