"""Why a recommendation is this one: the decision table, held against one target's drift."""

from typing import Any, NamedTuple

from schemas.rules import Rules
from schemas.words import Action, DriftKind
from stages.recommend import DECISIONS, EXHAUSTED, PLAIN, RESTARTABLE, WAITING

RULES = {
    DriftKind.STALE_WORLD: "the world is older than world_ttl",
    DriftKind.OBSERVER_SUSPECT: "so much is missing at once that the observer is suspect, not the services",
    DriftKind.OFFLINE_NODE: "its status is not online, it has no record, or it was not seen for node_ttl",
    DriftKind.MISSING_SERVICE: "monitored and desired, with no record in services.json",
    DriftKind.UNHEALTHY_SERVICE: "monitored and desired, with a record whose status is neither ok nor healthy",
    DriftKind.UNREADABLE_OBSERVATION: "monitored and desired, with a record that cannot be read",
    DriftKind.FAILED_DEPLOYMENT: "its newest deployment failed within deployment_window",
    DriftKind.UNRESOLVED_INCIDENT: "an incident about it is neither resolved nor closed",
    DriftKind.UNEXPECTED_SERVICE: "it has a record in services.json, and no inventory asks for it",
}
"""When there is a drift of each kind, in a sentence."""


class Line(NamedTuple):
    """One line of the decision table for one target."""

    action: Action
    kind: DriftKind
    is_chosen: bool
    why: str


def weigh_decisions(drift: list[dict[str, Any]], recommendation: dict[str, Any] | None, rules: Rules) -> list[Line]:
    """Return the lines about kinds that the target has or could have had, in the table's order.

    The first line whose kind stands and whose circumstance holds decides; `recommendation` is what it led to.
    """
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for row in drift:
        by_kind.setdefault(row["kind"], []).append(row)
    lines: list[Line] = []
    is_decided = False
    for kind, circumstance, _, action, _ in DECISIONS:
        if kind not in by_kind:
            continue
        refusal = _refuse(by_kind[kind], circumstance, drift, recommendation, rules)
        is_chosen = refusal is None and not is_decided and recommendation is not None
        lines.append(Line(action, kind, is_chosen, refusal or _accept(kind, circumstance, is_decided)))
        is_decided = is_decided or is_chosen
    return lines


def _refuse(
    found: list[dict[str, Any]],
    circumstance: str,
    drift: list[dict[str, Any]],
    recommendation: dict[str, Any] | None,
    rules: Rules,
) -> str | None:
    """Return why the line does not apply, or None where it does."""
    held = sorted({row["held_by"] for row in found if row["held_by"]})
    if held and all(row["held_by"] for row in found):
        return f"held back by {' and '.join(held)}"
    if found[0]["kind"] == DriftKind.UNEXPECTED_SERVICE and not rules.report_unexpected:
        return "report_unexpected is off"
    if circumstance == EXHAUSTED:
        count = max(row["consecutive_failures"] or 0 for row in found)
        is_met = count >= rules.max_deployment_failures
        return None if is_met else f"{count} failure(s) in a row; it takes {rules.max_deployment_failures}"
    if circumstance == WAITING:
        return None if recommendation and recommendation["root_causes"] else "no dependency of it is unavailable"
    if circumstance == RESTARTABLE:
        triggers = {row["trigger_type"] for row in drift if not row["held_by"]} & rules.restart_triggers
        return None if triggers else f"no open incident with trigger {' or '.join(sorted(rules.restart_triggers))}"
    return None


def _accept(kind: DriftKind, circumstance: str, is_decided: bool) -> str:
    why = {
        PLAIN: f"it has {kind}",
        EXHAUSTED: "deploying failed too often in a row",
        WAITING: "a dependency of it is unavailable",
        RESTARTABLE: "an open incident says that its container stopped",
    }[circumstance]
    return f"{why}, but a line above applies first" if is_decided else why
