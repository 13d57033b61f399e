"""Runs of the past in which nothing can come to another decision: they are passed over, and only remembered.

What is decided follows from the scene, the ledger and the moment. While the first two stay, the moment changes something
only where a guard's `until`, an approval's end or the end of flapping comes; and clean time and gaps are looked at in
each run, by the very stage that remembers them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from schemas.book import Book
from schemas.decision import Decided, Decision, Guard, Verdict
from schemas.episode import Target
from schemas.memory import Memory
from schemas.numbers import Numbers
from schemas.policy import Policy
from schemas.scene import Scene, is_stormy
from schemas.schedule import SEARCH
from schemas.words import Action
from stages.expand_candidates import expand_candidates
from stages.update_memory import update_memory

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Sleep:
    """What stays as it is, and until when nothing but that can wake it."""

    sign: Any
    """What tells the scenes of runs from one another."""
    wakes_at: datetime
    scene: Scene
    book: Book
    workable: frozenset[Target]
    numbers: Numbers
    up: frozenset[str]
    """The nodes that are neither offline nor suspect."""

    def pass_over(self, sign: Any, as_of: datetime, world_at: datetime, memory: Memory) -> Memory | None:
        """Return what is remembered after one more run; None where it has to be decided."""
        last_run = memory.last_run or as_of
        if sign != self.sign or as_of >= self.wakes_at or as_of - last_run > self.scene.longest_span:
            return None
        if self._is_quiet(memory):
            return replace(memory, last_run=as_of)
        scene = replace(self.scene, as_of=as_of, world_at=world_at)
        after = update_memory(memory, scene, self.book, self.workable, self.numbers)
        lasts = self.book.problems.items()
        is_over = any(target in after.clean and after.clean[target].seconds >= row.stable_for for target, row in lasts)
        return None if is_over else after

    def _is_quiet(self, memory: Memory) -> bool:
        """Return whether another run leaves nothing behind but when it was: nothing is wrong, and nothing was."""
        is_known = memory.last_run is not None and memory.fleet_since is not None
        if not is_known or self.scene.resting or not self.scene.is_conclusive:
            return False
        is_empty = not (memory.rest or memory.clean or memory.seen or memory.progress)
        return is_empty and memory.node_since.keys() == self.up


def fall_asleep(
    sign: Any, decided: Decided, scene: Scene, book: Book, policy: Policy | None, numbers: Numbers
) -> Sleep | None:
    """Return the sleep behind a run that came to nothing new; None where the next run may decide otherwise.

    `book` is the ledger of before the run: where the run wrote something, or an attempt is open, nothing sleeps.
    """
    is_calm = not decided.records and not book.open_attempts and not is_stormy(scene, numbers)
    if not is_calm or any(_is_restless(row, policy) for row in decided.decisions):
        return None
    workable = frozenset(row.target for row in expand_candidates(scene, book, policy) if row.ladder)
    moments = [moment for moment in _find_moments(decided, scene, book) if moment > scene.as_of]
    # Without what its world showed, which is asked for an open attempt alone, and would keep a batch of runs.
    up = frozenset(scene.nodes.keys() - scene.offline - scene.suspect)
    return Sleep(sign, min(moments, default=NEVER), replace(scene, shown={}), book, workable, numbers, up)


def _is_restless(decision: Decision, policy: Policy | None) -> bool:
    """Return whether another run may decide otherwise for what it sees, and not for what time it is.

    That is: what starts, what waits for further worlds or for the target to be seen; what may move, for how it is at the
    other places is no drift; and what is in a window, which may close.
    """
    may_move = decision.recommended_action == Action.FAILOVER_REVIEW and policy is not None and bool(policy.failovers)
    if decision.verdict is Verdict.START or may_move:
        return True
    guards = {hit.guard: hit for hit in decision.guards}
    lacks_worlds = Guard.ACT_AFTER in guards and guards[Guard.ACT_AFTER].until is None
    has_windows = policy is not None and bool(policy.windows) and decision.verb is not None
    return lacks_worlds or Guard.STALE_WORLD in guards or (has_windows and Guard.WINDOW not in guards)


def _find_moments(decided: Decided, scene: Scene, book: Book) -> Iterator[datetime]:
    hits = [hit for row in decided.decisions for hit in row.guards]
    yield from (hit.until for hit in hits if hit.until is not None)
    # A window that opens behind what was searched has no moment yet, and may have one from then on.
    yield from (scene.as_of + SEARCH for hit in hits if hit.guard is Guard.WINDOW and hit.until is None)
    yield from scene.flapping.values()
    yield from (consent.ends_at for intent in book.unstarted for consent in intent.consents)
