"""Flapping: a target that keeps opening and resolving is no longer to be repaired, but to be understood."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from schemas.episode import Episode, Judged, Key, Recommended, Target
from schemas.spoken import count
from schemas.words import Action

KEPT = {
    Action.DIAGNOSTICS,
    Action.OBSERVER_REVIEW,
    Action.NODE_REVIEW,
    Action.PLACEMENT_REVIEW,
    Action.INCIDENT_REVIEW,
    Action.INVENTORY_REVIEW,
}
"""Actions that repair nothing stay what they are."""


def divert_flapping(judged: Judged, episodes: Mapping[Key, Episode], openings: int, window: timedelta) -> Judged:
    """Return the conclusions with `diagnostics` for the action of each target that flaps.

    A target flaps where the opening of this run would be at least the `openings`-th within the window that ends with
    it, of whichever action. While the diagnostics of a flapping target are open they stay, and an open episode
    of another action is not diverted: both would make one more opening. Event type, severity and causes stay.
    """
    by_target: dict[Target, list[Episode]] = {}
    for episode in episodes.values():
        by_target.setdefault(episode.target, []).append(episode)
    rows = tuple(
        _divert(row, by_target.get(row.target, []), judged.as_of, openings, window) for row in judged.recommendations
    )
    return judged._replace(recommendations=rows)


def count_openings(episodes: Iterable[Episode], moment: datetime, window: timedelta) -> int:
    """Return how often the episodes of one target opened within the window that ends with the moment."""
    return len({at for episode in episodes for at in episode.openings if moment - window < at <= moment})


def is_flapping(episodes: list[Episode], as_of: datetime, openings: int, window: timedelta) -> bool:
    """Return whether the target flaps: the open episode was one opening too many, or the next one would be."""
    open_ones = [episode for episode in episodes if episode.is_open]
    if not open_ones:
        return count_openings(episodes, as_of, window) + 1 >= openings
    return any(count_openings(episodes, episode.opened_at, window) >= openings for episode in open_ones)


def say_openings(openings: int, window: timedelta) -> str:
    """Return so many openings within the window, which is named in hours, as its setting is: not `1 d`."""
    return f"{count(openings, 'opening')} within {window.total_seconds() / 3600:g} h"


def _divert(row: Recommended, before: list[Episode], as_of: datetime, openings: int, window: timedelta) -> Recommended:
    open_actions = {episode.action for episode in before if episode.is_open}
    is_settled = open_actions and Action.DIAGNOSTICS not in open_actions
    if row.action in KEPT or is_settled or not is_flapping(before, as_of, openings, window):
        return row
    flaps = say_openings(count_openings(before, as_of, window) + (0 if open_actions else 1), window)
    kinds = " and ".join(kind.replace("_", " ") for kind in row.causing_kinds)
    return row._replace(
        action=Action.DIAGNOSTICS,
        recommendation_id=f"diagnostics{row.recommendation_id.removeprefix(row.action.replace('_', '-'))}",
        reason=f"It flaps, {flaps}, now with {kinds}: find the cause before repairing it again.",
    )
