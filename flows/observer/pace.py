"""When to look again: the interval of a node, longer and longer pauses where looks fail, and clocks that jump."""

import hashlib
import math
import random
import time
from collections.abc import Callable
from datetime import timedelta

from schemas.look_words import HARD, NodeStatus
from schemas.observed import Node
from stages.node_state import LEAST_FAILURES, PATIENCE_INTERMITTENT_S, PATIENCE_S

JITTER = 0.1
PAUSES_S = (5.0, 30.0, 60.0, 120.0, 240.0, 300.0)
HARD_PAUSE_S = 300.0
JUMP_S = 30.0


def pause_after(
    node: Node | None, every: timedelta, draw: Callable[[], float] = random.random, *, is_intermittent: bool = False
) -> float:
    """Return the seconds until the next look at a node, jittered so that nodes do not keep step.

    The moment from which a silent node is unreachable is not slept through, however long the pauses have become.
    """
    usual = every.total_seconds()
    if node is not None and node.failures and node.look is not None and node.look.reason_class is not None:
        is_hard = node.look.reason_class in HARD
        usual = HARD_PAUSE_S if is_hard else PAUSES_S[min(node.failures, len(PAUSES_S)) - 1]
    jittered = usual * (1 + JITTER * (2 * draw() - 1))
    return min(jittered, _patience_left(node, PATIENCE_INTERMITTENT_S if is_intermittent else PATIENCE_S))


def _patience_left(node: Node | None, patience_s: float) -> float:
    """Return the seconds until one more failure makes a node unreachable; none where that is not the next thing to come."""
    if node is None or node.look is None or node.failing_since is None or node.status is not NodeStatus.ONLINE:
        return math.inf
    left_s = node.failing_since + patience_s - node.look.ended_at
    return left_s if left_s > 0 and node.failures + 1 >= LEAST_FAILURES else math.inf


def phase(node: str) -> float:
    """Return where in its interval a node is looked at, from 0 to 1: always the same for a name."""
    return int.from_bytes(hashlib.sha256(node.encode()).digest()[:4], "big") / 2**32


class Clocks:
    """Tells when the wall clock ran away from the monotonic one: the host was suspended, or its time was set."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin with how they stand now."""
        self._wall, self._monotonic = wall, monotonic
        self._offset = wall() - monotonic()

    def have_jumped(self) -> bool:
        """Return whether they ran apart since this was asked last."""
        offset = self._wall() - self._monotonic()
        jumped = abs(offset - self._offset) > JUMP_S
        if jumped:
            self._offset = offset
        return jumped
