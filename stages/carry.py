"""Carry: what is known of a node's services after a look, those that it did not show included (OBSERVER 2.3, 2.4)."""

from collections.abc import Mapping
from dataclasses import replace

from schemas.observed import NodeLook, Service, tell_sight

REFRESH_S = 60.0
GONE_LOOKS = 2


def carry_services(before: Mapping[str, Service], seen: Mapping[str, Service], look: NodeLook) -> dict[str, Service]:
    """Return a node's services by name.

    What runs on something that could not be looked at keeps all that is known of it, with its old time. One that a good
    look does not show any more is kept for one look, since a recreated project leaves a second with nothing; then it
    is remembered without a record. A last sight that says nothing new is dated anew once a minute, so that a quiet world
    stays small where it is kept.
    """
    answered = frozenset(look.sources) - frozenset(look.unseen_sources)
    has_failed = bool(look.unseen_sources)
    after = {}
    for name in sorted({*before, *seen}):
        known, found = before.get(name), seen.get(name)
        if known is not None and has_failed and not answered.issuperset(known.sources):
            after[name] = replace(known, stale_since=known.stale_since or look.ended_at)
        elif found is None and known is not None:
            after[name] = replace(known, gone_looks=known.gone_looks + 1, stale_since=None)
        elif found is not None:
            after[name] = found if known is None else _follow(known, found)
    return after


def _follow(known: Service, found: Service) -> Service:
    """Return what was found, with what it keeps from before: itself as it was known, where nothing is new.

    What settles has one status, `starting`, whatever its word: that it is now another does not begin it anew.
    """
    is_same = known.status == found.status and known.gone_looks < GONE_LOOKS
    if not is_same:
        return found
    is_quiet = tell_sight(known) == tell_sight(found) and found.last_seen - known.last_seen < REFRESH_S
    last_seen = known.last_seen if is_quiet else found.last_seen
    if is_quiet and known.is_settled == found.is_settled:
        return known
    return replace(found, since=known.since, last_seen=last_seen)
