"""Where a declared dependency is looked for, and which services depend on each other in a circle (SEMANTICS 5)."""

import random
from itertools import pairwise

import polars as pl
import pytest

from schemas.rules import Rules
from schemas.words import DependencyScope
from stages import link as link_stage
from stages.link import find_cycles, link_all, link_dependencies, with_cycles
from stages.observe import observe_services
from tests.helpers.frames import actual, desired, judged

EXTERNAL, ANYWHERE = DependencyScope.EXTERNAL, DependencyScope.ANYWHERE


def needs(target, dependency, scope=DependencyScope.LOCAL):
    """Return a dependency of a target, or of every node that runs the service where no node is named."""
    node, _, service = target.rpartition("/")
    return {"node": node or None, "service": service, "dependency": dependency, "scope": scope}


def link(want):
    """Return the links of all services, nothing of which is seen."""
    return link_all(want, observe_services(want, actual(), Rules()).services)


def linked(services, dependencies):
    """Return each link as (from, to), for each instance that can meet it."""
    links = link(desired(*services, needs=dependencies))
    there = [f"{node}/{service}" for node, service in links.instances.select("node", "service").rows()]
    return [
        (f"{row['node']}/{row['service']}", name)
        for row in links.links.rows(named=True)
        for name in there
        if name.split("/")[1] == row["dependency"] and (row["scope"] == "external" or name.startswith(row["node"]))
    ]


def cyclic(services, dependencies):
    """Return the services of each cycle."""
    cycles = link(desired(*services, needs=dependencies)).cycles
    rings = cycles.group_by("cycle").agg("service").select("service").to_series().to_list()
    return sorted(sorted(ring) for ring in rings)


@pytest.mark.parametrize(
    ("scope", "services", "expected"),
    [
        pytest.param("local", ["a/db", "b/db"], ["a/db"], id="a local one on the same node"),
        pytest.param("local", ["b/db"], [], id="a local one that only another node runs blocks nothing"),
        pytest.param("external", ["a/db", "b/db"], ["a/db", "b/db"], id="an external one on every node"),
        pytest.param("anywhere", ["a/db", "b/db"], ["a/db"], id="one of neither kind on the same node first"),
        pytest.param("anywhere", ["b/db", "c/db"], ["b/db", "c/db"], id="and then on any node"),
        pytest.param("external", ["b/other"], [], id="a name that no inventory has blocks nothing"),
    ],
)
def test_where_a_dependency_is_looked_for(scope, services, expected):
    links = linked(["a/web", *services], [needs("a/web", "db", scope)])

    assert links == [("a/web", target) for target in expected]


def test_a_services_own_declaration_counts_for_each_node_that_runs_it():
    links = linked(["a/web", "a/db", "b/web", "b/db", "c/db"], [needs("web", "db")])

    assert links == [("a/web", "a/db"), ("b/web", "b/db")]


def test_both_places_of_a_dependency_make_one_link():
    assert linked(["a/web", "a/db"], [needs("web", "db"), needs("a/web", "db")]) == [("a/web", "a/db")]


def test_a_dependency_of_a_service_that_is_not_desired_is_no_link():
    assert linked(["a/db"], [needs("a/web", "db")]) == []


def test_an_instance_says_whether_it_is_monitored_and_whether_it_is_a_job():
    want = desired("a/web", {"target": "a/db", "is_monitored": False, "run": "once"}, needs=[needs("a/web", "db")])

    assert link(want).instances.filter(service="db").select("is_monitored", "is_job").row(0) == (False, True)


@pytest.mark.parametrize(
    ("dependencies", "expected"),
    [
        pytest.param([("x", "y"), ("y", "z")], [], id="a chain"),
        pytest.param([("x", "x")], [["x"]], id="itself"),
        pytest.param([("x", "y"), ("y", "x")], [["x", "y"]], id="two services"),
        pytest.param([("x", "y"), ("y", "z"), ("z", "x"), ("z", "w")], [["x", "y", "z"]], id="three, and a way out"),
        pytest.param([("w", "x"), ("x", "y"), ("y", "x")], [["x", "y"]], id="a way in"),
        pytest.param(
            [("x", "y"), ("y", "x"), ("y", "z"), ("z", "w"), ("w", "z")], [["w", "z"], ["x", "y"]], id="two linked"
        ),
    ],
)
def test_a_cycle_has_those_that_depend_on_each_other(dependencies, expected):
    assert cyclic([f"a/{name}" for name in "wxyz"], [needs(f"a/{one}", other) for one, other in dependencies]) == (
        expected
    )


def test_a_cycle_runs_over_nodes():
    dependencies = [needs("a/web", "db", EXTERNAL), needs("b/db", "web", ANYWHERE)]

    assert cyclic(["a/web", "b/db"], dependencies) == [["db", "web"]]


def test_a_name_that_depends_on_itself_on_another_node_alone_is_no_cycle():
    assert cyclic(["a/web", "b/db"], [needs("a/web", "db", EXTERNAL), needs("b/db", "web")]) == []


def test_a_long_chain_is_no_cycle():
    names = [f"s{number}" for number in range(60)]
    chain = [needs(f"a/{one}", other) for one, other in pairwise(names)]

    found = find_cycles(
        desired(*(f"{node}/{name}" for node in "ab" for name in names), needs=[*chain, needs("b/s59", "s0")])
    )

    assert found.is_empty()


def rings_of(services, dependencies):
    """Return the cycles by walking from each service to each that it leads to (SEMANTICS 5), as the reference."""
    steps = {target: set() for target in services}
    for need in dependencies:
        for target in services:
            node, _, service = target.partition("/")
            if service != need["service"] or need["node"] not in {None, node}:
                continue
            near = {f"{node}/{need['dependency']}"} & {*services}
            everywhere = {other for other in services if other.endswith(f"/{need['dependency']}")}
            places = {"local": near, "external": everywhere, "anywhere": near or everywhere}
            steps[target] |= places[need["scope"]]
    reached = {target: set(after) for target, after in steps.items()}
    for _ in services:
        reached = {target: after.union(*(steps[other] for other in after)) for target, after in reached.items()}
    rings = {
        tuple(other for other in services if other in reached[target] and target in reached[other])
        for target in services
    }
    return sorted(ring for ring in rings if ring)


@pytest.mark.parametrize("is_alike", [False, True], ids=["each its number", "all share a number"])
@pytest.mark.parametrize("trims", [1, 20])
def test_cycles_are_those_that_a_walk_along_all_dependencies_finds(monkeypatch, is_alike, trims):
    monkeypatch.setattr(link_stage, "MOST_TRIMS", trims)
    if is_alike:
        monkeypatch.setattr(link_stage, "hash_keys", lambda rows, keys: pl.Series([0] * rows.height, dtype=pl.UInt64))
    draw, sizes = random.Random(20), []
    services = [f"{node}/{name}" for node in "abc" for name in "wxyz"]
    for _ in range(100):
        there = sorted(draw.sample(services, 9))
        ends = [(draw.choice([*there, "w", "x"]), draw.choice("wxyz")) for _ in range(6)]
        wanted = [needs(one, other, draw.choices([*DependencyScope], [1, 1, 1])[0]) for one, other in ends]
        expected = rings_of(there, wanted)

        found = find_cycles(desired(*there, needs=wanted)).sort("node", "service")

        rings = found.group_by("cycle").agg(target=pl.format("{}/{}", "node", "service"))["target"].to_list()
        assert sorted(map(tuple, rings)) == expected, wanted
        sizes += [len({name[0] for name in ring}) for ring in expected] or [0]
    assert min(map(sizes.count, (0, 1, 2, 3))) > 1


def test_cycles_that_are_known_are_not_looked_for_again():
    want = desired("a/x", "a/y", "a/z", needs=[needs("a/x", "y"), needs("a/y", "x"), needs("a/z", "x")])

    known = with_cycles(want)

    assert known.cycles["service"].to_list() == ["x", "y"]
    assert find_cycles(known) is known.cycles
    assert link(known).cycles.equals(link(want).cycles)


def test_only_what_is_broken_is_linked_and_what_is_broken_along_its_chain():
    want = desired(
        *(f"a/{name}" for name in ("web", "db", "disk", "app", "log", "net")),
        needs=[needs("a/web", "db"), needs("a/db", "disk"), needs("a/disk", "net"), needs("a/app", "log")],
    )
    have = actual(*({"target": f"a/{name}", "status": "exited"} for name in ("web", "db")), "a/disk", "a/app", "a/log")
    drift = judged(want, have).drift

    found = link_dependencies(want, observe_services(want, have, Rules()).services, drift).links

    assert found.select("service", "dependency").rows() == [("db", "disk"), ("web", "db")]


def test_external_dependencies_do_not_multiply():
    nodes = [f"n{number}" for number in range(40)]
    want = desired(
        *(f"{node}/{name}" for node in nodes for name in ("web", "db")),
        needs=[needs(f"{node}/web", "db", EXTERNAL) for node in nodes],
    )

    links = link(want)

    assert (links.links.height, links.instances.height) == (40, 80)
