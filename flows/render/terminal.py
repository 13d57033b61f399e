"""Where readable output goes: a terminal's width is kept, and what goes elsewhere keeps its lines whole."""

import os
import sys

from rich.console import Console

UNBROKEN = 10_000
"""Columns, for a pipe or a file: a line that is wrapped there cannot be searched, nor a place in it opened."""


def open_console() -> Console:
    """Return the console of the standard output; `COLUMNS` has the last word on its width."""
    is_elsewhere = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, soft_wrap=False, width=UNBROKEN if is_elsewhere else None)
