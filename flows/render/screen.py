"""Lines on a terminal without rich, which takes longer to import than these commands to answer."""

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

import typer

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_PIPE = 1024 * 1024
NARROW = 50
"""Columns below which nothing is indented deeply."""
DEEP, SHALLOW = 8, 4
COMMANDS = ("next: ", "$ ")
"""What stands before a command to copy: the terminal wraps it, which a selection undoes."""


def print_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Print lines, folded at the terminal's width; a pipe gets them whole and plain, and NO_COLOR is heeded."""
    width = _read_width(sys.stderr if err else sys.stdout)
    color = False if os.environ.get("NO_COLOR") else None
    for line in lines:
        for part in fold(line, width) if width else (line,):
            typer.echo(part, color=color, err=err)


def print_pieces(pieces: Iterable[str]) -> None:
    """Print a text without styles, so many pieces at a time that a pipe gets a short one in one write."""
    gathered: list[str] = []
    length = 0
    for piece in pieces:
        gathered.append(piece)
        length += len(piece)
        if length > _PIPE:
            _print_plain(gathered)
            gathered, length = [], 0
    _print_plain(gathered)


def _print_plain(pieces: list[str]) -> None:
    typer.echo("".join(pieces), nl=False, color=True)  # else it would be searched for styles


def _read_width(stream: TextIO | None) -> int | None:
    """Return a terminal's columns, or what COLUMNS says of the standard output; None for a pipe or a closed stream."""
    if stream is None or not (stream.isatty() or (stream is sys.stdout and "COLUMNS" in os.environ)):
        return None
    return shutil.get_terminal_size().columns


def fold(text: str, width: int) -> Iterator[str]:
    """Return a text's lines, folded where a space allows it, commands whole; a fold keeps the indent, or shows it."""
    for line in text.split("\n"):
        plain = _STYLE.sub("", line)
        lead = len(plain) - len(plain.lstrip())
        if plain.startswith(COMMANDS, lead):
            yield line
        elif lead >= DEEP and width < NARROW:
            yield from _fold_line(line.replace(" " * lead, " " * SHALLOW, 1), width, " " * SHALLOW)
        else:
            yield from _fold_line(line, width, " " * (lead if lead >= SHALLOW else lead + 2))


def _fold_line(line: str, width: int, indent: str) -> Iterator[str]:
    words = line.split(" ")
    begun, length = words[0], _length(words[0])
    for word in words[1:]:
        if length + 1 + _length(word) > width and begun.strip():
            yield begun.rstrip()
            begun, length = indent + word, len(indent) + _length(word)
        elif begun != indent or word:
            begun, length = f"{begun} {word}", length + 1 + _length(word)
    yield begun


def _length(word: str) -> int:
    return len(_STYLE.sub("", word))
