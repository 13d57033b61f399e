"""Confirming events: which of those that a log holds were written by runs that the history knows of."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from flows.errors import HistoryError
from flows.ledger.history import ask_history, find_damage, scan_history
from flows.ledger.own_event import OwnEvent
from schemas.words import FLEET


def confirm_events(root: Path | str, events: Sequence[OwnEvent], generation: int) -> frozenset[str]:
    """Return the digests of the events that a live run behind the generation wrote, as far as the history shows.

    Such a run was at the event's moment, and had a recommendation for what it says is open. Others may write the log,
    and not the history; where the checkpoint is not older than it, nothing is confirmed. A history that cannot be read
    confirms nothing.
    """
    since = min(map(_moment_of, events))
    try:
        runs, open_ = ask_history(lambda: _find_runs(root, since, generation), root)
    except HistoryError:
        return frozenset()
    return frozenset(event.digest for event in events if _moment_of(event) in runs and _is_shown(event, open_))


def _find_runs(
    root: Path | str, since: datetime, generation: int
) -> tuple[set[datetime], set[tuple[datetime, str, str]]]:
    """Return the moments of the runs, and the targets that each had a recommendation for."""
    damaged = find_damage(root, since)  # the run itself tells of it, where it matters
    runs = scan_history(root, "runs", since, without=damaged, names=["as_of", "generation"])
    rows = scan_history(root, "recommendations", since, without=damaged, names=["as_of", "node", "service"]).collect()
    behind = runs.filter(pl.col("generation") > generation).collect()
    return set(behind["as_of"]), set(rows.iter_rows())


def _is_shown(event: OwnEvent, open_: set[tuple[datetime, str, str]]) -> bool:
    episode = event.episode
    if episode is None or not episode.is_open or episode.node == FLEET:
        return True
    return (episode.last_event_at, episode.node, episode.service) in open_


def _moment_of(event: OwnEvent) -> datetime:
    return event.action.as_of if event.action else event.episode.last_event_at  # type: ignore[union-attr]
