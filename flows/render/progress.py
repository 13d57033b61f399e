"""Bars on a terminal's stderr for what takes long; elsewhere nothing. Imports nothing heavy until one is shown."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

PATIENCE_S = 2.0
"""What takes no longer shows nothing."""
Advance = Callable[[int], None]


def is_watched() -> bool:
    """Return whether somebody sees what is drawn on stderr."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def progress(total: int, what: str = "snapshots") -> Iterator[Advance]:
    """Show how much of a known number of things is done; what is given is called with each part of it."""
    if not is_watched():
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with _bar(*columns) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is at work once it has taken longer than a person waits for without asking."""
    if not is_watched():
        yield
        return
    done = Event()
    shown = Thread(target=_show_later, args=(what, done), daemon=True)
    shown.start()
    try:
        yield
    finally:
        done.set()
        shown.join()


def _show_later(what: str, done: Event) -> None:
    if done.wait(PATIENCE_S):
        return
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

    with _bar(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()) as bar:
        bar.add_task(what, total=None)
        done.wait()


def _bar(*columns: Any) -> Any:
    from rich.console import Console
    from rich.progress import Progress

    return Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    )
