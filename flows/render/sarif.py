"""A run as SARIF 2.1.0: what code hosts show beside the lines of the inventory that ask for what drifted."""

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from flows.run.result import RunReport
from flows.text.escape import show
from flows.text.rows import rows
from flows.text.spoken import said, with_article
from flows.views.gate import Gate
from flows.views.roots import Roots
from schemas.episode import Key
from schemas.rejected import is_fault
from schemas.words import Action, Outcome, Severity

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
UNREAD, REJECTED = "unread_inventory", "rejected_record"
FAULTS = {
    UNREAD: "A part of the inventory cannot be read: what it asks for is not judged.",
    REJECTED: "A record of the world cannot be read: it was set aside.",
}
RULES = {**{action.value: meaning for action, meaning in MEANING.items()}, **FAULTS}
_PLACE = re.compile(r"(.+?)(?::(\d+))?")
_FALLBACK = "inventory/topology.yaml"


def to_sarif(report: RunReport, gate: Gate | None = None, roots: Roots | None = None) -> str:
    """Return one SARIF log with one run: a result for each recommendation and for each thing that cannot be read.

    Acknowledged ones are suppressed; `roots` says where the repository has the files.
    """
    roots = roots or Roots()
    driver = {"name": NAME, "semanticVersion": version(NAME), "rules": [_rule(rule) for rule in RULES]}
    invocation: dict[str, Any] = {"executionSuccessful": report.outcome is Outcome.COMPLETED}
    if report.error:
        note = {"level": "error", "message": {"text": show(report.error, limit=5000)}}
        invocation["toolExecutionNotifications"] = [note]
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "results": [*_faults(report, roots), *_results(report, gate, roots)],
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, allow_nan=False)


def _rule(rule: str) -> dict[str, Any]:
    """Return a rule with what GitHub's code scanning requires of one."""
    advised = f"'supervisor explain TARGET' says why it is {with_article(said(rule))}, and what would change that."
    return {
        "id": rule,
        "shortDescription": {"text": RULES[rule]},
        "fullDescription": {"text": RULES[rule]},
        "help": {"text": "'supervisor check' says what to do about it." if rule in FAULTS else advised},
    }


def _faults(report: RunReport, roots: Roots) -> Iterator[dict[str, Any]]:
    """Return a result at the place of each fault of the inventory and of each record that was set aside."""
    if report.unread is not None:
        for row in rows(report.unread.filter(is_fault())):
            name = "/".join(filter(None, (row["node"], row["service"])))
            yield _fault(UNREAD, row["problem"], roots.of_inventory(row["file"]), row["line"], name or row["file"])
    if report.actual is not None:
        for row in rows(report.actual.rejected):
            yield _fault(REJECTED, f"{row['key']}: {row['reason']}", roots.of_world(row["file"]), None, row["key"])


def _fault(rule: str, text: str, file: dict[str, str], line: int | None, name: str) -> dict[str, Any]:
    return {
        "ruleId": rule,
        "ruleIndex": list(RULES).index(rule),
        "level": "error" if rule == UNREAD else "warning",
        "message": {"text": show(text, limit=2000)},
        "locations": [_location(file, line, show(name))],
    }


def _results(report: RunReport, gate: Gate | None, roots: Roots) -> list[dict[str, Any]]:
    if report.judgement is None or report.desired is None:
        return []
    places = dict(report.judgement.drift.select("drift_id", "desired_ref").iter_rows())
    files = dict(report.desired.nodes.drop_nulls("file").sort("node").select("node", "file").iter_rows())
    return [
        _result(row, _find_place(row, places, files), report, gate, roots)
        for row in rows(report.judgement.recommendations)
    ]


def _find_place(row: dict[str, Any], places: dict[str, str | None], files: dict[str, str]) -> str:
    """Return what of the inventory asks for it; else the file of its node, or any other that is there."""
    asked = (places[drift_id] for drift_id in row["drift_ids"] if places.get(drift_id))
    return next(asked, None) or files.get(row["node"]) or next(iter(files.values()), _FALLBACK)


def _result(row: dict[str, Any], place: str, report: RunReport, gate: Gate | None, roots: Roots) -> dict[str, Any]:
    found = _PLACE.fullmatch(place)
    file, line = (found[1], found[2]) if found else (place, None)
    result = {
        "ruleId": row["action"],
        "ruleIndex": list(RULES).index(row["action"]),
        "level": LEVEL[Severity(row["severity"])],
        "message": {"text": show(row["reason"], limit=2000)},
        "locations": [_location(roots.of_inventory(file), line, f"{row['node']}/{row['service']}")],
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


def _location(file: dict[str, str], line: int | str | None, name: str) -> dict[str, Any]:
    # Code hosts refuse a result without a line; one that is about the whole file stands at its beginning.
    physical = {"artifactLocation": file, "region": {"startLine": int(line or 1)}}
    return {"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": name, "kind": "resource"}]}
