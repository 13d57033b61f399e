"""Containers of a service, and its health: a test for each line of SEMANTICS 2."""

import pytest

from schemas.rules import Rules
from stages.observe import observe_amiss, observe_services
from tests.helpers.frames import actual, ago, batch, desired

EXITED, OK = "exited", "ok"


def named(*names, service="piha/app"):
    """Return the explicit names of a service."""
    return [{"target": service, "name": name} for name in names]


def records(**statuses):
    """Return records of containers on `piha`, by name with `_` for `-`."""
    return [{"target": f"piha/{name.replace('_', '-')}", "status": status} for name, status in statuses.items()]


def observed(want, *have, **rest):
    """Return (service, health, containers in words) of each service, unexpected ones marked by a `?`."""
    rows = observe_services(want, actual(*have, **rest), Rules()).services.rows(named=True)
    return [(row["service"] + "?" * (not row["is_desired"]), row["health"], row["containers"]) for row in rows]


def test_a_record_under_its_own_name_counts_alone():
    want = desired("piha/app", names=named("cp-1", "cp-2"))

    assert observed(want, *records(app=OK, cp_1=EXITED)) == [("app", "healthy", None), ("cp-1?", "unhealthy", None)]


@pytest.mark.parametrize(
    ("have", "health", "words"),
    [
        pytest.param(records(cp_a=OK, cp_b=OK), "healthy", "2 of 2 containers healthy", id="all are well"),
        pytest.param(
            records(cp_a=OK, cp_b=EXITED), "unhealthy", "1 of 2 containers healthy (cp-b: exited)", id="one is not"
        ),
        pytest.param(
            records(cp_a=OK), "unhealthy", "1 of 2 containers healthy (cp-b: no record)", id="one has no record"
        ),
        pytest.param(
            records(cp_a="restarting", cp_b=EXITED),
            "looping",
            "0 of 2 containers healthy (cp-a: restarting, cp-b: exited)",
            id="looping is worst",
        ),
        pytest.param(
            records(cp_a="starting", cp_b=OK), "settling", "1 of 2 containers healthy (cp-a: starting)", id="settling"
        ),
    ],
)
def test_containers_are_rolled_up_to_the_worst(have, health, words):
    assert observed(desired("piha/app", names=named("cp-a", "cp-b")), *have) == [("app", health, words)]


def test_a_container_whose_record_was_set_aside_is_unreadable_and_better_than_unhealthy():
    want = desired("piha/app", names=named("cp-a", "cp-b"))
    lost = [{"target": "piha/cp-b"}]

    assert observed(want, *records(cp_a=OK), rejected=lost)[0][1] == "unreadable"
    assert observed(want, *records(cp_a=EXITED), rejected=lost)[0][1] == "unhealthy"


@pytest.mark.parametrize(
    ("have", "expected"),
    [
        pytest.param(records(app_1=OK, app_2=EXITED), ["app"], id="with a dash"),
        pytest.param([{"target": "piha/app_1"}, {"target": "piha/app_2"}], ["app"], id="with an underscore"),
        pytest.param(records(app_2=OK, app_3=OK), ["app-2?", "app-3?"], id="not without number 1"),
        pytest.param(records(home_app_1=OK), ["app"], id="of its stack"),
        pytest.param([{"target": "piha/home_app_1"}], ["app"], id="of its stack, with underscores"),
        pytest.param(records(away_app_1=OK), ["away-app-1?"], id="not of another stack"),
    ],
)
def test_replicas_are_their_services(have, expected):
    want = desired({"target": "piha/app", "stack": "home"})

    assert [row[0] for row in observed(want, *have)] == expected


def test_explicit_names_count_before_replicas():
    want = desired("piha/app", names=named("cp-a"))

    assert observed(want, *records(cp_a=OK, app_1=EXITED)) == [("app", "healthy", None), ("app-1?", "unhealthy", None)]


def test_a_name_that_a_service_bears_is_that_services_alone():
    want = desired("piha/app", "piha/db", names=named("db"))

    assert [row[0] for row in observed(want, *records(db=OK))] == ["db"]


def test_a_name_that_two_services_claim_is_nobodys():
    want = desired("piha/app", "piha/web", names=[*named("cp"), *named("cp", service="piha/web")])

    assert [row[0] for row in observed(want, *records(cp=OK))] == ["cp?"]


def test_the_times_are_the_newest_sight_and_the_oldest_beginning_of_the_worst():
    want = desired("piha/app", names=named("a", "b", "c"))
    have = actual(
        {"target": "piha/a", "status": EXITED, "last_seen_at": ago(minutes=3), "since_at": ago(hours=2)},
        {"target": "piha/b", "status": EXITED, "last_seen_at": ago(minutes=1), "since_at": ago(hours=1)},
        {"target": "piha/c", "since_at": ago(hours=9)},
    )

    row = observe_services(want, have, Rules()).services.row(0, named=True)
    assert (row["last_seen_at"], row["since_at"]) == (ago(), ago(hours=2))
    bare = have._replace(services=have.services.with_columns(since_at=None).cast(have.services.schema))
    assert observe_services(want, bare, Rules()).services["since_at"].to_list() == [None]


def test_deployments_and_incidents_of_a_container_are_its_services():
    want = desired("piha/app", names=named("cp"))
    have = actual(*records(cp=OK), deployments=[{"target": "piha/cp"}], incidents=[{"target": "piha/cp"}])

    seen = observe_services(want, have, Rules())

    assert (seen.deployments["service"].to_list(), seen.incidents["service"].to_list()) == (["app"], ["app"])


@pytest.mark.parametrize(
    ("incident", "service"),
    [
        pytest.param({"target": "piha/web"}, "web", id="its own service is one of them"),
        pytest.param({"node": "piha"}, "db", id="else the first of them by name"),
    ],
)
def test_an_incident_that_records_name_is_of_one_of_their_services(incident, service):
    named_by = [{"target": f"piha/{name}", "incident_id": "inc-0"} for name in ("web", "db")]
    have = actual(*named_by, incidents=[incident])

    found = observe_services(desired("piha/web", "piha/db"), have, Rules()).incidents

    assert found["service"].to_list() == [service]


@pytest.mark.parametrize(
    ("run", "status", "health"),
    [
        ("once", "exited (0)", "healthy"),
        ("scheduled", "completed", "healthy"),
        ("service", "exited (0)", "unhealthy"),
        ("service", "completed", "unhealthy"),
        ("once", "exited (1)", "unhealthy"),
        ("service", "running", "healthy"),
        ("service", "unheard of", "unhealthy"),
    ],
)
def test_only_a_job_is_well_when_it_is_done(run, status, health):
    want = desired({"target": "piha/app", "run": run})

    assert observed(want, *records(app=status)) == [("app", health, None)]


@pytest.mark.parametrize(
    "have",
    [
        pytest.param({"status": "exited"}, id="it is not healthy"),
        pytest.param({"status": "restarting"}, id="it loops"),
        pytest.param({"last_seen_at": ago(hours=9)}, id="its record is old"),
    ],
)
def test_what_is_amiss_goes_on(have):
    seen = observe_amiss(desired("piha/app"), actual({"target": "piha/app", **have}), Rules())

    assert (seen.services["service"].to_list(), seen.well.height) == (["app"], 0)


@pytest.mark.parametrize(
    "want",
    [
        pytest.param(desired({"target": "piha/app", "is_monitored": False}), id="it is not monitored"),
        pytest.param(desired("piha/other"), id="nobody asks for it"),
        pytest.param(
            desired("piha/app", maintenance=[{"node": "piha", "service": "app"}]), id="a window of its own is declared"
        ),
    ],
)
def test_of_what_is_well_only_what_counts_for_its_node_is_counted(want):
    seen = observe_amiss(want, actual("piha/app"), Rules())

    assert (seen.services["service"].to_list(), seen.well.height) == (["app"], 0)


def test_what_is_plainly_well_is_counted_by_its_node():
    undated = {"target": "piha/db", "last_seen_at": None}
    have = actual("piha/app", undated, {"target": "piha/web", "status": "exited"}, "nas/app")

    seen = observe_amiss(desired("piha/app", "piha/db", "piha/web", "nas/app"), have, Rules())

    assert seen.services["service"].to_list() == ["web"]
    assert sorted(seen.well.drop("as_of").rows()) == [("nas", 1, 1), ("piha", 2, 1)]


def test_a_service_that_is_well_keeps_its_replicas_from_counting_for_it():
    seen = observe_amiss(desired("piha/app"), actual(*records(app=OK, app_1=EXITED)), Rules())

    assert (seen.services["service"].to_list(), seen.well["count"].to_list()) == (["app-1"], [1])


def test_what_has_no_record_of_its_own_is_unseen_in_that_snapshot_alone():
    first, then = ago(minutes=5), ago()
    have = batch(actual("piha/app", as_of=first), actual("piha/db", as_of=then))

    unseen = observe_amiss(desired("piha/app", "piha/db"), have, Rules()).unseen

    assert unseen.rows() == [(first, "piha", "db"), (then, "piha", "app")]
