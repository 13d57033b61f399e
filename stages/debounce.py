"""Debouncing: a drift must last before its recommendation opens an episode; the recommendation itself stands."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.episode import Episode, Judged, Key, Recommended, Target
from schemas.wait import Patience, Wait
from schemas.words import ALL, FLEET, DriftKind


class Debounced(NamedTuple):
    """What of a run's conclusions the episodes get to see."""

    judged: Judged
    """Without the recommendations that wait."""
    waits: tuple[Wait, ...]
    """What the next run must know; the drifts of a recommendation that waits, and those not seen clearly now."""


def debounce(
    judged: Judged,
    episodes: Mapping[Key, Episode],
    waits: Iterable[Wait],
    open_after: Mapping[DriftKind, Patience],
) -> Debounced:
    """Return the conclusions without those recommendations that would open an episode too early.

    A recommendation waits until one of the kinds that cause it has lasted; a kind without an entry never waits. A
    target with an open episode does not wait. Drift that is held back, or that nobody can tell of, is neither counted
    nor forgotten, in runs or in minutes; any other that is gone starts anew when it returns. A first sight after `as_of`
    (the clock was set back) counts as now.
    """
    before = {(wait.target, wait.kind): wait for wait in waits}
    open_targets = {episode.target for episode in episodes.values() if episode.is_open}
    seen: dict[tuple[Target, DriftKind], Wait] = {}
    ready: list[Recommended] = []
    for row in judged.recommendations:
        sights = [_see(before.get((row.target, kind)), row, kind, judged.as_of) for kind in row.causing_kinds]
        if row.target in open_targets or any(_has_lasted(wait, open_after, judged.as_of) for wait in sights):
            ready.append(row)
        else:
            seen |= {(wait.target, wait.kind): wait for wait in sights}
    kept = {
        at: replace(wait, held_at=wait.held_at or judged.as_of)
        for at, wait in before.items()
        if at not in seen and _is_unclear(wait, judged)
    }
    return Debounced(judged._replace(recommendations=tuple(ready)), tuple((kept | seen).values()))


def _see(before: Wait | None, row: Recommended, kind: DriftKind, as_of: datetime) -> Wait:
    if before is None:
        return Wait(node=row.node, service=row.service, kind=kind, first_seen_at=as_of, run_count=1)
    held_for = max(as_of - before.held_at, timedelta(0)) if before.held_at else timedelta(0)
    first_seen_at = min(before.first_seen_at + held_for, as_of)
    return replace(before, first_seen_at=first_seen_at, run_count=before.run_count + 1, held_at=None)


def _has_lasted(wait: Wait, open_after: Mapping[DriftKind, Patience], as_of: datetime) -> bool:
    patience = open_after.get(wait.kind, Patience())
    return wait.run_count >= patience.run_count and as_of - wait.first_seen_at >= patience.duration


def _is_unclear(wait: Wait, judged: Judged) -> bool:
    is_asked = wait.target in judged.monitored | judged.unmonitored
    is_open = wait.target in judged.bad_entries or (wait.node in judged.unreadable_nodes and not is_asked)
    if is_open or (judged.is_world_stale and wait.target != (FLEET, ALL)):
        return True
    return judged.drift.get(wait.target, {}).get(wait.kind) is not None
