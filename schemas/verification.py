"""What of a world counts for an attempt that has ended (ACTIONS 16.1)."""

from dataclasses import replace
from datetime import datetime, timedelta

from schemas.attempt import Attempt
from schemas.book import Book, with_attempts
from schemas.episode import Target, spell_target
from schemas.ledger_words import Result
from schemas.memory import Progress
from schemas.scene import CLEAN, DIRTY, SEVERITY_RANK, Look, Scene, is_harmed, look_at, standing_severity
from schemas.verb import TRAITS, Verb
from schemas.words import DriftKind

DEPLOYING = frozenset({Verb.RESTART, Verb.REDEPLOY, Verb.FAILOVER})
"""Verbs that are a deployment themselves, or may be: a restart makes what is missing."""


def give_up(book: Book, as_of: datetime) -> Book:
    """Return the book with each attempt that no executor came back for taken for lost (ACTIONS 14.6)."""
    return with_attempts(
        book,
        {
            attempt.n: replace(
                attempt, result=Result.LOST, ended_at=attempt.started_at + timedelta(seconds=attempt.numbers.timeout)
            )
            for attempt in book.open_attempts
            if attempt.ended_at is None and attempt.gives_up_at <= as_of
        },
    )


def look_for(scene: Scene, attempt: Attempt) -> Look:
    """Return how the target is, by what the attempt's verb cures alone."""
    if attempt.verb is Verb.FAILOVER:
        shown = scene.shown.get(attempt.watched)
        return CLEAN if shown is not None and shown.is_healthy else DIRTY
    return look_at(scene, attempt.target, TRAITS[attempt.verb].cures)


def qualifies(scene: Scene, attempt: Attempt, last_world_at: datetime | None) -> bool:
    """Return whether the world says something of an attempt that ended: it is newer than the last one that did."""
    ended_at = attempt.ended_at
    if not scene.is_conclusive or ended_at is None or (last_world_at is not None and scene.world_at <= last_world_at):
        return False
    if scene.world_at < ended_at + timedelta(seconds=attempt.numbers.settle):
        return False
    watched = attempt.watched
    shown = scene.shown.get(watched)
    is_old = shown is not None and shown.last_seen_at is not None and shown.last_seen_at <= ended_at
    return watched.node in scene.offline or not is_old


def deadline_of(attempt: Attempt, progress: Progress) -> datetime:
    """Return D: when success is due, later by what was unclear."""
    within_s = attempt.numbers.verify_within
    ended_at = attempt.ended_at or attempt.started_at + timedelta(seconds=attempt.numbers.timeout)
    return ended_at + timedelta(seconds=within_s + min(progress.paused_s, within_s))


def find_harmed(scene: Scene, attempt: Attempt) -> tuple[str, ...]:
    """Return the neighbours that were clean when the attempt began and are harmed now, sorted."""
    names = (name.partition("/") for name in attempt.basis.clean_neighbours)
    targets = (Target(node, service) for node, _, service in names)
    return tuple(sorted(spell_target(target) for target in targets if is_harmed(scene, target)))


def is_worse(scene: Scene, attempt: Attempt) -> bool:
    """Return whether the world is worse than the attempt found it, by real harm."""
    harmed = len(find_harmed(scene, attempt))
    if attempt.watched.node in scene.offline:
        return True
    if harmed >= 2 and 2 * harmed >= len(attempt.basis.clean_neighbours):
        return True
    return attempt.verb is not Verb.FAILOVER and (_has_risen(scene, attempt) or _has_gone(scene, attempt))


def _has_risen(scene: Scene, attempt: Attempt) -> bool:
    level, basis = standing_severity(scene, attempt.target), attempt.basis.severity
    return level is not None and (basis is None or SEVERITY_RANK[level] > SEVERITY_RANK[basis])


def _has_gone(scene: Scene, attempt: Attempt) -> bool:
    return DriftKind.UNHEALTHY_SERVICE in attempt.basis.causing_kinds and any(
        finding.kind is DriftKind.MISSING_SERVICE and finding.is_standing
        for finding in scene.findings.get(attempt.target, ())
    )


def is_foreign(begun_at: datetime, key: str, attempt: Attempt) -> bool:
    """Return whether a deployment is none of the attempt's own."""
    if key == attempt.intent_id:
        return False
    is_within = attempt.started_at <= begun_at and (attempt.ended_at is None or begun_at <= attempt.ended_at)
    return not (attempt.verb in DEPLOYING and is_within)
