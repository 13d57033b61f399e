"""What a policy reaches today: which targets would be repaired by themselves, and what others lack for it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from schemas.book import Able
from schemas.desired import Desired
from schemas.match import Subject, find_mismatch
from schemas.numbers import Automation, Numbers
from schemas.policy import Policy, Rule, find_mode, fit_rule
from schemas.verb import Mode, Risk, Verb
from schemas.words import ALL, Action, DriftKind, EventType, Severity

HYPOTHESES = {
    DriftKind.UNHEALTHY_SERVICE: (Action.CONTAINER_RESTART, Action.REDEPLOY),
    DriftKind.NODE_PRESSURE: (Action.DISK_CLEANUP,),
}
"""What would be recommended for a service that turned unhealthy (it depends on its incident), and for a full disk."""


class Reach(NamedTuple):
    """One target, and what it lacks for being repaired by itself; nothing: it would be."""

    target: str
    missing: tuple[str, ...]
    rule: Rule | None
    """The rule that would decide."""


def find_reach(desired: Desired, policy: Policy, numbers: Numbers, able: Able | None) -> Iterator[Reach]:
    """Yield each monitored target for which a rule says auto, or no rule says anything; `able`: what can be done now.

    Automation that is off is what lacks first: nothing of the policy counts then.
    """
    offers = {(offer.verb, offer.target) for offer in able.capabilities.offers} if able else None
    for subject in _subjects(desired):
        actions = HYPOTHESES[DriftKind(subject.drift_kind[0])]
        found = [_reach(subject, action, policy, numbers, offers) for action in actions]
        wanted = [reach for reach in found if reach.rule is None or reach.rule.mode is Mode.AUTO]
        if wanted:
            yield min(wanted, key=lambda reach: len(reach.missing))


def _subjects(desired: Desired) -> list[Subject]:
    nodes = {row["node"]: row for row in desired.nodes.filter("is_monitored").iter_rows(named=True)}
    services = desired.services.filter("is_monitored").iter_rows(named=True)
    found = [_service(row, nodes[row["node"]]) for row in services if row["node"] in nodes]
    return sorted((*found, *(_node(name, node) for name, node in nodes.items())), key=lambda subject: subject.target)


def _service(row: Mapping[str, Any], node: Mapping[str, Any]) -> Subject:
    return Subject(
        node=row["node"],
        service=row["service"],
        event_type=EventType.RECONCILE_REQUIRED,
        drift_kind=(DriftKind.UNHEALTHY_SERVICE,),
        severity=Severity.ERROR,
        role=_lower(row["role"]),
        exposure=_lower(row["exposure"]),
        deployment_model=_lower(row["deployment_model"]),
        **_traits(node),
    )


def _node(name: str, node: Mapping[str, Any]) -> Subject:
    return Subject(
        node=name,
        service=ALL,
        event_type=EventType.RECONCILE_RECOMMENDED,
        drift_kind=(DriftKind.NODE_PRESSURE,),
        severity=Severity.WARNING,
        **_traits(node),
    )


def _traits(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "node_role": tuple(role.lower() for role in node["roles"] or ()),
        "connectivity": node["connectivity"],
        "blast_radius": 0,
    }


def _lower(text: str | None) -> str | None:
    return text.lower() if text is not None else None


def _reach(
    known: Subject, action: Action, policy: Policy, numbers: Numbers, offers: set[tuple[Verb, str]] | None
) -> Reach:
    subject = known._replace(action=action)
    for rule in policy.rules:
        _, verb, risk = fit_rule(rule, action, (DriftKind(subject.drift_kind[0]),), 0)
        if find_mismatch(rule.match, subject, risk) is None:
            return Reach(subject.target, tuple(_missing(rule, verb, risk, subject, policy, numbers, offers)), rule)
    return Reach(subject.target, ("rule",), None)


def _missing(
    rule: Rule,
    verb: Verb,
    risk: Risk,
    subject: Subject,
    policy: Policy,
    numbers: Numbers,
    offers: set[tuple[Verb, str]] | None,
) -> Iterator[str]:
    if numbers.automation is Automation.OFF:
        yield "automation"
    else:
        lowered_by = find_mode(rule.mode, risk, numbers.automation, policy, subject).lowered_by
        yield from [lowered_by] if lowered_by else []
    if offers is None:
        yield "executor_running"
    elif (verb, subject.target) not in offers:
        yield "executor_line"
