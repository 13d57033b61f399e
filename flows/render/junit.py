"""A run as JUnit XML: a suite for each node, a case for each service and finding, an error for what is not readable."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

from flows.run.result import RunReport
from flows.text.escape import show
from flows.text.rows import rows
from flows.text.spoken import instant
from flows.views.gate import Gate
from schemas.episode import Key
from schemas.rejected import is_fault
from schemas.words import FLEET, Action

Case = tuple[str, str]


def to_junit(report: RunReport, gate: Gate | None = None) -> str:
    """Return the document; what is held back, acknowledged or let through by the gate is skipped, with the reason."""
    root = ET.Element("testsuites", name="runtime-supervisor")
    cases, advice, faults = _cases(report), _by_target(report), list(_faults(report))
    for node in sorted({node for node, _ in cases} | {node for node, _, _ in faults}):
        suite = ET.SubElement(root, "testsuite", name=show(node), timestamp=(instant(report.as_of) or "").rstrip("Z"))
        for at in sorted(at for at in cases if at[0] == node):
            case = ET.SubElement(suite, "testcase", classname=show(node), name=show(at[1]))
            row = advice.get(at)
            _write(case, cases[at], row, _excuse(row, report, gate) if row else "")
        for name, problem in (fault[1:] for fault in faults if fault[0] == node):
            case = ET.SubElement(suite, "testcase", classname=show(node), name=show(name))
            ET.SubElement(case, "error", message=show(problem, limit=2000))
        _count(suite)
    if report.judgement is None:
        suite = ET.SubElement(root, "testsuite", name="supervisor")
        case = ET.SubElement(suite, "testcase", classname="supervisor", name="run")
        ET.SubElement(case, "error", message=show(report.error or report.outcome.value, limit=2000))
        _count(suite)
    _count(root, ".//testcase")
    del root.attrib["skipped"]  # Jenkins' schema has it in suites alone
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _cases(report: RunReport) -> dict[Case, str]:
    """Return every case; its text says what holds it back, or nothing."""
    if report.judgement is None or report.desired is None:
        return {}
    monitored = report.desired.services.filter("is_monitored").select("node", "service")
    cases: dict[Case, str] = dict.fromkeys(monitored.iter_rows(), "")
    for node, service, held_by in report.judgement.drift.select("node", "service", "held_by").iter_rows():
        cases[node, service] = cases.get((node, service)) or (f"held back by {held_by}" if held_by else "")
    return cases


def _faults(report: RunReport) -> Iterator[tuple[str, str, str]]:
    """Return the node, the place and the problem of all that could not be read; what is of no node is the fleet's."""
    if report.unread is not None:
        for row in rows(report.unread.filter(is_fault())):
            yield row["node"] or FLEET, row["file"] + (f":{row['line']}" if row["line"] else ""), row["problem"]
    if report.actual is not None:
        for row in rows(report.actual.rejected):
            yield row["node"] or FLEET, f"{row['file']}#{row['key']}", row["reason"]


def _write(case: ET.Element, held: str, row: dict[str, Any] | None, excuse: str) -> None:
    if row is None or excuse:
        reason = excuse if row else held
        if reason:
            ET.SubElement(case, "skipped", message=show(reason))
        return
    failure = ET.SubElement(case, "failure", type=row["action"], message=show(row["reason"], limit=2000))
    failure.text = f"{row['event_type']} {row['severity']}"


def _by_target(report: RunReport) -> dict[Case, dict[str, Any]]:
    found = rows(report.judgement.recommendations) if report.judgement is not None else []
    return {(row["node"], row["service"]): row for row in found}


def _excuse(row: dict[str, Any], report: RunReport, gate: Gate | None) -> str:
    by = report.attention.describe(row) if report.attention else None
    if by is not None:
        return f"acknowledged by {by['owner']} until {by['until']}: {by['reason']}"
    is_failing = gate is None or Key(row["node"], row["service"], Action(row["action"])) in gate.failing
    return "" if is_failing else f"let through: {row['reason']}"


def _count(element: ET.Element, path: str = "testcase") -> None:
    cases = element.findall(path)
    for name, tag in (("tests", None), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        found = [case for case in cases if tag is None or case.find(tag) is not None]
        element.set(name, str(len(found)))
