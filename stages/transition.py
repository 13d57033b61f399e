"""Transitions: what a run does to the open episodes (SEMANTICS 7)."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from schemas.episode import (
    REMEMBERED_OPENINGS,
    Change,
    Episode,
    Judged,
    Key,
    Recommended,
    Target,
    Transitions,
    open_episode,
)
from schemas.words import ALL, FLEET, Action, DriftKind, EmitMode, EventType, Resolution, Transition

_NEVER_DESIRED = {DriftKind.UNRESOLVED_INCIDENT, DriftKind.UNEXPECTED_SERVICE}
"""Kinds that are drawn for services that no inventory asks for as well: their absence there is no removal."""

_UNEXPECTED = {DriftKind.UNEXPECTED_SERVICE, DriftKind.UNEXPECTED_NODE}
_INCIDENT = {DriftKind.UNRESOLVED_INCIDENT}
_TOLD_BY_WORLD = {DriftKind.OFFLINE_NODE, DriftKind.NODE_PRESSURE, DriftKind.UNRESOLVED_INCIDENT}
"""Kinds of a node that follow without knowing all that it asks for, and open beside what is suspended there."""
_NEED_NO_FILE = _TOLD_BY_WORLD | {DriftKind.UNREADABLE_OBSERVATION}


def decide_transitions(
    episodes: Mapping[Key, Episode],
    judged: Judged,
    *,
    reminder_interval: timedelta,
    emit_mode: EmitMode = EmitMode.CHANGES,
) -> Transitions:
    """Return the events of a run, resolutions first, and the episodes after it.

    What cannot be read suspends exactly the episodes that would need it, and nothing else opens for their targets.
    While the world is stale, nothing moves but the fleet itself and what was removed from the desired state. An episode
    is suspended as soon as one of the drifts that cause it is held back, even where its target has another action now.

    A last event that lies after `as_of` (the clock was set back) is taken to have been at `as_of`, so that reminders
    neither flood nor wait for years. With `EmitMode.ALL` each recommendation gives `current` in place of
    `opened`, `changed` and `reminder`; with `EmitMode.NONE` no episode moves.
    """
    if emit_mode is EmitMode.NONE:
        return Transitions((), dict(episodes), frozenset())
    recommended = {row.key: row for row in judged.recommendations}
    kept = set() if _is_all_read(judged) else _keep(episodes, judged)
    free = _leave_frozen(recommended, episodes, kept, judged)
    silent = {key for key in episodes.keys() - free.keys() if episodes[key].is_open}
    closed = [*_resolve(episodes, recommended, silent - kept, judged)]
    risen = [*_raise(episodes, free, judged, reminder_interval, emit_mode)]
    changes = (*closed, *risen)
    after = {**episodes, **_anchor(episodes, recommended, judged.as_of)}
    after |= {change.episode.key: change.episode for change in changes}
    resolved = {change.episode.key for change in closed}
    return Transitions(changes, after, frozenset(silent - resolved))


def _resolve(
    episodes: Mapping[Key, Episode], recommended: Mapping[Key, Recommended], silent: set[Key], judged: Judged
) -> Iterator[Change]:
    for key in sorted(silent - recommended.keys()):
        episode = episodes[key]
        is_superseded = any(key._replace(action=action) in recommended for action in Action)
        resolution = _find_resolution(episode, judged, is_superseded=is_superseded)
        if resolution is not None:
            ended = episode._replace(is_open=False, event_type=EventType.RECONCILE_RESOLVED)
            yield _change(Transition.RESOLVED, ended, episode, None, judged, resolution)


def _find_resolution(episode: Episode, judged: Judged, *, is_superseded: bool) -> Resolution | None:
    """Return why the episode ends, or None where it stays open, suspended."""
    drift = judged.drift.get(episode.target, {})
    if _is_removed(episode, judged):
        return Resolution.REMOVED_FROM_DESIRED_STATE
    if judged.is_world_stale and episode.target != (FLEET, ALL):
        return None
    if any(drift.get(kind) is not None for kind in episode.causing_kinds):
        return None
    if is_superseded:
        return Resolution.SUPERSEDED
    if any(held_by is not None for held_by in drift.values()):
        return None
    is_old = DriftKind.FAILED_DEPLOYMENT in episode.causing_kinds and episode.target in judged.expired
    return Resolution.EXPIRED if is_old else Resolution.DRIFT_RESOLVED


def _is_removed(episode: Episode, judged: Judged) -> bool:
    if episode.node == FLEET or _UNEXPECTED.issuperset(episode.causing_kinds):
        return False
    if episode.node not in judged.nodes or episode.target in judged.unmonitored:
        return True
    return (
        episode.service != ALL
        and episode.target not in judged.monitored
        and not _NEVER_DESIRED.issuperset(episode.causing_kinds)
    )


def _raise(
    episodes: Mapping[Key, Episode],
    recommended: Mapping[Key, Recommended],
    judged: Judged,
    reminder_interval: timedelta,
    emit_mode: EmitMode,
) -> Iterator[Change]:
    found = {}
    for key, row in recommended.items():
        transition = _find_transition(episodes.get(key), row, judged.as_of, reminder_interval)
        if emit_mode is EmitMode.ALL:
            transition = Transition.CURRENT
        if transition is not None:
            found[key] = transition
    for key, transition in sorted(found.items()):
        before, row = episodes.get(key), recommended[key]
        after = _update(before, row, judged.as_of)
        yield _change(transition, after, before if before and before.is_open else None, row, judged)


def _find_transition(
    before: Episode | None, row: Recommended, as_of: datetime, reminder_interval: timedelta
) -> Transition | None:
    if before is None or not before.is_open:
        return Transition.OPENED
    is_same_advice = before.event_type == row.event_type and before.severity == row.severity
    is_same_cause = before.root_causes is None or _is_same_set(before.root_causes, row.root_causes)
    if not (is_same_advice and is_same_cause and _is_same_set(before.causing_kinds, row.causing_kinds)):
        return Transition.CHANGED
    is_due = reminder_interval > timedelta(0) and as_of - before.last_event_at >= reminder_interval
    return Transition.REMINDER if is_due else None


def _is_same_set(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    return first == second or set(first) == set(second)


def _update(before: Episode | None, row: Recommended, as_of: datetime) -> Episode:
    is_opening = before is None or not before.is_open
    openings = before.openings if before else ()
    return open_episode(row, (as_of,))._replace(
        causing_kinds=tuple(sorted(set(row.causing_kinds))),
        opened_at=as_of if before is None or is_opening else before.opened_at,
        seq=before.seq if before else 0,
        openings=(*openings, as_of)[-REMEMBERED_OPENINGS:] if is_opening else openings,
        root_causes=tuple(sorted(row.root_causes)),
    )


def _change(
    transition: Transition,
    after: Episode,
    before: Episode | None,
    row: Recommended | None,
    judged: Judged,
    resolution: Resolution | None = None,
) -> Change:
    after = after._replace(seq=after.seq + 1, last_event_at=judged.as_of)
    return Change(
        event_id=_identify(after, transition, judged.input_fingerprint),
        transition=transition,
        episode=after,
        before=before,
        recommended=row,
        resolution=resolution,
        as_of=judged.as_of,
        input_fingerprint=judged.input_fingerprint,
        rules_fingerprint=judged.rules_fingerprint,
    )


def _identify(episode: Episode, transition: Transition, input_fingerprint: str) -> str:
    """Return the event's id; `seq` keeps the four changes of A to B to A to B apart."""
    parts = (episode.recommendation_id, episode.node, episode.service, transition.value, input_fingerprint, episode.seq)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _anchor(
    episodes: Mapping[Key, Episode], recommended: Mapping[Key, Recommended], as_of: datetime
) -> dict[Key, Episode]:
    """Return those whose last event is not to come, and those that lack what an old version left out, with both mended."""
    found = {}
    for key, episode in episodes.items():
        if episode.is_open and (episode.root_causes is None or episode.last_event_at > as_of):
            row, causes = recommended.get(key), episode.root_causes
            causes = tuple(sorted(row.root_causes)) if row is not None and causes is None else causes
            found[key] = episode._replace(last_event_at=min(episode.last_event_at, as_of), root_causes=causes)
    return found


def _leave_frozen(
    recommended: Mapping[Key, Recommended], episodes: Mapping[Key, Episode], kept: set[Key], judged: Judged
) -> Mapping[Key, Recommended]:
    """Return the recommendations without those for which nothing opens or changes: of a world that can be read, all."""
    if not kept and judged.is_topology_readable and not judged.is_world_stale:
        return recommended
    kept_targets = {episodes[key].target for key in kept}
    return {key: row for key, row in recommended.items() if not _is_frozen(row, kept, kept_targets, judged)}


def _is_frozen(row: Recommended, kept: set[Key], kept_targets: set[Target], judged: Judged) -> bool:
    """Return whether nothing opens or changes for a recommendation."""
    if _is_hidden(row.node, judged) or (judged.is_world_stale and row.target != (FLEET, ALL)):
        return True
    if not kept:
        return False
    if row.key in kept:
        return True
    return row.target in kept_targets and not (row.service == ALL and _TOLD_BY_WORLD.intersection(row.causing_kinds))


def _is_hidden(node: str, judged: Judged) -> bool:
    """Return whether the node may be asked for by a topology that could not be read."""
    if judged.is_topology_readable:
        return False
    return not (node == FLEET or node in judged.nodes or node in judged.unmonitored_nodes)


def _is_all_read(judged: Judged) -> bool:
    unread = (judged.unreadable_nodes, judged.bad_entries, judged.unjudged_nodes, judged.unread_dependencies)
    return judged.is_topology_readable and not any(unread)


def _keep(episodes: Mapping[Key, Episode], judged: Judged) -> set[Key]:
    """Return the open episodes that cannot be judged without what could not be read."""
    return {key for key, episode in episodes.items() if episode.is_open and _needs_unread(episode, judged)}


def _needs_unread(episode: Episode, judged: Judged) -> bool:
    """Return whether an open episode cannot be judged without what could not be read."""
    if _is_hidden(episode.node, judged):
        return True
    is_of_open_node = episode.node in judged.unreadable_nodes
    if episode.service == ALL:
        is_unjudged = episode.action is Action.FAILOVER_REVIEW and episode.node in judged.unjudged_nodes
        return is_unjudged or (is_of_open_node and not _NEED_NO_FILE.issuperset(episode.causing_kinds))
    target = episode.target
    is_open = is_of_open_node and target not in judged.monitored and target not in judged.unmonitored
    if (is_open or target in judged.bad_entries) and not _INCIDENT.issuperset(episode.causing_kinds):
        return True
    is_delayed = episode.action is Action.DELAYED_DEPLOYMENT and target in judged.unread_dependencies
    return is_delayed and bool(judged.drift.get(target))
