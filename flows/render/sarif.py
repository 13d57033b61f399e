"""A run as SARIF 2.1.0: what code hosts show beside the lines of the inventory that ask for what drifted."""

import json
import re
from importlib.metadata import version
from typing import Any

from flows.run.result import RunReport
from flows.text.escape import show
from flows.text.rows import rows
from flows.views.gate import Gate
from schemas.episode import Key
from schemas.words import Action, Severity

NAME = "runtime-supervisor"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVEL = {Severity.INFO: "note", Severity.WARNING: "warning", Severity.ERROR: "error", Severity.CRITICAL: "error"}
MEANING = {
    Action.OBSERVER_REVIEW: "The observer may be wrong: check it before acting on what it reports.",
    Action.FAILOVER_REVIEW: "A node is offline: bring it back, or move its services.",
    Action.NODE_REVIEW: "A node is in trouble as a whole: look at the node first.",
    Action.DIAGNOSTICS: "Repairing it again would not help: find the cause first.",
    Action.DELAYED_DEPLOYMENT: "It waits for a dependency that is unavailable.",
    Action.CONTAINER_RESTART: "An open incident says that its container stopped: restart it.",
    Action.REDEPLOY: "It is missing, unhealthy, or its deployment failed: redeploy it.",
    Action.PLACEMENT_REVIEW: "It runs on another node than the one that is asked for it: move one of both.",
    Action.DISK_CLEANUP: "The disk of a node is full: clean it up.",
    Action.INCIDENT_REVIEW: "An incident is open, or a disk is full: review it.",
    Action.INVENTORY_REVIEW: "What runs and what the inventory asks for disagree: mend one of both.",
}
_PLACE = re.compile(r"(.+?)(?::(\d+))?")
_FALLBACK = "inventory/topology.yaml"


def to_sarif(report: RunReport, gate: Gate | None = None) -> str:
    """Return one SARIF log with one run: a result for each recommendation, acknowledged ones suppressed."""
    driver = {"name": NAME, "semanticVersion": version(NAME), "rules": [_rule(action) for action in MEANING]}
    invocation: dict[str, Any] = {"executionSuccessful": report.judgement is not None}
    if report.error:
        note = {"level": "error", "message": {"text": show(report.error, limit=5000)}}
        invocation["toolExecutionNotifications"] = [note]
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "results": _results(report, gate),
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False)


def _rule(action: Action) -> dict[str, Any]:
    """Return a rule with what GitHub's code scanning requires of one."""
    help_ = f"'supervisor explain TARGET' says why it is a {action.replace('_', ' ')}, and what would change that."
    return {
        "id": action.value,
        "shortDescription": {"text": MEANING[action]},
        "fullDescription": {"text": MEANING[action]},
        "help": {"text": help_},
    }


def _results(report: RunReport, gate: Gate | None) -> list[dict[str, Any]]:
    if report.judgement is None:
        return []
    places = dict(report.judgement.drift.select("drift_id", "desired_ref").iter_rows())
    return [_result(row, places, report, gate) for row in rows(report.judgement.recommendations)]


def _result(row: dict[str, Any], places: dict[str, str | None], report: RunReport, gate: Gate | None) -> dict[str, Any]:
    place = next((places[drift_id] for drift_id in row["drift_ids"] if places.get(drift_id)), None)
    result = {
        "ruleId": row["action"],
        "ruleIndex": list(MEANING).index(Action(row["action"])),
        "level": LEVEL[Severity(row["severity"])],
        "message": {"text": show(row["reason"], limit=2000)},
        "locations": [_location(place or _FALLBACK, f"{row['node']}/{row['service']}")],
        "partialFingerprints": {"recommendation/v1": f"{row['action']}/{row['node']}/{row['service']}"},
        "properties": {name: row[name] for name in ("severity", "event_type", "root_causes", "blast_radius")},
    }
    if gate is not None:
        is_known = Key(row["node"], row["service"], Action(row["action"])) in gate.known
        result["baselineState"] = "unchanged" if is_known else "new"
    by = report.attention.describe(row) if report.attention else None
    if by is not None:
        why = f"{by['owner']} until {by['until']}: {by['reason']}"
        result["suppressions"] = [{"kind": "external", "justification": show(why)}]
    return result


def _location(place: str, name: str) -> dict[str, Any]:
    found = _PLACE.fullmatch(place)
    file, line = (found[1], found[2]) if found else (place, None)
    # Code hosts refuse a result without a line; one that is about the whole file stands at its beginning.
    physical = {
        "artifactLocation": {"uri": file, "uriBaseId": "INVENTORY"},
        "region": {"startLine": int(line or 1)},
    }
    return {"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": name, "kind": "resource"}]}
