"""OBSERVER 2.3: several containers of one service."""

import pytest

from schemas.look_words import WORST_FIRST
from stages.attribute import attribute_containers
from stages.container_word import word_containers
from stages.probe_word import word_probes
from stages.roll_up import roll_up_parts
from tests.helpers.looks import composed, containers, probes, selectors, wanted

EXITED = {"state": "exited", "exit_code": 1}
STARTING = {"health": "starting"}


def rolled(*rows, want=("shop",), by=({"service": "shop", "kind": "project", "value": "shop"},)):
    named, chosen = wanted(*want), selectors(*by)
    parts = word_containers(attribute_containers(containers(*rows), named, chosen), named)
    return roll_up_parts(parts, named, chosen)


def replicas(*states):
    return [composed("shop", "web", number, **state) for number, state in enumerate(states, 1)]


def test_one_of_three_replicas_down_is_not_healthy():
    shop = rolled(*replicas({}, {}, EXITED)).row(0, named=True)

    assert (shop["status"], shop["good_count"], shop["total_count"]) == ("exited", 2, 3)
    assert shop["detail"] == "2 of 3 good; shop-web-3 is exited (1)"


def test_one_of_a_projects_services_down_is_not_healthy():
    shop = rolled(composed("shop", "web"), composed("shop", "db"), composed("shop", "cache", **EXITED))

    assert shop.select("status", "good_count", "total_count").rows() == [("exited", 2, 3)]


@pytest.mark.parametrize(
    ("least", "states", "status", "good", "total"),
    [
        pytest.param(2, [{}, {}, EXITED], "healthy", 2, 3, id="enough"),
        pytest.param(2, [{}, EXITED], "exited", 1, 2, id="one is down"),
        pytest.param(2, [{}], "degraded", 1, 2, id="one is not there"),
    ],
)
def test_a_number_of_replicas_is_what_the_inventory_says(least, states, status, good, total):
    shop = rolled(*replicas(*states), want=[{"service": "shop", "least_replicas": least}])

    assert shop.select("status", "good_count", "total_count").rows() == [(status, good, total)]


def test_two_engines_containers_of_one_name_are_told_of_in_the_same_order_each_time():
    one = {"name": "shop", "source": "a", "state": "exited", "exit_code": 1}
    other = one | {"source": "b", "exit_code": 2}

    told = {rolled(*rows, by=())["detail"][0] for rows in [(one, other), (other, one)]}

    assert told == {"0 of 2 good; shop is exited (1)"}


def test_a_container_that_is_named_and_not_there_lacks():
    by = [{"service": "shop", "kind": "container", "value": name} for name in ("a", "b")]

    shop = rolled({"name": "A"}, by=by)

    assert shop.select("status", "good_count", "total_count").rows() == [("degraded", 1, 2)]


def test_a_settling_part_makes_the_service_starting_with_the_word_in_the_detail():
    shop = rolled(*replicas({}, {"state": "created", "created_at": None})).row(0, named=True)

    assert (shop["status"], shop["word"], shop["word_class"]) == ("starting", "created", "settling")
    assert "created" in shop["detail"]


def test_bad_outweighs_settling():
    assert rolled(*replicas(STARTING | {"started_at": None}, EXITED))["status"].to_list() == ["exited"]


def test_the_worst_word_is_the_first_of_the_order():
    words = {
        "exited": EXITED,
        "paused": {"state": "paused"},
        "unhealthy": {"health": "unhealthy"},
        "dead": {"state": "dead"},
    }

    shop = rolled(*replicas(*words.values()))

    assert shop["status"].to_list() == [min(words, key=WORST_FIRST.index)] == ["dead"]


def test_all_completed_is_healthy():
    assert rolled(*replicas({"state": "exited", "exit_code": 0, "declared_run": "once"}))["status"].to_list() == [
        "healthy"
    ]


def test_the_worse_of_container_and_probe_counts():
    named, chosen = wanted("web"), selectors()
    good = word_containers(attribute_containers(containers({}), named, chosen), named)
    bad = word_probes(probes({"is_ok": False, "detail": "no answer within 3 s"}))

    web = roll_up_parts(good.vstack(bad), named, chosen).row(0, named=True)

    assert (web["status"], web["good_count"], web["total_count"]) == ("http_unreachable", 1, 2)
    assert web["detail"] == "1 of 2 good; http://piha:80/: no answer within 3 s"


def test_the_order_of_the_containers_does_not_matter():
    rows = replicas({}, EXITED, {"state": "paused"})

    assert rolled(*rows).equals(rolled(*reversed(rows)))
