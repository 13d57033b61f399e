"""What conclusive runs leave to the next."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.book import Book
from schemas.memory import CleanTime, Memory, SeenRow
from schemas.numbers import Numbers
from schemas.problem import Problem
from schemas.scene import Asked, Finding, NodeTraits, Scene
from schemas.words import DriftKind, HeldBy, Severity
from stages.update_memory import update_memory
from tests.helpers.acting import NOON, target

WEB = target("piha/web")
DIRTY = (Finding(DriftKind.UNHEALTHY_SERVICE, Severity.ERROR),)
VEILED = (Finding(DriftKind.UNHEALTHY_SERVICE, Severity.ERROR, HeldBy.SETTLING),)
BOOK = Book(problems={WEB: Problem(node="piha", service="web", problem_at=NOON, desired_hash=None, stable_for=1800)})


def scene(minute, findings=(), **changed):
    moment = NOON + timedelta(minutes=minute)
    seen = Scene(
        as_of=moment, world_at=moment, asked={WEB: Asked()}, findings={WEB: findings}, nodes={"piha": NodeTraits()}
    )
    return replace(seen, **changed)


def remember(*scenes, memory=None, workable=()):
    """Return the memory after these runs."""
    memory = memory or Memory()
    for seen in scenes:
        memory = update_memory(memory, seen, BOOK, workable, Numbers())
    return memory


@pytest.mark.parametrize(
    ("scenes", "seconds"),
    [
        pytest.param([scene(0)], 0, id="seen clean once"),
        pytest.param([scene(0), scene(5), scene(7)], 420, id="the distances of successive runs"),
        pytest.param([scene(0), scene(50)], 1800, id="each at most the longest span"),
        pytest.param([scene(0), scene(5), scene(6, VEILED), scene(9), scene(10)], 360, id="unclear leaves it"),
        pytest.param([scene(0), scene(5), scene(6, DIRTY), scene(9), scene(10)], 60, id="dirty sets it to nothing"),
        pytest.param([scene(0), scene(5, is_conclusive=False), scene(9)], 540, id="runs without conclusion are none"),
    ],
)
def test_clean_time_is_what_successive_runs_saw_clean(scenes, seconds):
    assert remember(*scenes).clean[WEB].seconds == seconds


def test_a_run_that_is_not_conclusive_changes_nothing():
    before = remember(scene(0))

    assert remember(scene(5, is_conclusive=False), memory=before) == before
    assert before.clean[WEB] == CleanTime(0, NOON)


def test_a_gap_is_one_that_is_longer_than_the_longest_span():
    assert remember(scene(0), scene(30)).fleet_since == NOON
    assert remember(scene(0), scene(31)).fleet_since == NOON + timedelta(minutes=31)


def test_a_node_is_up_since_the_first_run_behind_its_return():
    down = scene(1, offline=frozenset({"piha"}))

    assert remember(scene(0), scene(5)).node_since == {"piha": NOON}
    assert remember(scene(0), down).node_since == {}
    assert remember(scene(0), down, scene(2)).node_since == {"piha": NOON + timedelta(minutes=2)}


def test_a_world_counts_once_in_the_row_of_those_that_recommend():
    again = scene(1, DIRTY, world_at=NOON)

    assert remember(scene(0, DIRTY), again, workable=[WEB]).seen == {WEB: SeenRow(1, NOON)}
    assert remember(scene(0, DIRTY), scene(1, DIRTY), workable=[WEB]).seen[WEB].worlds == 2


@pytest.mark.parametrize(("findings", "worlds"), [((), 0), (VEILED, 1)], ids=["well: the row ends", "unclear: skipped"])
def test_a_world_without_the_recommendation_ends_the_row_unless_it_is_unclear(findings, worlds):
    before = remember(scene(0, DIRTY), workable=[WEB])

    after = remember(scene(1, findings), memory=before)

    assert after.seen.get(WEB, SeenRow(0, NOON)).worlds == worlds


def test_a_rest_is_remembered_until_it_is_over():
    planned = remember(scene(0, resting=frozenset({WEB})))

    assert remember(scene(9), memory=planned).rest == {WEB: NOON}
    assert remember(scene(10), memory=planned).rest == {}


def test_a_storm_is_remembered_from_its_last_run():
    stormy = {"service_count": 8, "unhealthy_count": 4}

    assert remember(scene(0, **stormy), scene(1, **stormy), scene(2)).storm_at == NOON + timedelta(minutes=1)
    assert remember(scene(0, service_count=8, unhealthy_count=3)).storm_at is None


@pytest.mark.parametrize(("count", "limit"), [(1, 3), (5, 3), (6, 3), (8, 3), (10, 4), (42, 16), (100, 40)])
def test_the_mass_limit_is_a_share_and_at_least_three(count, limit):
    assert remember(scene(0, service_count=count, unhealthy_count=limit)).storm_at is None
    assert remember(scene(0, service_count=count, unhealthy_count=limit + 1)).storm_at == NOON


@pytest.mark.parametrize(("count", "limit"), [(2, 1), (3, 1), (6, 2), (10, 3)])
def test_the_limit_of_nodes_is_a_share_and_at_least_one(count, limit):
    assert remember(scene(0, node_count=count, down_count=limit)).storm_at is None
    assert remember(scene(0, node_count=count, down_count=limit + 1)).storm_at == NOON
