"""What a killed write left in the log: our own torn bytes, told from the bytes of others."""

import json

from flows.ledger.event_line import MARKER
from flows.ledger.own_event import read_own_event

_CERTAIN = len(MARKER) // 2
"""So many bytes of ours are no coincidence, whatever follows them."""
_TRIES = 64


def find_torn_length(found: bytes, line: bytes, *, is_tail: bool) -> int:
    """Return how many bytes at the beginning of a found line are the beginning of our line, torn off there; 0 for none.

    A torn line is the last thing in the log, or another writer's line is glued to it. Where the two happen to go on
    with the same bytes, the cut is where the rest is a JSON document; a line that is whole is never torn.
    """
    shared = _count_shared(found, line)
    if shared == 0 or (not is_tail and read_own_event(found) is not None):
        return 0
    if shared == len(found):
        return shared if is_tail or shared >= _CERTAIN else 0
    if _is_document(found):
        return 0
    cuts = [cut for cut in range(shared, 0, -1) if found[cut : cut + 1] in (b"{", b"[")][:_TRIES]
    for cut in cuts:
        if _is_document(found[cut:]):
            return cut
    return shared if shared >= _CERTAIN else 0


def _count_shared(one: bytes, other: bytes) -> int:
    length = min(len(one), len(other))
    low, high = 0, length
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _is_document(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
