"""The past on a terminal, in Markdown, as JSON and as CSV; every foreign text escaped."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl
from rich.console import Console, Group, RenderableType
from rich.text import Text

from flows.past.study import Past
from flows.render.table import SEVERITY_STYLE, STATE_STYLE
from flows.render.tabulate import Column, tabulate
from flows.text.escape import csv_cell, markdown, show
from flows.text.spoken import bare_moment, percent, said, spoken_target, zone_name
from schemas.drift_episode import DriftEpisode
from schemas.frame import columns as columns_of
from schemas.spoken import count, spoken
from schemas.words import Severity, State

SCHEMA_VERSION = 1
MOST_ROWS = 20
OFFENDER = (
    Column("target"),
    Column("available", is_number=True),
    Column("down", is_number=True),
    Column("drift", is_number=True, drop=2),
    Column("episodes", drop=1),
    Column("recovery", is_number=True, drop=3),
)
ACTION = (
    Column("action"),
    Column("recommended", is_number=True, drop=2),
    Column("recovered after", is_number=True),
    Column("median", is_number=True, drop=1),
)
EPISODE = (
    Column("opened", short=lambda text: text[5:]),
    Column("target"),
    Column("drift", drop=1),
    Column("severity", drop=2),
    Column("lasted"),
    Column("resolved", drop=4, short=lambda text: text[5:]),
    Column("action", drop=3),
    Column("", drop=5),
)
"""A column that is short has its year in the headline."""

Row = dict[str, Any]
Pasts = Mapping[str, Past]
"""The past of each site by its name; of this place alone under an empty one."""


class Table(NamedTuple):
    """A table of the past."""

    title: str
    columns: tuple[Column, ...]
    rows: list[tuple[object, ...]]
    total: int
    """How many rows there are in all."""

    def by_site(self, sites: Iterable[str]) -> "Table":
        """Return it with the site of each row in front."""
        rows = [(site, *row) for site, row in zip(sites, self.rows, strict=False)]
        return self._replace(columns=(Column("site"), *self.columns), rows=rows)


def print_past(pasts: Pasts, console: Console) -> None:
    """Print the states, the worst offenders, the actions and the newest episodes."""
    for part in _parts(pasts, console):
        console.print(part)


def _parts(pasts: Pasts, console: Console) -> Iterator[RenderableType]:
    for site, past in pasts.items():
        yield _name(site) + _headline(past)
        if past.spans.height:
            yield _states(past)
    for title, headings, rows, total in _tables(pasts):
        cells = [[_cell_text(cell) for cell in row] for row in rows]
        yield Group("", tabulate(console, headings, cells, title))
        if total > len(rows):
            yield Text(f"and {total - len(rows):,} more; --format json has all", style="dim")


def _cell_text(cell: object) -> Text:
    return Text(show(cell), style=SEVERITY_STYLE[cell] if isinstance(cell, Severity) else "")


def _name(site: str) -> Text:
    return Text(f"{show(site)}: " if site else "", style="bold")


def _headline(past: Past) -> Text:
    if past.spans.is_empty():
        return Text("no runs with conclusions in this period")
    first, last = past.spans["as_of"][0], past.spans["as_of"][-1]
    until = f" to {bare_moment(last)}" if last > first else ""
    return Text(f"{count(past.spans.height, 'run')}, {bare_moment(first)}{until} {zone_name(last)}")


def _states(past: Past) -> Text:
    """Return the time in each state that there was."""
    parts = [
        Text.assemble((f"{state.value} ", STATE_STYLE[state]), spoken(hours * 3600))
        for state, hours in state_hours(past).items()
        if hours
    ]
    return Text("  ").join(parts)


def state_hours(past: Past) -> dict[State, float]:
    """Return the hours in each state."""
    spent = past.spans.group_by("state").agg(pl.col("observed_s").sum() / 3600)
    hours = dict(spent.iter_rows())
    return {state: round(hours.get(state.value, 0.0), 3) for state in State}


def _tables(pasts: Pasts) -> Iterator[Table]:
    """Return each table that has a row; of several sites with the site as its first column."""
    parts = pasts.items()
    worst = _join((site, past.reliability.filter(pl.col("episode_count") > 0)) for site, past in parts)
    actions = _join((site, past.actions) for site, past in parts)
    newest = _join((site, past.episodes) for site, past in parts).sort(
        "opened_at", descending=True, maintain_order=True
    )
    if len(pasts) > 1:
        worst = worst.sort("unavailable_s", "drift_s", "episode_count", descending=True, maintain_order=True)
    tables = (
        Table("worst offenders", OFFENDER, [_offender(row) for row in _rows(worst.head(MOST_ROWS))], worst.height),
        Table("was it followed by recovery", ACTION, [_action(row) for row in _rows(actions)], 0),
        Table("newest episodes", EPISODE, [_episode(row) for row in _rows(newest.head(MOST_ROWS))], newest.height),
    )
    for table, frame in zip(tables, (worst, actions, newest), strict=True):
        if table.rows:
            yield table if list(pasts) == [""] else table.by_site(frame["site"])


def _join(parts: Iterable[tuple[str, pl.DataFrame]]) -> pl.DataFrame:
    return pl.concat([frame.with_columns(pl.lit(site).alias("site")) for site, frame in parts])


def _offender(row: Row) -> tuple[object, ...]:
    ratio = row["availability_ratio"]
    return (
        spoken_target(row["node"], row["service"]),
        "" if ratio is None else percent(ratio, row["observed_s"]),
        spoken(row["unavailable_s"]),
        spoken(row["drift_s"]),
        ", ".join([str(row["episode_count"]), *_notes(row)]),
        "" if row["mean_recovery_s"] is None else spoken(row["mean_recovery_s"]),
    )


def _notes(row: Row) -> list[str]:
    return ([f"{row['open_count']} open"] if row["open_count"] else []) + (["flaps"] if row["is_flapping"] else [])


def _action(row: Row) -> tuple[object, ...]:
    median = row["median_recovery_s"]
    recovered = f"{row['recovered_count']} ({row['recovered_ratio'] * 100:.0f} %)"
    return said(row["action"]), row["episode_count"], recovered, "" if median is None else spoken(median)


def _episode(row: Row) -> tuple[object, ...]:
    return (
        bare_moment(row["opened_at"]),
        spoken_target(row["node"], row["service"]),
        said(row["kind"]),
        Severity(row["severity"]),
        spoken(row["duration_s"]) if row["resolved_at"] else f"open, {spoken(row['duration_s'])}",
        bare_moment(row["resolved_at"]) if row["resolved_at"] else "",
        said(row["action"] or ""),
        "flapping" if row["is_flapping"] else "",
    )


def past_to_markdown(pasts: Pasts) -> str:
    """Return the same in Markdown."""
    parts = ["## History"]
    for site, past in pasts.items():
        parts.append(markdown((_name(site) + _headline(past)).plain))
        parts += [markdown(_states(past).plain)] if past.spans.height else []
    for title, columns, rows, total in _tables(pasts):
        headings = tuple(column.heading for column in columns)
        lines = [headings, ("---",) * len(headings), *[tuple(markdown(cell) for cell in row) for row in rows]]
        parts += [f"### {title}", "\n".join(f"| {' | '.join(line)} |" for line in lines)]
        if total > len(rows):
            parts.append(f"and {total - len(rows):,} more")
    return "\n\n".join(parts) + "\n"


def past_to_json(pasts: Pasts) -> str:
    """Return all of it as one JSON document; of sites, one for each in `sites`."""
    from flows.render.document import dump  # with all that a run's document says, which a table does not

    if list(pasts) == [""]:
        return dump({"schema_version": SCHEMA_VERSION, **_to_document(pasts[""])}, indent=2)
    sites = [{"site": show(site), **_to_document(past)} for site, past in pasts.items()]
    return dump({"schema_version": SCHEMA_VERSION, "sites": sites}, indent=2)


def _to_document(past: Past) -> Row:
    return {
        "run_count": past.spans.height,
        "left_out": [show(text, limit=2000) for text in past.left_out],
        "state_hours": state_hours(past),
        "reliability": _plain(past.reliability),
        "actions": _plain(past.actions),
        "episodes": _plain(past.episodes),
    }


def past_to_csv(pasts: Pasts) -> str:
    """Return the episodes as CSV, a cell that a spreadsheet would take for a formula behind an apostrophe."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    first = [] if list(pasts) == [""] else ["site"]
    writer.writerow([*first, *columns_of(DriftEpisode)])
    for site, past in pasts.items():
        named = [site][: len(first)]
        writer.writerows([_cell(value) for value in (*named, *row.values())] for row in _plain(past.episodes))
    return lines.getvalue()


def _cell(value: object) -> object:
    return csv_cell(value) if isinstance(value, str) else value


def _rows(frame: pl.DataFrame) -> list[Row]:
    return frame.to_dicts()


def _plain(frame: pl.DataFrame) -> list[Row]:
    return frame.with_columns(pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).to_dicts()
