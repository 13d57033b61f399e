"""Memory: what a conclusive run leaves to the next (ACTIONS 13, 16.1)."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from schemas.attempt import Attempt
from schemas.book import Book
from schemas.episode import Target
from schemas.memory import CleanTime, Memory, Progress, SeenRow
from schemas.numbers import Numbers
from schemas.scene import Scene, is_stormy, look_at
from schemas.verification import is_worse, look_for, qualifies

NEVER = Progress()
DIRTY = CleanTime(0, None)


def update_memory(memory: Memory, scene: Scene, book: Book, workable: Collection[Target], numbers: Numbers) -> Memory:
    """Return the memory after a run; `workable` are the targets with a recommendation that has a verb.

    A run that is not conclusive changes nothing.
    """
    if not scene.is_conclusive:
        return memory
    return Memory(
        last_run=scene.as_of,
        fleet_since=_since_gap(memory, scene),
        storm_at=scene.as_of if is_stormy(scene, numbers) else memory.storm_at,
        node_since=_node_since(memory, scene),
        rest=_rest(memory, scene, numbers),
        clean={target: _clean_time(memory, scene, target) for target in book.problems},
        seen=_rows_of_worlds(memory, scene, workable),
        progress={
            attempt.intent_id: _advance(memory.progress.get(attempt.intent_id, NEVER), scene, attempt)
            for attempt in book.open_attempts
            if attempt.ended_at is not None
        },
    )


def _since_gap(memory: Memory, scene: Scene) -> datetime:
    if memory.last_run is None or memory.fleet_since is None:
        return scene.as_of
    return scene.as_of if scene.as_of - memory.last_run > scene.longest_span else memory.fleet_since


def _node_since(memory: Memory, scene: Scene) -> dict[str, datetime]:
    down = scene.offline | scene.suspect
    return {node: memory.node_since.get(node, scene.as_of) for node in scene.nodes if node not in down}


def _rest(memory: Memory, scene: Scene, numbers: Numbers) -> dict[Target, datetime]:
    """Return the rests; one that is over is forgotten."""
    kept = {target: at for target, at in memory.rest.items() if scene.as_of < at + numbers.start_grace}
    return kept | dict.fromkeys(scene.resting, scene.as_of)


def _clean_time(memory: Memory, scene: Scene, target: Target) -> CleanTime:
    before = memory.clean.get(target, DIRTY)
    look = look_at(scene, target)
    if look.is_dirty:
        return DIRTY
    if not look.is_clean:
        return before._replace(at=None)
    if before.at is None:
        return before._replace(at=scene.as_of)
    span = max(timedelta(0), min(scene.as_of - before.at, scene.longest_span))
    return CleanTime(before.seconds + span.total_seconds(), scene.as_of)


def _rows_of_worlds(memory: Memory, scene: Scene, workable: Collection[Target]) -> dict[Target, SeenRow]:
    """Return the rows: an unclear world is skipped, any other without a recommendation with a verb ends one."""
    rows = {target: _add_world(memory.seen.get(target), scene.world_at) for target in workable}
    for target, row in memory.seen.items():
        if target not in rows and not scene.is_gone(target):
            look = look_at(scene, target)
            if not (look.is_clean or look.is_dirty):
                rows[target] = row
    return rows


def _add_world(row: SeenRow | None, world_at: datetime) -> SeenRow:
    if row is None:
        return SeenRow(1, world_at)
    return SeenRow(row.worlds + 1, world_at) if world_at > row.world_at else row


def _advance(progress: Progress, scene: Scene, attempt: Attempt) -> Progress:
    if not qualifies(scene, attempt, progress.last_world_at) or attempt.ended_at is None:
        return progress
    look, world_at = look_for(scene, attempt), scene.world_at
    passed = min(world_at - (progress.last_world_at or attempt.ended_at), scene.longest_span)
    after = replace(progress, last_world_at=world_at)
    if look.is_clean:
        after = replace(after, clean_from=progress.clean_from or world_at, clean_count=progress.clean_count + 1)
    elif look.is_dirty:
        after = replace(after, clean_from=None, clean_count=0)
    else:
        after = replace(after, paused_s=progress.paused_s + passed.total_seconds())
    if is_worse(scene, attempt):
        return replace(after, worse_from=progress.worse_from or world_at, worse_count=progress.worse_count + 1)
    return replace(after, worse_from=None, worse_count=0)
