"""Node state: what looks that fail come to; unknown is never down (OBSERVER 2.5)."""

from dataclasses import replace

from schemas.look_words import HARD, NodeStatus
from schemas.observed import Node, NodeLook

LEAST_FAILURES = 3
PATIENCE_S, PATIENCE_INTERMITTENT_S = 120.0, 3600.0


def judge_node(before: Node | None, look: NodeLook, *, is_intermittent: bool) -> Node:
    """Return the node after one more look.

    A hard reason, or any for a node that was never seen, makes it `unobservable` at once: we are blind, it is not down. A
    soft one makes it `unreachable` after three failures in a row and two minutes (an hour for an intermittent node);
    until then it stays what it was, with the reason visible. Where another engine of it answers all the while it is not
    silent: what cannot be seen makes it `unobservable` then.
    """
    if look.reason_class is None:
        return _see(before, look)
    known = before or Node(node=look.node, status=NodeStatus.UNOBSERVABLE)
    since = look.ended_at if known.failing_since is None else known.failing_since
    failing = replace(known, failures=known.failures + 1, failing_since=since, look=look)
    if look.reason_class in HARD or failing.last_seen is None:
        return replace(failing, status=NodeStatus.UNOBSERVABLE)
    patience = PATIENCE_INTERMITTENT_S if is_intermittent else PATIENCE_S
    if failing.failures >= LEAST_FAILURES and look.ended_at - since >= patience:
        return replace(failing, status=NodeStatus.UNOBSERVABLE if look.has_engine else NodeStatus.UNREACHABLE)
    return failing


def _see(before: Node | None, look: NodeLook) -> Node:
    came_back = before is not None and before.last_seen is not None and before.status is not NodeStatus.ONLINE
    since = look.ended_at if came_back else before.online_since if before else None
    return Node(node=look.node, status=NodeStatus.ONLINE, last_seen=look.ended_at, online_since=since, look=look)
