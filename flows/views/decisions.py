"""Why a recommendation is this one: the decision table, held against one target's drift."""

import re
from collections.abc import Collection
from datetime import timedelta
from typing import Any, NamedTuple

from schemas.rules import Rules
from schemas.setting import settings_of
from schemas.spoken import spoken
from schemas.words import Action, Circumstance, DriftCause, DriftKind
from stages.recommend import DECISIONS, UNEXPECTED, Decision

RULES = {
    DriftKind.STALE_WORLD: "the world is older than world_ttl",
    DriftKind.OBSERVER_SUSPECT: "so much is not to be seen at once that the observer is suspect, not the services",
    DriftKind.NODE_SUSPECT: "everything on it is broken at once, and node_drift_min of that waits for nothing else",
    DriftKind.OFFLINE_NODE: (
        "its status is none of online_words, or it has no record or was not seen for node_ttl, where it is intermittent"
        " node_ttl_intermittent, while no service of it was"
    ),
    DriftKind.MISSING_SERVICE: "monitored and desired, with no record in services.json",
    DriftKind.MISPLACED_SERVICE: "missing, but healthy on another node that is not asked for it",
    DriftKind.UNHEALTHY_SERVICE: "monitored and desired, with a record whose status is none of healthy_words",
    DriftKind.UNREADABLE_OBSERVATION: "desired, with a record, or a time of it, that cannot be read or does not fit",
    DriftKind.STALE_OBSERVATION: "healthy, but its record is older than service_ttl while others of its node are fresh",
    DriftKind.FAILED_DEPLOYMENT: "its newest deployment failed; within deployment_window that counts",
    DriftKind.NODE_PRESSURE: "its record says that its disk or its memory is under pressure",
    DriftKind.UNRESOLVED_INCIDENT: "an incident about it is none of closed_words, nor resolved since it last occurred",
    DriftKind.EMPTY_INVENTORY: "its inventory asks for nothing, and at least 3 services run there",
    DriftKind.UNEXPECTED_SERVICE: "it has a record in services.json, and no inventory asks for it",
    DriftKind.UNEXPECTED_NODE: "it has a record in nodes.json, and no inventory names it",
}
"""When there is a drift of each kind, in a sentence."""


_SETTING = re.compile(rf"\b(?:{'|'.join(settings_of(Rules))})\b")


def say_rule(kind: str, rules: Rules) -> str:
    """Return when there is a drift of that kind, with the numbers and words that are in force."""
    return _in_force(RULES[DriftKind(kind)], rules)


def _in_force(text: str, rules: Rules) -> str:
    """Return the text with the value of each setting behind its name."""
    return _SETTING.sub(lambda found: f"{found[0]} ({_say_value(getattr(rules, found[0]))})", text)


def _say_value(value: object) -> str:
    if isinstance(value, timedelta):
        return spoken(value.total_seconds())
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Collection) and not isinstance(value, str):
        return ", ".join(sorted(map(str, value))) or "none"
    return str(value)


class Line(NamedTuple):
    """One line of the decision table for one target."""

    action: Action
    kind: DriftKind
    is_chosen: bool
    why: str


def weigh_decisions(drift: list[dict[str, Any]], recommendation: dict[str, Any] | None, rules: Rules) -> list[Line]:
    """Return the lines about kinds that the target has, in the table's order; `recommendation` is what they led to."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in drift:
        by_kind.setdefault(row["kind"], []).append(row)
    lines: list[Line] = []
    is_decided = False
    for decision in DECISIONS:
        if decision.kind not in by_kind:
            continue
        held = _say_held(by_kind[decision.kind])
        refusal = held or _refuse(by_kind[decision.kind], decision, recommendation, rules)
        is_chosen = refusal is None and not is_decided and recommendation is not None
        why = held or _in_force(refusal or _accept(decision, is_decided), rules)
        lines.append(Line(decision.action, decision.kind, is_chosen, why))
        is_decided = is_decided or is_chosen
    return lines


def _say_held(found: list[dict[str, Any]]) -> str | None:
    """Return what all of the drift is held back by."""
    held = sorted({row["held_by"].replace("_", " ") for row in found if row["held_by"]})
    return f"held back by {' and '.join(held)}" if held and all(row["held_by"] for row in found) else None


def _refuse(
    found: list[dict[str, Any]], decision: Decision, recommendation: dict[str, Any] | None, rules: Rules
) -> str | None:
    """Return why the line does not apply, or None where it does."""
    if decision.kind in UNEXPECTED and not rules.report_unexpected:
        return "report_unexpected does not say so"
    if all(row["cause"] == DriftCause.OLD for row in found):
        return "it failed longer ago than deployment_window"
    is_of_another = recommendation is not None and recommendation["circumstance"] != decision.circumstance
    is_about_it = recommendation is not None and decision.kind in recommendation["causing_kinds"]
    if decision.circumstance is not Circumstance.PLAIN and (is_of_another or not is_about_it):
        return REFUSALS[decision.circumstance]
    return None


def _accept(decision: Decision, is_decided: bool) -> str:
    why = ACCEPTANCES.get(decision.circumstance, f"it has {decision.kind.replace('_', ' ')}")
    return f"{why}, but a line above applies first" if is_decided else why


ACCEPTANCES = {
    Circumstance.EXHAUSTED: "deploying failed too often in a row",
    Circumstance.WAITING: "a dependency of it is unavailable, or the disk of its node full",
    Circumstance.LOOPING: "it starts and fails again and again",
    Circumstance.UNFIT: "an open incident says that a redeploy would make it worse",
    Circumstance.RESTARTABLE: "an open incident says that its container stopped",
    Circumstance.DISK: "its disk is full, or nearly so",
    Circumstance.UNTOUCHABLE: "its disk is full, and no_cleanup_nodes names it",
}
REFUSALS = {
    Circumstance.EXHAUSTED: "it takes max_deployment_failures in a row",
    Circumstance.WAITING: "no dependency of it is unavailable",
    Circumstance.LOOPING: "its status is none of looping_words, and no incident has occurred max_restarts times",
    Circumstance.UNFIT: "no open incident has a trigger of no_redeploy_triggers",
    Circumstance.RESTARTABLE: "no open incident has a trigger of restart_triggers",
    Circumstance.DISK: "it is not the disk, or no_cleanup_nodes names the node",
    Circumstance.UNTOUCHABLE: "it is not the disk, or no_cleanup_nodes does not name the node",
}
"""Why a line applies, or not, by the circumstance that it needs."""
