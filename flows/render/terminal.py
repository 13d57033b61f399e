"""Where readable output goes: a terminal's width is kept, and what goes elsewhere keeps its lines whole."""

import os
import sys
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

UNBROKEN = 10_000
"""Columns, for a pipe or a file: a line that is wrapped there cannot be searched, nor a place in it opened."""


def open_console() -> Console:
    """Return the console of the standard output; `COLUMNS` has the last word on its width."""
    is_elsewhere = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, soft_wrap=False, width=UNBROKEN if is_elsewhere else None)


@dataclass(frozen=True)
class CommandLine:
    """A line with a command to copy: the terminal wraps it, which a selection undoes; a screen of its own folds it.

    Whoever prints it says `crop=False`.
    """

    line: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the line, whole where what is printed stays."""
        if console.is_alt_screen:
            yield self.line
        else:
            yield from self.line.render(console, end=self.line.end)
