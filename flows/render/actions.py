"""`actions list` on a terminal: a table of what is asked, runs and was done, and what to type for what waits for a person."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from flows.render.tabulate import Column, tabulate
from flows.render.terminal import CommandLine
from flows.text.escape import show
from flows.text.spoken import said, spoken_since, spoken_target, spoken_text

COLUMNS = (
    Column("state"),
    Column("action"),
    Column("target"),
    Column("since"),
    Column("by rule", drop=2),
    Column("outcome", cut=14, drop=1),
)
WORDS = {"pending": "asks", "running": "runs", "verifying": "is being verified"}
STYLES = {"pending": "bold magenta", "running": "cyan", "verifying": "cyan", "failed": "red", "completed": "green"}


def draw_actions(actions: list[Mapping[str, Any]], now: datetime, console: Console) -> Iterator[RenderableType]:
    """Yield the table, and a line to copy for each action that asks."""
    if actions:
        yield tabulate(console, COLUMNS, [_cells(row, now) for row in actions])
    for row in actions:
        if row["phase"] == "pending":
            command = f"supervisor approve {show(row['action_id'])} --intent {row['intent_id'][:12]}"
            yield CommandLine(Text.assemble(("next: ", "dim"), (command, "bold")))


def _cells(row: Mapping[str, Any], now: datetime) -> list[Text]:
    phase = row["phase"]
    return [
        Text(WORDS.get(phase, said(phase)), style=STYLES.get(phase, "")),
        Text(said(row["verb"])),
        Text(show(spoken_target(row["node"], row["service"])), style="bold"),
        Text(spoken_since(datetime.fromisoformat(row["updated_at"]), now)),
        Text(show(row["rule_id"] or "")),
        Text(show(_tell(row))),
    ]


def _tell(row: Mapping[str, Any]) -> str:
    decision, attempt = row["decision"], row["attempt"]
    if row.get("refused"):
        return f"not started: {said(row['refused'])}"
    if row["phase"] == "pending":
        return "a person's yes"
    if row["phase"] == "approved" and decision and decision["verdict"] != "start":
        return (
            f"{said(decision['decided_by'])}{' until ' + spoken_text(decision['until']) if decision['until'] else ''}"
        )
    if attempt is None:
        return ""
    return ", ".join(said(word) for word in (attempt["result"], attempt["outcome"]) if word)
