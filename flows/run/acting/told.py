"""What a run leaves about acting for the next one, as values of JSON in the checkpoint."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from flows.ledger.actions.memory_form import dump_memory, parse_memory
from schemas.canonical import spell_instant
from schemas.memory import Memory
from schemas.told import Told


class Left(NamedTuple):
    """What a run leaves: what it remembers, and what was told."""

    memory: Memory = Memory()
    told: Told = Told()


def dump_left(left: Left) -> dict[str, object]:
    """Return it as values of JSON."""
    told = left.told
    return {
        "memory": dump_memory(left.memory),
        "told": {
            "n": told.n,
            "blocked": sorted([*key] for key in told.blocked),
            "breakers": sorted(told.breakers),
            "holds": {target: spell_instant(until) for target, until in sorted(told.holds.items())},
            "policy_fingerprint": told.policy_fingerprint,
            "is_policy_valid": told.is_policy_valid,
        },
    }


def parse_left(form: Mapping[str, Any] | None) -> Left:
    """Return what the last run left; the beginning where it left nothing that can be read."""
    if form is None:
        return Left()
    try:
        return Left(parse_memory(form["memory"]), _parse_told(form["told"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Left()


def _parse_told(form: Mapping[str, Any]) -> Told:
    return Told(
        n=int(form["n"]),
        blocked=frozenset((str(guard), str(target), str(at)) for guard, target, at in form["blocked"]),
        breakers=frozenset(map(str, form["breakers"])),
        holds={str(target): datetime.fromisoformat(until) for target, until in form["holds"].items()},
        policy_fingerprint=form["policy_fingerprint"],
        is_policy_valid=form["is_policy_valid"] is True,
    )
