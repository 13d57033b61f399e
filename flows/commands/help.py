"""What `supervisor --help` shows: the commands by what they are for, as wide as the terminal."""

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

GROUPS = {
    "Every day": ("reconcile", "status", "explain", "ack", "watch", "web", "report"),
    "What is asked for, and what is there": ("check", "observe", "deployment"),
    "The past": ("history", "what-if", "replay", "backfill", "archive"),
    "Acting": (
        "policy", "actions", "approve", "reject", "hold", "release", "halt", "resume", "attest-down", "act",
    ),
    "Plumbing": ("config", "doctor", "log", "notify", "metrics", "serve", "install-units", "demo"),
}  # fmt: skip
WIDEST = 120
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": WIDEST}


class Commands(TyperGroup):
    """Lists the commands in groups, those that are needed first at the top."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the framework calls it so
        """Return their names in that order; one that is in no group comes last."""
        order = [name for names in GROUPS.values() for name in names]
        return sorted(self.commands, key=lambda name: order.index(name) if name in order else len(order))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group."""
        for title, rows in self._grouped(ctx, formatter.width - 22):
            with formatter.section(typer.style(title, bold=True)):
                formatter.write_dl(rows)

    def _grouped(self, ctx: Any, limit: int) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        shown = {name: self.commands[name] for name in self.list_commands(ctx) if not self.commands[name].hidden}
        grouped = {name for names in GROUPS.values() for name in names}
        for title, names in [*GROUPS.items(), ("More", [name for name in shown if name not in grouped])]:
            rows = [(name, shown[name].get_short_help_str(limit)) for name in names if name in shown]
            if rows:
                yield title, rows
