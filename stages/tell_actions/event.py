"""An event about acting: its identity, and what each has."""

from datetime import datetime

from schemas.action_event import ActionEvent, ActionTransition
from schemas.canonical import hash_canonical, spell_instant
from schemas.decision import Decision
from schemas.episode import Target
from schemas.told import Fresh
from schemas.words import Severity


def identify(*what: str) -> str:
    """Return the id of an event: the same whenever the same is told."""
    return hash_canonical(["action-event/1", *what])


def make_event(
    fresh: Fresh,
    transition: ActionTransition,
    severity: Severity,
    target: Target,
    correlation_id: str,
    event_id: str,
    **fields: object,
) -> ActionEvent:
    """Return an event with these fields, and those that each has."""
    return ActionEvent(
        event_id=event_id,
        transition=transition,
        severity=severity,
        node=target.node,
        service=target.service,
        correlation_id=correlation_id,
        as_of=fresh.as_of,
        fields={**fields, "policy_fingerprint": fresh.policy_fingerprint},
    )


def make_warning(
    fresh: Fresh,
    transition: ActionTransition,
    name: str,
    event_id: str,
    by: str | None = None,
    until: datetime | None = None,
) -> ActionEvent:
    """Return an event about a target as a whole, such as `piha/all`: a hold, a halt, a breaker, the policy."""
    node, _, service = name.partition("/")
    target = Target(node, service)
    return make_event(fresh, transition, Severity.WARNING, target, name, event_id, by=by, until=spell(until))


def brief(decision: Decision | None) -> dict[str, object] | None:
    """Return a decision in short, as values of JSON."""
    if decision is None:
        return None
    return {"verdict": str(decision.verdict), "decided_by": decision.decided_by, "until": spell(decision.until)}


def spell(moment: datetime | None) -> str | None:
    """Return a moment as text."""
    return None if moment is None else spell_instant(moment)
