"""What `supervisor --help` shows: the commands by what they are for, as wide as the terminal."""

import os
import re
from collections.abc import Sequence
from enum import EnumType
from pathlib import Path
from typing import Any

import typer
from typer import core
from typer._coercion import build_runtime_param
from typer.core import TyperCommand, TyperGroup

from flows.commands.on_demand import GROUPS, OnDemand

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


class _Reader:
    """Takes a plain value as typer would, which imports pydantic for it: longer than `status` takes, a tenth of a run."""

    def __init__(self, descriptor: Any) -> None:
        self.descriptor = descriptor

    def coerce(self, value: Any, **where: Any) -> Any:
        """Return the value; typer reads a number, and what is none of the words that there are."""
        kind = self.descriptor.annotation
        if value is None:
            return () if self.descriptor.is_list else None
        if kind in {str, Path}:
            return kind(value)
        if isinstance(value, bool) or (isinstance(kind, EnumType) and value in [*kind]):
            return kind(value)
        return build_runtime_param(self.descriptor).coerce(value, **where)


TyperCommand.context_class.formatter_class = HelpScreen
core.build_runtime_param = _Reader  # type: ignore[assignment,attr-defined]


class Commands(TyperGroup):
    """Lists the commands in groups, those that are needed first at the top, and makes the one that is called."""

    def __init__(self, **how: Any) -> None:
        """Begin with no command made."""
        super().__init__(**how)
        self.commands = OnDemand()

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the framework calls it so
        """Write a section for each group."""
        for title, rows in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(list(rows.items()))
