"""The scene: a run's view with what the ledger and the past say, as deciding looks at it (ACTIONS 13.1)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from schemas.acknowledgement import Acknowledgement
from schemas.episode import Episode, Recommended, Target
from schemas.rules import PastRules
from schemas.scene import Advice, Answered, OpenEpisode, Scene, View
from schemas.words import ALL, Action

_NO_NEIGHBOURS: Mapping[Target, frozenset[Target]] = {}
_OF_VIEW = tuple(field.name for field in fields(View))


def see_targets(
    view: View,
    recommended: Iterable[Recommended],
    episodes: Iterable[Episode],
    acknowledgements: Iterable[Acknowledgement],
    interest: Collection[Target],
    past: PastRules,
    world_at: datetime,
    as_of: datetime,
    neighbours: Mapping[Target, frozenset[Target]] = _NO_NEIGHBOURS,
) -> Scene:
    """Return the scene of one run, which is not skipped or failed; of all mappings, what is of interest.

    `neighbours` are of the targets whose neighbours are wanted.
    """
    return Scene(
        **{name: getattr(view, name) for name in _OF_VIEW},
        as_of=as_of,
        world_at=world_at,
        is_conclusive=not view.is_world_stale,
        advice=tuple(_advise(row) for row in recommended),
        neighbours=neighbours,
        episodes=_open_episodes(episodes),
        flapping=_flapping(episodes, past, as_of),
        answered=_answered(acknowledgements, interest, as_of),
        longest_span=past.longest_span,
    )


def _advise(row: Recommended) -> Advice:
    return Advice(
        row.recommendation_id,
        row.event_type,
        row.action,
        row.severity,
        row.node,
        row.service,
        row.causing_kinds,
        row.drift_ids,
        row.root_causes,
        row.blast_radius,
        _count_failures(row.evidence) if row.evidence else None,
    )


def _count_failures(evidence: Any) -> int | None:
    given = (evidence,) if isinstance(evidence, Mapping) else evidence
    counts = [fact.get("consecutive_failures") for fact in given]
    return max((count for count in counts if isinstance(count, int)), default=None)


def _open_episodes(episodes: Iterable[Episode]) -> dict[Target, tuple[OpenEpisode, ...]]:
    found: dict[Target, tuple[OpenEpisode, ...]] = {}
    for episode in episodes:
        if episode.is_open:
            target = episode.target
            row = OpenEpisode(Action(episode.action), episode.opened_at)
            found[target] = tuple(sorted((*found[target], row))) if target in found else (row,)
    return found


def _flapping(episodes: Iterable[Episode], past: PastRules, as_of: datetime) -> dict[Target, datetime]:
    """Return until when targets flap: until too few of their openings are left in the window."""
    rows = [(episode.target, episode.openings, episode.is_open) for episode in episodes]
    open_targets = {target for target, _, is_open in rows if is_open}
    counts: dict[Target, int] = {}
    for target, moments, _ in rows:
        counts[target] = counts.get(target, 0) + len(moments)
    openings: dict[Target, set[datetime]] = {}
    for target, moments, _ in rows:
        if counts[target] >= past.flapping_openings - 1:
            openings.setdefault(target, set()).update(moments)
    found = {}
    for target, opened in openings.items():
        wanted = past.flapping_openings - (target not in open_targets)
        if not 1 <= wanted <= len(opened):
            continue
        recent = sorted((at for at in opened if as_of - past.flapping_window < at <= as_of), reverse=True)
        if len(recent) >= wanted:
            found[target] = recent[wanted - 1] + past.flapping_window
    return found


def _answered(
    acknowledgements: Iterable[Acknowledgement], interest: Collection[Target], as_of: datetime
) -> dict[Target, Answered]:
    """Return who answers for a target, by itself or by its node; of several, who does longest."""
    given: dict[Target, Answered] = {}
    for row in acknowledgements:
        known = given.get(row.target)
        if as_of < row.until and (known is None or known.until < row.until):
            given[row.target] = Answered(row.owner, row.reason, row.until)
    found = {}
    for target in interest if given else ():
        rows = [given[name] for name in (target, Target(target.node, ALL)) if name in given]
        if rows:
            found[target] = max(rows, key=lambda answered: answered.until)
    return found
