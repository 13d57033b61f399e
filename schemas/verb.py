"""Verbs: what can be done to a target, what it cures and how dangerous it is (ACTIONS 13.2)."""

from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from schemas.words import Action, DriftKind


class Verb(StrEnum):
    """What can be done; all but diagnostics change something."""

    RESTART = "restart"
    REDEPLOY = "redeploy"
    CLEANUP = "cleanup"
    FAILOVER = "failover"
    DIAGNOSTICS = "diagnostics"


class Risk(StrEnum):
    """The class of a verb, from the least to the most; a rule may raise it."""

    SAFE = "safe"
    GUARDED = "guarded"
    DANGEROUS = "dangerous"

    @property
    def rank(self) -> int:
        """Its place, from 0."""
        return _RISKS[self]


class Mode(StrEnum):
    """What becomes of a decision, from the least to the most (ACTIONS 9)."""

    OBSERVE = "observe"
    SUGGEST = "suggest"
    APPROVE = "approve"
    AUTO = "auto"

    @property
    def rank(self) -> int:
        """Its place, from 0."""
        return _MODES[self]


_RISKS = {risk: rank for rank, risk in enumerate(Risk)}
_MODES = {mode: rank for rank, mode in enumerate(Mode)}


class Trait(NamedTuple):
    """What is true of a verb wherever it is used."""

    risk: Risk
    cures: frozenset[DriftKind]
    """For a disk's cleanup, of `node_pressure` that of the disk alone."""
    is_of_node: bool
    """Its target is `<node>/all`."""
    timeout: timedelta
    action_prefix: str
    """How its `action_id` begins."""


_STOPPED = frozenset({DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE})

TRAITS = {
    Verb.RESTART: Trait(Risk.SAFE, _STOPPED, False, timedelta(minutes=2), "container-restart-"),
    Verb.REDEPLOY: Trait(
        Risk.GUARDED, _STOPPED | {DriftKind.FAILED_DEPLOYMENT}, False, timedelta(minutes=10), "redeploy-"
    ),
    Verb.CLEANUP: Trait(
        Risk.GUARDED, frozenset({DriftKind.NODE_PRESSURE}), True, timedelta(minutes=10), "disk-cleanup-"
    ),
    Verb.FAILOVER: Trait(
        Risk.DANGEROUS, frozenset({DriftKind.OFFLINE_NODE}), False, timedelta(minutes=10), "failover-"
    ),
    Verb.DIAGNOSTICS: Trait(Risk.SAFE, frozenset(), False, timedelta(minutes=2), "diagnostics-"),
}

CEILING = {Risk.SAFE: Mode.AUTO, Risk.GUARDED: Mode.AUTO, Risk.DANGEROUS: Mode.APPROVE}
"""The highest mode of a class."""

_RESTART, _REDEPLOY, _LOOK = Verb.RESTART, Verb.REDEPLOY, Verb.DIAGNOSTICS

DEFAULT_LADDERS: dict[Action, tuple[Verb, ...]] = {
    Action.CONTAINER_RESTART: (_RESTART, _RESTART, _REDEPLOY, _LOOK),
    Action.REDEPLOY: (_REDEPLOY, _REDEPLOY, _LOOK),
    Action.DIAGNOSTICS: (_LOOK,),
    Action.DISK_CLEANUP: (Verb.CLEANUP,),
    Action.FAILOVER_REVIEW: (Verb.FAILOVER,),
}
"""The verbs tried in order where no rule says otherwise; an action without one is for people alone."""

FITTING: dict[Action, frozenset[Verb]] = {
    Action.CONTAINER_RESTART: frozenset({_RESTART, _REDEPLOY, _LOOK}),
    Action.REDEPLOY: frozenset({_RESTART, _REDEPLOY, _LOOK}),
    Action.DIAGNOSTICS: frozenset({_LOOK}),
    Action.DISK_CLEANUP: frozenset({Verb.CLEANUP}),
    Action.FAILOVER_REVIEW: frozenset({Verb.FAILOVER}),
}
"""The verbs that a rule's ladder may use for an action."""


def is_mutating(verb: Verb) -> bool:
    """Return whether the verb changes what it is used on."""
    return verb is not Verb.DIAGNOSTICS


@lru_cache(maxsize=4096)
def fit_ladder(ladder: tuple[Verb, ...], action: Action, kinds: tuple[DriftKind, ...]) -> tuple[Verb, ...]:
    """Return the ladder of a decision: of a rule's the verbs that fit and cure; where none is left, of the default.

    Empty where the action has no verb.
    """
    fitted = _fit(ladder, action, kinds)
    return fitted or _fit(DEFAULT_LADDERS.get(action, ()), action, kinds)


def pick_verb(ladder: tuple[Verb, ...], position: int) -> Verb:
    """Return the verb at a place of a ladder that is not empty, from 0; behind its end the last."""
    return ladder[min(position, len(ladder) - 1)]


def _fit(ladder: Collection[Verb], action: Action, kinds: Collection[DriftKind]) -> tuple[Verb, ...]:
    fitting = FITTING.get(action, frozenset())
    return tuple(v for v in ladder if v in fitting and (v is _LOOK or not TRAITS[v].cures.isdisjoint(kinds)))
