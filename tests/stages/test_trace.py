"""Root causes: what a service with an unavailable dependency waits for in the end (SEMANTICS 5)."""

from itertools import pairwise

import pytest

from stages.block import MOST_INSTANCES
from tests.helpers.frames import actual, ago, desired, judged
from tests.stages.test_link import needs

APP, DB, DISK = "a/app", "a/db", "a/disk"


def causes(want, have, **rules):
    """Return (waiting target, root cause) of each."""
    rows = judged(want, have, **rules).root_causes.rows(named=True)
    return [(f"{r['node']}/{r['service']}", f"{r['cause_node']}/{r['cause_service']}") for r in rows]


def down(*targets):
    """Return records of unhealthy services."""
    return [{"target": target, "status": "exited"} for target in targets]


@pytest.mark.parametrize(
    ("have", "expected"),
    [
        pytest.param([*down(APP), DB], [], id="it is healthy"),
        pytest.param(down(APP, DB), [(APP, DB)], id="it is unhealthy"),
        pytest.param(down(APP), [(APP, DB)], id="it is missing"),
        pytest.param([APP, *down(DB)], [], id="a service in agreement waits for nothing"),
    ],
)
def test_a_dependency_is_unavailable(have, expected):
    want = desired(APP, DB, "a/other", needs=[needs(APP, "db")])

    assert causes(want, actual("a/other", *have)) == expected


def test_of_very_many_instances_so_many_stand_for_all_and_those_first_that_nothing_holds_back():
    instances = [f"n{number:03}/db" for number in range(MOST_INSTANCES + 50)]
    others = [target.replace("db", "x") for target in instances]
    want = desired(APP, "a/x", *instances, *others, needs=[needs(APP, "db", "external")])
    deploying = [{"target": target, "status": "running", "begun_at": ago(minutes=1)} for target in instances[:60]]
    found = causes(want, actual(*down(APP, *instances), "a/x", *others, deployments=deploying))

    assert [cause for _, cause in found] == [*instances[:10], *instances[60:]]


def test_a_dependency_is_unavailable_when_its_node_is_offline():
    want = desired(APP, "b/db", needs=[needs(APP, "db", "external")])
    have = actual(*down(APP), "b/db", nodes=["a", {"node": "b", "status": "offline"}])

    assert causes(want, have) == [(APP, "b/all")]


@pytest.mark.parametrize(
    ("want", "have", "deployments"),
    [
        pytest.param({"target": DB, "is_monitored": False}, down(DB), [], id="an unmonitored one"),
        pytest.param(DB, [DB], [{"target": DB, "status": "failed"}], id="one whose deployment failed, but runs"),
        pytest.param("a/other", ["a/other"], [], id="a name that no inventory has"),
    ],
)
def test_a_dependency_is_taken_for_available(want, have, deployments):
    have = actual(*down(APP), *have, deployments=deployments)

    assert causes(desired(APP, want, needs=[needs(APP, "db")]), have) == []


def test_an_unmonitored_dependency_is_unavailable_where_its_node_is_offline():
    want = desired(APP, {"target": "b/db", "is_monitored": False}, needs=[needs(APP, "db", "external")])

    assert causes(want, actual(*down(APP), nodes=["a", {"node": "b", "status": "offline"}])) == [(APP, "b/all")]
    assert causes(want, actual(*down(APP, "b/db"))) == []


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param(["b/db"], [(APP, "b/db")], id="it waits for the one that is monitored"),
        pytest.param([], [], id="that of an unmonitored node alone blocks nothing"),
    ],
)
def test_a_service_on_an_unmonitored_node_is_no_instance_of_a_dependency(others, expected):
    nodes = ["a", *(["b"] if others else []), {"node": "old", "is_monitored": False}]
    want = desired(APP, "old/db", *others, nodes=nodes, needs=[needs(APP, "db", "external")])

    assert causes(want, actual(*down(APP, *others), "old/db")) == expected


@pytest.mark.parametrize(
    ("have", "expected"),
    [
        pytest.param(["b/db", *down("c/db")], [], id="available when one instance is"),
        pytest.param(down("b/db", "c/db"), [(APP, "b/db"), (APP, "c/db")], id="unavailable when none is"),
    ],
)
def test_an_external_dependency(have, expected):
    want = desired(APP, "b/db", "c/db", needs=[needs(APP, "db", "external")])

    assert causes(want, actual(*down(APP), *have)) == expected


def test_each_dependency_of_several_is_judged_for_itself():
    want = desired(APP, DB, DISK, "b/db", needs=[needs(APP, "db", "external"), needs(APP, "disk")])

    assert causes(want, actual(*down(APP, DB, DISK), "b/db"), node_drift_min=9) == [(APP, DISK)]


def test_the_same_name_locally_and_externally_is_two_dependencies():
    want = desired(APP, DB, "b/db", needs=[needs(APP, "db", "external"), needs(APP, "db")])

    assert causes(want, actual(*down(APP, DB), "b/db")) == [(APP, DB)]


def test_root_causes_are_at_the_far_end_of_the_chain():
    want = desired(APP, DB, DISK, needs=[needs(APP, "db"), needs(DB, "disk")])

    assert causes(want, actual(*down(APP, DB, DISK))) == [(APP, DISK), (DB, DISK)]


def test_a_chain_ends_at_an_offline_node():
    want = desired(APP, DB, "b/disk", needs=[needs(APP, "db"), needs(DB, "disk", "external")])
    have = actual(*down(APP, DB), nodes=["a", {"node": "b", "status": "offline"}])

    assert causes(want, have) == [(APP, "b/all"), (DB, "b/all")]


def test_a_chain_ends_at_the_last_unavailable_service():
    want = desired(APP, DB, DISK, needs=[needs(APP, "db"), needs(DB, "disk")])

    assert causes(want, actual(*down(APP, DB), DISK)) == [(APP, DB)]


def test_a_fork_has_the_causes_of_both_its_branches():
    want = desired(APP, DB, DISK, "a/net", needs=[needs(APP, "db"), needs(DB, "disk"), needs(DB, "net")])

    have = actual(*down(APP, DB, DISK, "a/net"))

    assert causes(want, have, node_drift_min=9)[:2] == [(APP, DISK), (APP, "a/net")]


def test_services_of_one_dependency_cycle_do_not_block_each_other():
    want = desired(APP, DB, needs=[needs(APP, "db"), needs(DB, "app")])

    assert causes(want, actual(*down(APP, DB))) == []


def test_a_cycle_waits_as_one_for_what_is_outside_it():
    want = desired(APP, DB, DISK, needs=[needs(APP, "db"), needs(DB, "app"), needs(DB, "disk")])

    assert causes(want, actual(*down(APP, DB, DISK))) == [(APP, DISK), (DB, DISK)]


def test_an_available_instance_is_enough_even_if_it_is_in_a_cycle_with_the_service():
    want = desired(APP, DB, "b/db", needs=[needs(APP, "db", "external"), needs(DB, "app")])

    assert causes(want, actual(*down(APP, "b/db"), DB)) == []


def test_a_dependency_that_is_being_deployed_is_not_there_yet():
    want = desired(APP, DB, needs=[needs(APP, "db")])
    have = actual(*down(APP, DB), deployments=[{"target": DB, "status": "started", "begun_at": ago(minutes=1)}])

    assert causes(want, have) == [(APP, DB)]


def test_a_long_chain_has_one_cause():
    names = [f"s{i:02}" for i in range(40)]
    want = desired(*(f"a/{name}" for name in names), needs=[needs(f"a/{b}", a) for a, b in pairwise(names)])

    assert set(causes(want, actual(*down(*(f"a/{name}" for name in names))))) == {
        (f"a/{n}", "a/s00") for n in names[1:]
    }
