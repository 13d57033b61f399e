"""What `supervisor --help` shows: the commands by what they are for, as wide as the terminal."""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

GROUPS = {
    "Every day": ("reconcile", "status", "explain", "ack", "watch", "web", "report"),
    "What is asked for, and what is there": ("check", "observe", "deployment"),
    "The past": ("history", "what-if", "replay", "backfill", "archive"),
    "Acting": (
        "policy", "actions", "approve", "reject", "hold", "release", "halt", "resume", "attest-down", "act",
    ),
    "Plumbing": ("config", "doctor", "log", "notify", "metrics", "serve", "install-units", "demo"),
}  # fmt: skip
WIDEST = 1000
_TYPE = re.compile(r"<(list\[)?(str|int|float)\]?>")
_PLAIN = {"str": "text", "int": "number", "float": "number"}
_OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
_EXAMPLE = re.compile(r"^ +(?:[A-Z_]+=\S+ )?supervisor .*$", re.MULTILINE)
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": WIDEST}


class HelpScreen(TyperCommand.context_class.formatter_class):  # type: ignore[misc,name-defined]
    """Writes help in colour, which a pipe and NO_COLOR do not get, and types as people say them."""

    def write_heading(self, heading: str) -> None:
        """Write a title."""
        super().write_heading(_style(heading, bold=True))

    def write_text(self, text: str) -> None:
        """Write paragraphs, with the commands to copy in them made to be seen."""
        begun = len(self.buffer)
        super().write_text(text)
        written = "".join(self.buffer[begun:])
        self.buffer[begun:] = [_EXAMPLE.sub(lambda found: _style(found[0], fg="cyan"), written)]

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write names and their meanings."""
        super().write_dl([(_color(_say_type(name)), said) for name, said in rows], col_max, col_spacing)


def _style(text: str, **how: Any) -> str:
    return text if os.environ.get("NO_COLOR") else typer.style(text, **how)


def _say_type(name: str) -> str:
    return _TYPE.sub(lambda found: f"<{_PLAIN[found[2]]}>{'...' if found[1] else ''}", name)


def _color(name: str) -> str:
    """Return an option's names, or a command's, in colour."""
    if name.lstrip().startswith("-"):
        return _OPTION.sub(lambda found: _style(found[0], fg="green"), name)
    return _style(name, fg="green")


TyperCommand.context_class.formatter_class = HelpScreen


class Commands(TyperGroup):
    """Lists the commands in groups, those that are needed first at the top."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the framework calls it so
        """Return their names in that order; one that is in no group comes last."""
        order = [name for names in GROUPS.values() for name in names]
        return sorted(self.commands, key=lambda name: order.index(name) if name in order else len(order))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group."""
        for title, rows in self._grouped(ctx, formatter.width - 22):
            with formatter.section(title):
                formatter.write_dl(rows)

    def _grouped(self, ctx: Any, limit: int) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        shown = {name: self.commands[name] for name in self.list_commands(ctx) if not self.commands[name].hidden}
        grouped = {name for names in GROUPS.values() for name in names}
        for title, names in [*GROUPS.items(), ("More", [name for name in shown if name not in grouped])]:
            rows = [(name, shown[name].get_short_help_str(limit)) for name in names if name in shown]
            if rows:
                yield title, rows
