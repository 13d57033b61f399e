"""What Prefect shows of a run: names, tags and tables, with every text of the input escaped."""

import json
import uuid
from datetime import timedelta

import pytest

from flows.ledger.event_line import WrittenEvent
from flows.orchestration.prefect_events import to_prefect_event
from flows.orchestration.run_page import MOST_ROWS, drift_rows, locate_history, name_run, recommendation_rows, tag_run
from flows.render.markdown import to_markdown
from flows.run.attend import Attention
from flows.run.result import RunReport
from schemas.acknowledgement import Acknowledgement
from schemas.rules import Rules
from schemas.words import Outcome, Transition
from stages.acknowledge import acknowledge
from stages.summarize import summarize
from tests.helpers.frames import NOON, actual, desired, judged

NASTY = "<img src=x onerror=alert(1)>\x1b[31m\u202e|`"


def report(want, have, outcome=Outcome.COMPLETED):
    return RunReport(as_of=NOON, outcome=outcome, desired=want, actual=have, judgement=judged(want, have))


@pytest.mark.parametrize(
    ("want", "have", "name"),
    [
        pytest.param(desired("piha/web"), actual("piha/web"), "nominal", id="nominal"),
        pytest.param(
            desired("piha/web", "piha/db"), actual("piha/db"), "degraded · 1 required", id="one service is missing"
        ),
        pytest.param(
            desired("piha/web", "piha/db", needs=[{"target": "piha/web", "dependency": "db"}]),
            actual("vps/x", nodes=["piha"]),
            "unstable · 1 blocked",
            id="one waits for the other",
        ),
        pytest.param(
            desired("piha/web"),
            actual(
                "vps/x", nodes=["piha"], deployments=[{"target": "piha/web", "status": "running", "begun_at": NOON}]
            ),
            "reconciling · 1 in flight",
            id="a deployment is in flight",
        ),
    ],
)
def test_a_run_is_named_by_its_state_and_the_count_that_explains_it(want, have, name):
    assert name_run(report(want, have)) == name


def test_a_partial_run_says_so_in_its_name_and_its_tags():
    partial = report(desired("piha/web"), actual("piha/web"), Outcome.PARTIAL)

    assert name_run(partial) == "nominal · partial"
    assert tag_run(partial, dry_run=True) == {"nominal", "partial", "dry run"}


def test_a_run_without_conclusions_is_named_by_its_outcome():
    skipped = RunReport(as_of=NOON, outcome=Outcome.SKIPPED, error="services.json: empty")

    assert (name_run(skipped), tag_run(skipped, dry_run=False)) == ("skipped", {"skipped"})


def test_what_is_acknowledged_does_not_name_the_run():
    want, have = desired("piha/web", "piha/db"), actual("piha/db")
    judged_report = report(want, have)
    judgement = judged_report.judgement
    until = NOON + timedelta(hours=1)
    ack = Acknowledgement(node="piha", service="web", owner="anna", reason="known", acknowledged_at=NOON, until=until)
    found = acknowledge(judgement.recommendations, [ack], NOON)
    times = (judgement.world_times, judgement.planned)
    calm = Attention(found, summarize(judgement.drift, found.standing, want, have, *times, Rules()))

    assert name_run(judged_report) == "degraded · 1 required"
    assert name_run(judged_report._replace(attention=calm)) == "nominal"


def test_the_summary_has_a_part_for_each_event_type_and_says_what_changed():
    want = desired("piha/web", "piha/db", "piha/ok", needs=[{"target": "piha/web", "dependency": "db"}])
    events = [WrittenEvent(word, EVENT, b"") for word in map(Transition, ("opened", "opened", "resolved"))]

    text = to_markdown(report(want, actual("piha/ok"))._replace(events=tuple(events)))

    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "## 🔴 unstable",
        "### required",
        "### blocked",
    ]
    assert "Since the last run: 2 opened, 1 resolved." in text
    assert (
        "| 🟠 error | piha/db | redeploy | db on piha is missing: services.json has no record of it; redeploy it. Explains 1 more. |"
        in text
    )


def test_no_control_character_of_the_input_reaches_a_table():
    judgement = judged(desired(f"piha/{NASTY}"), actual("piha/x"))

    for rows in (recommendation_rows(judgement.recommendations), drift_rows(judgement.drift)):
        text = json.dumps(rows, ensure_ascii=False)
        assert rows
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_a_table_of_recommendations_begins_with_why():
    judgement = judged(desired("piha/web"), actual("piha/x"))

    assert next(iter(recommendation_rows(judgement.recommendations)[0])) == "why, and what to do"


def test_tables_show_what_stands_for_itself_first_and_end_somewhere():
    want = desired(*(f"piha/svc-{n}" for n in range(MOST_ROWS + 10)), "vps/web")
    rows = drift_rows(judged(want, actual("vps/web", nodes=["piha"])).drift)

    assert len(rows) == MOST_ROWS
    assert rows[0]["kind"] == "node suspect"
    assert rows[0]["held back by"] == ""


def test_the_history_is_linked_where_it_is_published_or_where_it_lies(tmp_path):
    assert locate_history(tmp_path / "history", "https://example.net/h") == "https://example.net/h"
    assert locate_history(tmp_path / "history", None) == (tmp_path / "history").as_uri()
    assert locate_history("s3://homelab/history", None) == "s3://homelab/history"


EVENT = {
    "source": "runtime-supervisor",
    "timestamp": "2026-05-27T12:00:00Z",
    "node": "piha",
    "service": "web",
    "type": "reconcile_blocked",
    "severity": "error",
    "correlation_id": "delayed-deployment-piha-web",
    "payload": {
        "event_id": "e" * 64,
        "recommendation_id": "delayed-deployment-piha-web",
        "transition": "opened",
        "action": "delayed_deployment",
        "reason": "web is missing",
        "root_causes": ["piha/db", "vps/all"],
    },
}


def test_an_event_becomes_a_prefect_event_with_what_it_is_about_as_related():
    event = to_prefect_event(EVENT)

    assert event["event"] == "runtime-supervisor.reconcile.blocked"
    assert event["resource"]["prefect.resource.id"] == "runtime-supervisor.recommendation.delayed-deployment-piha-web"
    assert [(one["prefect.resource.role"], one["prefect.resource.id"]) for one in event["related"]] == [
        ("node", "runtime-supervisor.node.piha"),
        ("service", "runtime-supervisor.service.piha/web"),
        ("root-cause", "runtime-supervisor.service.piha/db"),
        ("root-cause", "runtime-supervisor.node.vps"),
    ]


def test_a_repeated_event_is_the_same_prefect_event():
    other = {**EVENT, "payload": {**EVENT["payload"], "event_id": "f" * 64}}

    assert to_prefect_event(EVENT)["id"] == to_prefect_event(EVENT)["id"] != to_prefect_event(other)["id"]
    assert isinstance(to_prefect_event(EVENT)["id"], uuid.UUID)
