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
COUNTED = {"missing_service": "missing", "unexpected_service": "unexpected", "unhealthy_service": "unhealthy"}

Outcome = dict[str, Any]


def read_outcome(path: Path) -> Outcome:
    """Return what a run concluded, in an order of its own; evidence and wording are left out."""
    document = json.loads(path.read_bytes())
    if "drift" not in document:
        return dict(document)
    drift = sorted([[row[name] for name in DRIFT] for row in document["drift"]], key=str)
    recommendations = [{name: row[name] for name in RECOMMENDATION} for row in document["recommendations"]]
    for row in recommendations:
        row["root_causes"] = sorted(row["root_causes"])
        row["causing_kinds"] = sorted(row["causing_kinds"])
    order = sorted(recommendations, key=lambda row: (row["recommendation_id"], row["node"]))
    return {"state": document["summary"]["state"], "drift": drift, "recommendations": order}


def disagreement(one: Outcome, other: Outcome) -> str | None:
    """Return where two outcomes differ first, or None where they agree."""
    for part in one.keys() | other.keys():
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


def count_kinds(outcome: Outcome) -> Outcome:
    """Return how many services are missing, unexpected and unhealthy: what a peer that only compares finds."""
    kinds = [row[0] for row in outcome["drift"]]
    return {word: kinds.count(kind) for kind, word in COUNTED.items()}
