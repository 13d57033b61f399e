"""News: what others said, and what a run left, since the executor looked last."""

import time
from contextlib import suppress
from threading import Event
from typing import NamedTuple

from flows.ledger.actions.journals import stamp_journals
from flows.ledger.actions.places import ActionPlace
from schemas.ledger_words import Role

LOOK_S = 1.0
"""So often the executor looks whether somebody said something."""


class News(NamedTuple):
    """What tells one state of what others said, and of what the last run left, from another."""

    said: object
    run: object


def stamp_news(place: ActionPlace) -> News:
    """Return the state as it is now: taken before a look, it tells what came while that went on, but for our own words."""
    run = None
    with suppress(OSError):
        run = place.memory.stat().st_ino, place.memory.stat().st_mtime_ns
    return News([row for row in stamp_journals(place) if not row[0].startswith(f"{Role.EXECUTOR}-")], run)


def wait_for_news(place: ActionPlace, stop: Event, until_s: float, seen: News, *, with_runs: bool) -> None:
    """Wait until somebody says something (or a run ends, `with_runs`), until that monotonic time, or until it is time to stop."""
    while not stop.wait(LOOK_S) and time.monotonic() < until_s:
        now = stamp_news(place)
        if now.said != seen.said or (with_runs and now.run != seen.run):
            return
