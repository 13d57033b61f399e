"""OBSERVER 2.2: each row of the table of units."""

import pytest

from stages.unit_word import word_units
from tests.helpers.looks import ago, selectors, units, wanted

DEAD = {"active_state": "inactive", "sub_state": "dead", "changed_at": None}
WEB = {"service": "web", "kind": "unit", "value": "web.service"}


def worded(row, want="web"):
    return word_units(units(row), wanted(want), selectors(WEB))


@pytest.mark.parametrize(
    ("row", "word", "word_class"),
    [
        pytest.param({"start_count": 4}, "crash_looping", "bad", id="active, often restarted"),
        pytest.param({}, "healthy", "good", id="active"),
        pytest.param({"sub_state": "exited", "type": "oneshot"}, "healthy", "good", id="active, exited"),
        pytest.param(
            {"active_state": "activating", "sub_state": "auto-restart"}, "crash_looping", "bad", id="between restarts"
        ),
        pytest.param(
            {"active_state": "activating", "sub_state": "start", "changed_at": ago(seconds=599)},
            "starting", "settling", id="activating",
        ),
        pytest.param(
            {"active_state": "activating", "sub_state": "start", "changed_at": ago(seconds=601)},
            "activating", "bad", id="activating for long",
        ),
        pytest.param(
            {"active_state": "deactivating", "changed_at": ago(hours=1)}, "deactivating", "bad", id="never ends"
        ),
        pytest.param(DEAD | {"type": "oneshot"}, "completed", "good", id="oneshot"),
        pytest.param(DEAD | {"has_timer": True}, "completed", "good", id="a timer's service"),
        pytest.param(DEAD | {"type": "oneshot", "is_condition_failed": True}, "completed", "good", id="collected oneshot"),
        pytest.param(DEAD | {"is_condition_failed": True}, "skipped", "bad", id="condition"),
        pytest.param(DEAD, "inactive", "bad", id="stopped"),
        pytest.param({"active_state": "failed", "sub_state": "failed", "result": "exit-code"}, "failed", "bad", id="failed"),
        pytest.param(DEAD | {"load_state": "masked"}, "masked", "bad", id="masked"),
        pytest.param(DEAD | {"load_state": "bad-setting"}, "load_failed", "bad", id="bad setting"),
        pytest.param(DEAD | {"load_state": "error"}, "load_failed", "bad", id="load error"),
        pytest.param({"active_state": "maintenance"}, "maintenance", "bad", id="a word that no list knows"),
    ],
)  # fmt: skip
def test_a_unit_has_the_word_of_the_first_row_that_fits(row, word, word_class):
    assert worded(row).select("word", "word_class").rows() == [(word, word_class)]


def test_a_unit_that_is_not_found_has_no_record():
    assert worded(DEAD | {"load_state": "not-found", "type": ""}).is_empty()


def test_a_unit_that_no_entry_names_is_not_judged():
    assert worded({"unit": "other.service", "active_state": "failed"}).is_empty()


@pytest.mark.parametrize(("hours", "word"), [(35, "completed"), (37, "job_overdue")])
def test_a_timers_service_is_judged_by_when_the_timer_last_started_it(hours, word):
    daily = {"service": "web", "run": "scheduled", "every_s": 86_400.0}

    parts = worded(DEAD | {"has_timer": True, "triggered_at": ago(hours=hours)}, daily)

    assert parts["word"].to_list() == [word]
