"""What an operator sees in a terminal: the state, what to do in which order and why, what is held back."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from flows.render import tones
from flows.render.terminal import CommandLine
from flows.text.escape import show, show_lines
from flows.text.extent import name_some, say_extent
from flows.text.spoken import said, spoken_moment, spoken_target, spoken_within
from schemas.episode import Target
from schemas.expressions import target
from schemas.rejected import is_fault
from schemas.run import Judgement
from schemas.spoken import count, spoken
from schemas.words import ALL, Action, EventType, ExplainedBy, HeldBy, Outcome, Severity, State

if TYPE_CHECKING:
    from flows.run.result import RunReport

STATE_STYLE = {state: f"bold {color}" for state, color in tones.STATE.items()}
SEVERITY_STYLE = dict(tones.SEVERITY)
FAULT_STYLE = {"warning": "yellow", "error": "bold red"}
MOST_FAULTS = 20
INDENT = tones.EVENT_WIDTH
PAGES = {Outcome.SKIPPED: "docs/world.md", Outcome.FAILED: "docs/inventory.md", Outcome.PARTIAL: "docs/inventory.md"}
NARROW = 50
"""Columns below which reasons are indented by two only."""
INPUT_OPTIONS = frozenset({"--config", "--inventory", "--world"})


@dataclass(frozen=True, slots=True)
class Hints:
    """What a person may type next."""

    find_command: Callable[[Action, str, str], str | None] = lambda *_: None
    """The command to copy for an action on a node's service."""
    options: str = ""
    """The options that led to this run, as they are typed behind a command."""


def print_report(report: "RunReport", console: Console, *, quiet: bool = False, hints: Hints | None = None) -> None:
    """Print the run; quiet: the summary line alone."""
    console.print(draw_report(report, console.width, quiet=quiet, hints=hints), crop=False)


def draw_report(report: "RunReport", width: int, *, quiet: bool = False, hints: Hints | None = None) -> Group:
    """Return the run as it is printed in so many columns."""
    indent = INDENT if width >= NARROW else 2
    return Group(_headline(report), *([] if quiet else _details(report, indent, hints or Hints())))


def _details(report: "RunReport", indent: int, hints: Hints) -> Iterator[RenderableType]:
    if report.desired is not None:
        yield from faults(report.desired.unread)
    if report.judgement is not None and report.standing is not None:
        yield from _recommendations(report.standing, indent, hints)
        yield from _acknowledged(report)
        yield from _held_back(report.judgement)
    yield from _acting(report)
    if report.actual is not None and report.actual.rejected.height:
        yield from _rejected(report.actual.rejected)
    yield from (Text(f"note: {show(note)}", style="dim") for note in report.notes)
    yield from _next_step(report, hints)


def _next_step(report: "RunReport", hints: Hints) -> Iterator[RenderableType]:
    """Say what to type next: why the first is recommended, or what cannot be read."""
    if report.standing is not None and report.standing.height:
        node, service = report.standing.select("node", "service").row(0)
        what = f"supervisor explain {show(spoken_target(node, service))}{hints.options}"
    elif report.error or report.is_partial:
        what = f"supervisor check{_of_inputs(hints.options)}"
    else:
        return
    page = PAGES.get(report.outcome)
    more = (f"    more: {page}", "dim") if page else ""
    yield CommandLine(Text.assemble("\n", ("next: ", "dim"), (what, "bold"), more))


def _of_inputs(options: str) -> str:
    """Return those of the options that `check` has as well."""
    words = shlex.split(options)
    pairs = zip(words[::2], words[1::2], strict=True)
    return "".join(f" {shlex.join(pair)}" for pair in pairs if pair[0] in INPUT_OPTIONS)


def _acting(report: "RunReport") -> Iterator[RenderableType]:
    """Say what is asked, runs, is held or halted: with who, why and until when; nothing where acting is off."""
    if report.acting is None:
        return
    from flows.run.acting.view import spell_view

    lines = spell_view(report.acting.view(str(report.state)), report.as_of)
    yield from [Text("")] if lines else []
    for line in lines:
        yield Text(show(line, 1000), style="bold red" if line.startswith("HALTED") else "")


def _headline(report: "RunReport") -> Text:
    """Say the state, the counts by event type, the age of the world, and how long it took."""
    if report.summary is None:
        return _no_conclusion(report)
    summary = report.summary.row(0, named=True)
    state = State(summary["state"])
    counts = [
        f"{summary[f'{word}_count']:,} {word}"
        for word in ("required", "blocked", "recommended")
        if summary[f"{word}_count"]
    ] or ["nothing to do"]
    if summary["held_count"]:
        counts.append(f"{summary['held_count']:,} held back")
    if report.acknowledged_count:
        counts.append(f"{report.acknowledged_count} acknowledged")
    took = sum(report.timings_s.values())
    line = Text()
    if report.outcome is Outcome.PARTIAL:
        line.append(f"PARTIAL  not judged: {show(_unjudged(report))}  ·  ", style="bold yellow")
    line.append(state.value.upper(), style=STATE_STYLE[state])
    line.append(f"  {say_extent(summary, report.as_of)}; {', '.join(counts)}")
    line.append(f"  ·  world {spoken(summary['world_age_s'])} old  ·  {took:.2f} s", style="dim")
    return line


def _unjudged(report: "RunReport") -> str:
    """Return what cannot be judged for what could not be read: services, what else a node asks for, or files."""
    if report.desired is None:
        return "a part of the inventory"
    faults = report.desired.unread.filter(is_fault())
    aim = (
        pl.when(pl.col("node").is_null())
        .then("file")
        .otherwise(
            pl.when(pl.col("service").is_null())
            .then(pl.format("what else {} asks for", "node"))
            .otherwise(_spoken_targets())
        )
    )
    return name_some(faults.select(aim.unique(maintain_order=True)).to_series().to_list())


def _no_conclusion(report: "RunReport") -> Text:
    line = Text.assemble(
        (report.outcome.value.upper(), "bold magenta"), "  ", show_lines(spoken_within(report.error or ""))
    )
    if report.last_state is not None and report.last_age_s is not None:
        ago = f"judged {spoken(report.last_age_s)} ago"
        line.append(f"\nThe last known state stands: {report.last_state.value}, {ago}.", style="dim")
    return line


def _recommendations(standing: pl.DataFrame, indent: int, hints: Hints) -> Iterator[RenderableType]:
    """Return each recommendation as a line, its reason and the command to copy below: readable in 80 columns."""
    rows = standing.select("event_type", "action", "severity", "node", "service", "blast_radius", "reason")
    for event_type, action, severity, node, service, blast_radius, reason in rows.iter_rows():
        word = event_type.removeprefix("reconcile_")
        line = Text(f"\n{word:<{tones.EVENT_WIDTH}}", style=f"bold {tones.EVENT[EventType(event_type)]}")
        line.append(f"{severity:<{tones.SEVERITY_WIDTH}}", style=f"not bold {SEVERITY_STYLE[Severity(severity)]}")
        line.append(f"{said(action)}  ", style="not bold default")
        line.append(show(spoken_target(node, service)), style="bold default")
        if blast_radius:
            line.append(f"  explains {blast_radius:,} more", style="not bold dim default")
        yield line
        yield Padding(Text(show(reason)), (0, 0, 0, indent), expand=False)
        command = hints.find_command(Action(action), node, service)
        if command is not None:
            yield CommandLine(
                Text.assemble(" " * indent, ("$ ", "dim"), (show(command, 2000), "bold"), overflow="fold")
            )


def _acknowledged(report: "RunReport") -> Iterator[RenderableType]:
    """Return one line for each recommendation that somebody answers for: what, who, until when, why."""
    if report.attention is None or not report.acknowledged_count:
        return
    yield Text("\nacknowledged", style="dim")
    for row in report.attention.acknowledged.acknowledged.iter_rows(named=True):
        by = report.attention.acknowledged.by[Target(row["node"], row["service"])]
        what = f"  {said(row['action'])}  {spoken_target(row['node'], row['service'])}"
        why = f"  {show(by.owner)} until {spoken_moment(by.until)}: {show(by.reason)}"
        yield Text.assemble(show(what), (why, "dim"))


def _held_back(judgement: Judgement) -> Iterator[RenderableType]:
    """Return one line for each explanation: what is held back under it."""
    held = judgement.drift.filter(pl.col("held_by").is_not_null())
    if held.is_empty():
        return
    explained = judgement.explained.filter(pl.col("how") == ExplainedBy.HELD_BACK).select(
        "as_of", under=_spoken_targets(), node="explained_node", service="explained_service"
    )
    held = held.join(explained, on=["as_of", "node", "service"], how="left", maintain_order="left")
    under = (
        pl.when(pl.col("held_by").is_in([HeldBy.MAINTENANCE, HeldBy.DEPLOYMENT_IN_FLIGHT, HeldBy.SETTLING]))
        .then(_spoken_targets())
        .when(pl.col("under").is_not_null())
        .then("under")
        .otherwise("node")
    )
    folded = held.group_by(under.alias("under"), "held_by", maintain_order=True).agg(
        pl.len(),
        pl.concat_str(pl.col("kind").cast(pl.String).str.replace_all("_", " "), pl.lit(" "), _spoken_targets())
        .head(4)
        .alias("some"),
    )
    yield Text("\nheld back", style="dim")
    for row in folded.iter_rows(named=True):
        more = f", and {row['len'] - 4:,} more" if row["len"] > 4 else ""
        some = ", ".join(row["some"])
        under_what = f"{show(row['under'])} ({said(row['held_by'])})"
        yield Padding(Text(f"{row['len']:,} under {under_what}: {show(some)}{more}"), (0, 0, 0, 2), expand=False)


def _spoken_targets() -> pl.Expr:
    """Return each row's target as `spoken_target` says it."""
    return pl.when(pl.col("service") == ALL).then("node").otherwise(target())


def _rejected(rejected: pl.DataFrame) -> Iterator[RenderableType]:
    yield Text(f"\n{count(rejected.height, 'world record')} set aside", style="yellow")
    for row in rejected.head(MOST_FAULTS).iter_rows(named=True):
        yield Text(f"  {show(row['file'])}#{show(row['key'])}: {show(row['reason'])}")
    yield from _rest(rejected.height)


def faults(unread: pl.DataFrame, most: int = MOST_FAULTS) -> Iterator[Text]:
    """Return the inventory's faults, a line each, warnings last; the rest of more than `most` is counted."""
    for word, fault in list_faults(unread, most):
        yield Text.assemble((f"{word}: ", FAULT_STYLE[word]), fault)
    yield from _rest(unread.height, most)


def list_faults(unread: pl.DataFrame, most: int) -> Iterator[tuple[str, str]]:
    """Return the word and the sentence of each, warnings last."""
    listed = unread.sort("is_warning", "file", "line", maintain_order=True)
    for row in listed.head(most).iter_rows(named=True):
        place = ":".join(str(part) for part in (row["file"], row["line"], row["column"]) if part is not None)
        yield ("warning" if row["is_warning"] else "error"), f"{show(place)}: {show(row['problem'])}"


def _rest(height: int, most: int = MOST_FAULTS) -> Iterator[Text]:
    if height > most:
        yield Text(f"  and {height - most:,} more; 'supervisor check' lists all")
