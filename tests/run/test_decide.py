"""One room for decisions: live runs, the page, `explain`, `what-if` and the past decide the same."""

import shutil
from datetime import timedelta
from functools import cache

import pytest
from polars.testing import assert_frame_equal

from flows.past.day import Judge
from flows.run.cycle import run_once
from flows.run.decide import Before, Habits, Prints, decide
from flows.run.gather import read_inputs
from flows.settings import load_settings
from flows.views.fleet_page import gather_page
from flows.views.now import decide_now
from flows.views.what_if import compare_inventories
from schemas.rules import Rules
from schemas.wait import SettlingService
from schemas.words import EventType, Severity, State
from stages.derive import derive_state
from tests.helpers.examples import HOMELAB, example_names, load_expected
from tests.helpers.frames import NOON, actual, ago, desired, judged

pytestmark = pytest.mark.wide

WORLDS = [name for name in example_names() if load_expected(name).outcome == "completed"]


def homelab(folder, expected):
    given = {
        "inventory": HOMELAB,
        "world": expected.world,
        "state_dir": folder / "state",
        "event_log": folder / "log",
        "checkpoint": folder / "checkpoint",
    }
    return load_settings(given | expected.settings, HOMELAB / "supervisor.yaml").settings


@pytest.mark.parametrize("name", WORLDS)
def test_whoever_asks_is_told_the_same(name, tmp_path):
    expected = load_expected(name)
    settings = homelab(tmp_path, expected)
    inputs = read_inputs(settings, expected.as_of)

    live = run_once(settings, expected.as_of, dry_run=True).judgement
    page = gather_page(settings, expected.as_of, timedelta(days=1)).judgement
    shown = decide_now(settings, inputs).judgement
    past = _judge_past(settings, inputs)

    for other in (page, shown, past):
        for mine, theirs in zip(live, other, strict=True):
            assert_frame_equal(mine, theirs)


def _judge_past(settings, inputs):
    judge = Judge(None, None, settings.rules(), settings.node_alias_map, settings.limits)
    judge.know = lambda _: type("Known", (), {"desired": inputs.desired, "fingerprint": ""})()
    return judge.judge_worlds("now", [inputs.world_files], []).judgement


def test_another_inventory_that_is_the_same_changes_nothing(tmp_path):
    expected = load_expected("world")
    other = tmp_path / "other"
    shutil.copytree(HOMELAB, other, ignore=shutil.ignore_patterns("world*", "expected"))

    assert compare_inventories(homelab(tmp_path, expected), str(other), expected.as_of).changes.is_empty()


def test_what_a_run_remembers_of_settling_is_input_of_the_next():
    want = desired("n/a", "n/b")
    have = actual({"target": "n/a", "status": "starting"}, "n/b")

    first = decide(want, have, Rules(), Before(), Habits(), Prints())
    remembered = SettlingService(node="n", service="a", first_seen_at=ago(minutes=11))
    later = decide(want, have, Rules(), Before(settling=(remembered,)), Habits(), Prints())

    assert first.settling == (SettlingService(node="n", service="a", first_seen_at=NOON),)
    assert (first.judgement.recommendations.height, later.judgement.recommendations.height) == (0, 1)


@pytest.mark.parametrize(("status", "advised"), [("starting", ["redeploy-n-a"]), ("ok", [])])
def test_a_run_that_cannot_read_what_asks_for_a_service_sees_whether_it_still_settles(status, advised):
    want, typo = desired("n/a", "n/b"), desired("n/b")
    first = decide(want, _settling(ago(minutes=10)), Rules(), Before(), Habits(), Prints())
    partial = decide(
        typo, _settling(ago(minutes=5), status), Rules(), Before(settling=first.settling), Habits(), Prints()
    )

    later = decide(want, _settling(NOON), Rules(), Before(settling=partial.settling), Habits(), Prints())

    assert later.judgement.recommendations["recommendation_id"].to_list() == advised


def test_what_no_inventory_ever_asked_for_is_not_remembered_while_it_settles():
    assert decide(desired("n/b"), _settling(NOON), Rules(), Before(), Habits(), Prints()).settling == ()


def _settling(as_of, status="starting"):
    return actual({"target": "n/a", "status": status}, "n/b", as_of=as_of)


@pytest.mark.parametrize("event", [word for word in EventType if word is not EventType.RECONCILE_RESOLVED])
@pytest.mark.parametrize("severity", list(Severity))
def test_the_derivation_of_one_recommendation_is_the_summarys(event, severity):
    for told_event, told_severity, state in states_of_single_recommendations():
        if (told_event, told_severity) == (event, severity):
            assert derive_state(event, severity) is State(state)


@cache
def states_of_single_recommendations():
    """Return event, severity and the summary's state of judgements that come to one recommendation."""
    found = {
        (row["event_type"], row["severity"], summary)
        for have in (
            actual({"target": "n/a", "status": "exited"}, "n/b", "n/stray"),
            actual("n/a", "n/b", "n/stray"),
            actual("n/a", "n/b", incidents=[{"target": "n/a"}]),
            actual("n/a", "n/b", incidents=[{"target": "n/a", "severity": "critical"}]),
            actual({"target": "n/a", "status": "restarting"}, "n/b"),
            actual("n/a", "n/b", nodes=[{"node": "n", "status": "down"}]),
        )
        for judgement in [judged(desired("n/a", "n/b"), have, report_unexpected=True)]
        for row in judgement.recommendations.rows(named=True)
        if judgement.recommendations.height == 1
        for summary in judgement.summary["state"]
    }
    assert len(found) >= 4
    return found
