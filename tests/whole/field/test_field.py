"""The cases of the field, run for real: what is recommended, told and said is what operators would have needed."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from flows.render.document import to_json
from flows.render.table import print_report
from flows.run.result import RunReport
from tests.helpers.field import Case, Run, read_cases, shown_all, shown_drift, write_run
from tests.helpers.real_run import run_in

FIRST = {case.name.partition(" ")[0]: case.name for case in reversed(read_cases())}
"""The first case of each report; the others are slow together."""
CASES = [
    pytest.param(case, id=case.name, marks=[] if case.name in FIRST.values() else [pytest.mark.slow])
    for case in read_cases()
]


@pytest.mark.parametrize("case", CASES)
def test_the_case_comes_out_right(case: Case, tmp_path: Path) -> None:
    for run in case:
        write_run(tmp_path, run)
        given = run.given
        report, events = run_in(tmp_path, run.at, given.get("acknowledged", ()), **given.get("settings", {}))

        assert difference(report, events, run) == {}


def difference(report: RunReport, events: list[str], run: Run) -> dict[str, object]:
    """Return what is not as the run expects it, by the key that says so."""
    document = json.loads("".join(to_json(report)))
    printed = StringIO()
    print_report(report, Console(file=printed, width=200, no_color=True))
    lines = printed.getvalue().splitlines() or [""]
    expected = run.expected
    found: dict[str, object] = {
        "outcome": report.outcome.value,
        "state": report.state and report.state.value,
        "events": sorted(events),
        "advice": shown_all(document["recommendations"], expected.get("advice", [])),
        "drift": shown_drift(document["drift"]),
        "covered": sorted(row["recommendation_id"] for row in document["recommendations"] if row["acknowledgement"]),
    }
    if report.outcome == "completed":
        found["exit"] = report.exit_code
        expected = {"outcome": "completed", **expected}
    wrong = {name: value for name, value in found.items() if name in expected and value != in_order(expected[name])}
    reasons = {row["recommendation_id"]: row["reason"] for row in document["recommendations"]}
    for identity, phrases in expected.get("says", {}).items():
        if not all(phrase in reasons.get(identity, "") for phrase in phrases):
            wrong[f"says {identity}"] = reasons.get(identity)
    for pattern in expected.get("prints", []):
        if not re.search(pattern, printed.getvalue(), re.DOTALL):
            wrong[f"prints {pattern}"] = printed.getvalue()
    if not re.search(expected.get("first_line", ""), lines[0]):
        wrong["first_line"] = lines[0]
    if "not_first_line" in expected and re.search(expected["not_first_line"], lines[0]):
        wrong["not_first_line"] = lines[0]
    return wrong


def in_order(value: object) -> object:
    """Return a list sorted, and anything else as it is."""
    return sorted(value) if isinstance(value, list) else value
