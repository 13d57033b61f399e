"""Whether two runs came to the same result."""

import json
from pathlib import Path
from typing import Any

DRIFT = ("kind", "node", "service", "severity", "held_by")
RECOMMENDATION = (
    "recommendation_id",
    "event_type",
    "action",
    "severity",
    "node",
    "service",
    "root_causes",
    "causing_kinds",
    "blast_radius",
)
WORDING = "reasons"
COUNTED = {"missing_service": "missing", "unexpected_service": "unexpected", "unhealthy_service": "unhealthy"}

Outcome = dict[str, Any]


def read_outcome(path: Path) -> Outcome:
    """Return what a run concluded, in an order of its own; evidence is left out."""
    document = json.loads(path.read_bytes())
    if "drift" not in document:
        return dict(document)
    drift = sorted([[row[name] for name in DRIFT] for row in document["drift"]], key=str)
    recommendations = [{name: row[name] for name in RECOMMENDATION} for row in document["recommendations"]]
    for row in recommendations:
        row["root_causes"] = sorted(row["root_causes"])
        row["causing_kinds"] = sorted(row["causing_kinds"])
    order = sorted(recommendations, key=lambda row: (row["recommendation_id"], row["node"]))
    return {
        "state": document["summary"]["state"],
        "partial": document["partial"],
        "drift": drift,
        "recommendations": order,
        "rejected": sorted([row["file"], row["key"]] for row in document["rejected"]),
        "unread": len(document["unread"]),
        WORDING: sorted(
            [row["recommendation_id"], row["reason"]] for row in document["recommendations"] if "reason" in row
        ),
    }


def disagreement(one: Outcome, other: Outcome) -> str | None:
    """Return where two outcomes differ first, or None where they agree; reasons are compared where both give them."""
    for part in one.keys() | other.keys():
        if part == WORDING and not (one[part] and other[part]):
            continue
        if one.get(part) != other.get(part):
            return f"{part}: {_first_difference(one.get(part), other.get(part))}"
    return None


def _first_difference(one: Any, other: Any) -> str:
    if isinstance(one, list) and isinstance(other, list):
        for left, right in zip(one, other, strict=False):
            if left != right:
                return f"{left} against {right}"
        return f"{len(one)} rows against {len(other)}"
    return f"{one} against {other}"


def tell_size(outcome: Outcome) -> str:
    """Return how much was compared."""
    drift, advice = outcome["drift"], outcome["recommendations"]
    held, caused = sum(row[-1] is not None for row in drift), sum(bool(row["root_causes"]) for row in advice)
    return (
        f"state {outcome['state']}, {len(drift):,} drifts (kind, severity, what holds back), {held:,} of them held back,"
        f" {len(advice):,} recommendations (action, event, severity, kinds, reach), {caused:,} with root causes,"
        f" {len(outcome['rejected']):,} records set aside"
    )


def count_kinds(outcome: Outcome) -> Outcome:
    """Return how many services are missing, unexpected and unhealthy: what a peer that only compares finds."""
    kinds = [row[0] for row in outcome["drift"]]
    return {word: kinds.count(kind) for kind, word in COUNTED.items()}
