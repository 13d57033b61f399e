"""The gate fails for what the criteria say alone, and CI's formats say the same."""

import json
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft4Validator  # type: ignore[import-untyped]
from lxml import etree  # type: ignore[import-untyped]  # its stubs are a package of their own

from flows.errors import SettingsError
from flows.render.document import to_json
from flows.render.junit import to_junit
from flows.render.sarif import to_sarif
from flows.run.attend import Attention
from flows.run.result import RunReport
from flows.views.gate import hold_against, parse_criteria, read_baseline
from schemas.acknowledgement import Acknowledgement
from schemas.words import Outcome, Severity
from stages.acknowledge import acknowledge
from tests.helpers import frames
from tests.helpers.frames import NOON

pytestmark = pytest.mark.wide

STANDARDS = Path(__file__).parents[1] / "standards"
FAILED = {"target": "piha/db", "status": "failed"}


@cache
def report(*present, outcome=Outcome.COMPLETED):
    """Return a run in which `piha/web` is missing (an error) and `piha/db` failed to deploy (a warning)."""
    want = frames.desired("piha/web", "piha/db", "piha/ok")
    have = frames.actual("piha/db", "piha/ok", *present, deployments=[FAILED])
    return RunReport(NOON, outcome, want, have, frames.judged(want, have))


def fails(criteria, baseline=None, run=None):
    gate = hold_against(run or report(), parse_criteria(criteria), baseline)
    return sorted(key.service for key in gate.failing)


def baseline(tmp_path, run):
    (tmp_path / "baseline.json").write_text("".join(to_json(run)))
    return read_baseline(tmp_path / "baseline.json")


@pytest.mark.parametrize(
    ("criteria", "services"),
    [(["severity>=error"], ["web"]), (["severity >= warning"], ["db", "web"]), (["severity>=critical"], [])],
)
def test_a_severity_is_the_least_that_fails(criteria, services):
    assert fails(criteria) == services


def test_what_the_baseline_has_is_not_new(tmp_path):
    assert fails(["new"], baseline(tmp_path, report())) == []
    assert fails(["new"], baseline(tmp_path, report("piha/web"))) == ["web"]
    assert fails(["severity>=warning"], baseline(tmp_path, report("piha/web"))) == ["web"]


def test_what_became_more_severe_is_new(tmp_path):
    before = dict.fromkeys(baseline(tmp_path, report()), Severity.INFO)

    assert fails(["new"], before) == ["db", "web"]


@pytest.mark.parametrize(
    ("outcome", "exit_code"), [(Outcome.COMPLETED, 0), (Outcome.PARTIAL, 1), (Outcome.SKIPPED, 3), (Outcome.FAILED, 1)]
)
def test_a_run_that_is_not_whole_keeps_its_exit_code(outcome, exit_code):
    run = report(outcome=outcome)

    assert hold_against(run, parse_criteria(["severity>=critical"]), None).exit_code(run) == exit_code
    assert hold_against(report(), parse_criteria(["severity>=info"]), None).exit_code(report()) == 2


@pytest.mark.parametrize("text", ["old", "severity>=high", "severity>error", "error", ""])
def test_other_criteria_are_refused(text):
    with pytest.raises(SettingsError, match="expected new, or one of"):
        parse_criteria([text])


def test_new_needs_a_baseline():
    with pytest.raises(SettingsError, match="--baseline"):
        fails(["new"])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"recommendations": [{"node": 1}]}', '{"recommendations": 1}'])
def test_another_file_is_no_baseline(tmp_path, content):
    (tmp_path / "other.json").write_text(content)

    with pytest.raises(SettingsError, match="--format json"):
        read_baseline(tmp_path / "other.json")


def test_junit_has_a_case_for_each_service_and_a_failure_for_each_that_fails():
    run = report()
    root = ET.fromstring(to_junit(run, hold_against(run, parse_criteria(["severity>=error"]), None)))
    outcomes = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}

    assert outcomes == {"db": ["skipped"], "ok": [], "web": ["failure"]}
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "0"]
    assert root.find("testsuite").get("skipped") == "1"


def test_junit_of_a_run_without_conclusions_is_an_error():
    root = ET.fromstring(to_junit(RunReport(NOON, Outcome.SKIPPED, error="torn \x1b[31m")))

    assert root.get("errors") == "1"
    assert root.find(".//error").get("message") == "torn \\x1b[31m"


def test_sarif_names_the_line_of_the_inventory_and_says_what_is_new(tmp_path):
    run = report()
    gate = hold_against(run, parse_criteria(["new"]), baseline(tmp_path, report("piha/web")))
    results = json.loads(to_sarif(run, gate))["runs"][0]["results"]

    assert [(result["level"], result["baselineState"]) for result in results] == [
        ("error", "new"),
        ("warning", "unchanged"),
    ]
    place = results[0]["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("hosts/piha/services.yaml", 2)


def acknowledged(run):
    """Return the run with `piha/web` acknowledged."""
    until = NOON.replace(year=2030)
    ack = Acknowledgement(node="piha", service="web", owner="anna", reason="known", acknowledged_at=NOON, until=until)
    found = acknowledge(run.judgement.recommendations, [ack], NOON)
    return run._replace(attention=Attention(found, run.judgement.summary))


@pytest.fixture(params=["plain", "gated", "acknowledged", "skipped"])
def run_and_gate(request):
    """Return a run of each form that CI's formats have."""
    gate = hold_against(report(), parse_criteria(["new"]), {})
    return {
        "plain": lambda: (report(), None),
        "gated": lambda: (report(), gate),
        "acknowledged": lambda: (acknowledged(report()), gate),
        "skipped": lambda: (RunReport(NOON, Outcome.SKIPPED, error="torn \x1b[31m <&>"), None),
    }[request.param]()


def test_sarif_is_valid_by_its_official_schema(run_and_gate):
    schema = json.loads((STANDARDS / "sarif-2.1.0-rtm.5.json").read_text())

    Draft4Validator(schema).validate(json.loads(to_sarif(*run_and_gate)))


def test_junit_is_valid_by_the_schema_of_its_readers(run_and_gate):
    schema = etree.XMLSchema(etree.parse(str(STANDARDS / "junit-10.xsd")))

    schema.assertValid(etree.fromstring(to_junit(*run_and_gate).encode()))


def test_sarif_shows_what_is_about_a_whole_file_at_its_beginning():
    want, have = frames.desired("piha/web"), frames.actual()
    run = RunReport(NOON, Outcome.COMPLETED, want, have, frames.judged(want, have))
    results = json.loads(to_sarif(run))["runs"][0]["results"]
    lines = [result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in results]

    assert [result["ruleId"] for result in results] == ["observer_review"]
    assert lines == [1]


def test_what_is_acknowledged_never_fails():
    run = acknowledged(report())

    assert fails(["severity>=warning"], run=run) == ["db"]
    assert "acknowledged by anna" in to_junit(run)
    suppressed = [bool(result.get("suppressions")) for result in json.loads(to_sarif(run))["runs"][0]["results"]]
    assert suppressed == [True, False]
