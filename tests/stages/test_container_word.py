"""OBSERVER 2.1: each row of the table, and what does not count."""

import pytest

from stages.attribute import attribute_containers
from stages.container_word import word_containers
from tests.helpers.looks import ago, composed, containers, selectors, wanted

LOOPS = {"start_count": 4}


def worded(*rows, want=()):
    seen = attribute_containers(containers(*rows), wanted(*want), selectors())
    return word_containers(seen, wanted(*want))


@pytest.mark.parametrize(
    ("row", "word", "word_class"),
    [
        pytest.param({"start_count": 4, "health": "healthy"}, "crash_looping", "bad", id="running, often started"),
        pytest.param({"start_count": 3}, "healthy", "good", id="running, three starts"),
        pytest.param({"health": ""}, "healthy", "good", id="running, no check"),
        pytest.param({"health": "none"}, "healthy", "good", id="running, check none"),
        pytest.param({"health": "healthy"}, "healthy", "good", id="running, healthy"),
        pytest.param({"health": "unhealthy"}, "unhealthy", "bad", id="running, unhealthy"),
        pytest.param(
            {"health": "starting", "health_budget_s": 60.0, "started_at": ago(seconds=59)},
            "starting", "settling", id="starting within its budget",
        ),
        pytest.param(
            {"health": "starting", "health_budget_s": 60.0, "started_at": ago(seconds=61)},
            "healthy", "good", id="starting beyond its budget",
        ),
        pytest.param({"state": "paused", "health": "unhealthy"}, "paused", "bad", id="paused"),
        pytest.param({"state": "restarting"} | LOOPS, "crash_looping", "bad", id="restarting, often started"),
        pytest.param({"state": "restarting", "restart_count": 3}, "crash_looping", "bad", id="restarting, third time"),
        pytest.param({"state": "restarting", "restart_count": 2}, "restarting", "bad", id="restarting"),
        pytest.param({"state": "created", "exit_code": 127}, "start_failed", "bad", id="created with a code"),
        pytest.param({"state": "created", "has_error": True, "exit_code": 0}, "start_failed", "bad", id="created, error"),
        pytest.param({"state": "created", "created_at": ago(seconds=599)}, "created", "settling", id="created, young"),
        pytest.param({"state": "created", "created_at": ago(seconds=601)}, "created", "bad", id="created, old"),
        pytest.param({"state": "exited", "exit_code": 0, "declared_run": "once"}, "completed", "good", id="job done"),
        pytest.param({"state": "exited", "exit_code": 1, "declared_run": "once"}, "job_failed", "bad", id="job failed"),
        pytest.param({"state": "exited", "exit_code": 137, "is_oom_killed": True}, "oom_killed", "bad", id="out of memory"),
        pytest.param({"state": "exited", "exit_code": 0}, "exited", "bad", id="exit 0 is no evidence of a job"),
        pytest.param({"state": "exited", "exit_code": 143, "health": "unhealthy"}, "exited", "bad", id="stopped"),
        pytest.param({"state": "removing", "finished_at": ago(seconds=59)}, "removing", "settling", id="removing"),
        pytest.param({"state": "removing", "finished_at": ago(seconds=61)}, "removing", "bad", id="removing for long"),
        pytest.param({"state": "dead"}, "dead", "bad", id="dead"),
        pytest.param({"state": "levitating"}, "levitating", "bad", id="a word that no list knows"),
        pytest.param({"state": "<script>"}, "unknown", "bad", id="no word at all"),
    ],
)  # fmt: skip
def test_a_container_has_the_word_of_the_first_row_that_fits(row, word, word_class):
    parts = worded(row)

    assert parts.select("word", "word_class").rows() == [(word, word_class)]


def test_a_created_container_beside_the_running_one_it_replaces_is_settling():
    old = composed("shop", "web")
    new = composed("shop", "web", name="45dc_shop-web-1", state="created", exit_code=0, created_at=ago(seconds=5))

    parts = worded(old, new)

    assert parts.select("container_id", "word", "word_class").rows() == [("c0ffee000002", "replacing", "settling")]


def test_an_exited_leftover_of_the_slot_is_not_counted():
    parts = worded(
        composed("shop", "web", state="exited", exit_code=1, created_at=ago(days=3)), composed("shop", "web")
    )

    assert parts.select("container_id", "word").rows() == [("c0ffee000002", "healthy")]


def test_the_stopped_task_that_a_swarm_leaves_beside_its_successor_is_not_counted():
    task = {"swarm_service": "shop_web", "number": "1"}
    old = task | {"name": "shop_web.1.a1", "state": "exited", "exit_code": 1, "created_at": ago(days=3)}

    parts = worded(old, task | {"name": "shop_web.1.b2"}, task | {"name": "shop_web.2.c3", "number": "2"})

    assert parts.select("service", "slot", "word").rows() == [
        ("shop_web", "shop_web/1", "healthy"),
        ("shop_web", "shop_web/2", "healthy"),
    ]


def test_replicas_are_slots_of_their_own():
    parts = worded(composed("shop", "web", 1), composed("shop", "web", 2, state="exited", exit_code=1))

    assert parts["word"].to_list() == ["healthy", "exited"]


@pytest.mark.parametrize(
    "left_out",
    [pytest.param({"is_oneoff": True}, id="one-off"), pytest.param({"is_ignored": True}, id="ignored")],
)
def test_what_does_not_count_has_no_part(left_out):
    parts = worded(composed("shop", "web"), composed("shop", "web", state="exited", exit_code=1, **left_out))

    assert parts["word"].to_list() == ["healthy"]


def test_a_service_that_a_sibling_waits_for_is_a_job():
    migrate = composed("shop", "migrate", state="exited", exit_code=0)

    alone = worded(migrate)
    awaited = worded(migrate, composed("shop", "web", awaited=["migrate"]))

    assert alone.select("word").rows() == [("exited",)]
    assert awaited.filter(service="shop-migrate")["word"].to_list() == ["completed"]


def test_another_project_does_not_make_a_job_of_it():
    parts = worded(
        composed("blog", "migrate", state="exited", exit_code=0), composed("shop", "web", awaited=["migrate"])
    )

    assert parts.filter(service="blog-migrate")["word"].to_list() == ["exited"]


def test_the_note_on_exit_0_says_how_to_declare_a_job():
    note = worded({"state": "exited", "exit_code": 0})["note"][0]

    assert "supervisor.run: once" in note
    assert "run: once in the inventory" in note


@pytest.mark.parametrize(("hours", "word"), [(35, "completed"), (37, "job_overdue")])
def test_a_daily_job_is_overdue_after_a_day_and_a_half(hours, word):
    daily = {"service": "web", "run": "scheduled", "every_s": 86_400.0}

    parts = worded({"state": "exited", "exit_code": 0, "finished_at": ago(hours=hours)}, want=[daily])

    assert parts["word"].to_list() == [word]


def test_health_is_told_of_running_containers_and_exit_codes_of_the_others():
    parts = worded(
        {"name": "a", "health": "healthy", "exit_code": 0},
        {"name": "b", "state": "exited", "health": "unhealthy", "exit_code": 137},
        {"name": "c", "state": "paused", "health": "unhealthy", "exit_code": 0},
    )

    assert parts.select("health", "exit_code").rows() == [("healthy", None), (None, 137), (None, None)]
