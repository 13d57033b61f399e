"""Which desired services can meet a declared dependency, and which links are in a cycle (SEMANTICS 5)."""

import pytest

from schemas.words import DependencyScope
from stages.link import link_dependencies
from tests.frames import desired

EXTERNAL, ANYWHERE = DependencyScope.EXTERNAL, DependencyScope.ANYWHERE


def needs(target, dependency, scope=DependencyScope.LOCAL):
    """Return a dependency of a target, or of every node that runs the service where no node is named."""
    node, _, service = target.rpartition("/")
    return {"node": node or None, "service": service, "dependency": dependency, "scope": scope}


def linked(services, dependencies):
    """Return each link as (from, to)."""
    want = desired(*services, needs=dependencies)
    links = link_dependencies(want.services, want.dependencies)
    return [
        (f"{r['node']}/{r['service']}", f"{r['dependency_node']}/{r['dependency']}") for r in links.rows(named=True)
    ]


def cyclic(services, dependencies):
    """Return the services whose links are in a cycle."""
    want = desired(*services, needs=dependencies)
    links = link_dependencies(want.services, want.dependencies)
    return links.filter("is_cyclic")["service"].to_list()


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


def test_a_link_says_whether_its_instance_is_monitored():
    want = desired("a/web", {"target": "a/db", "is_monitored": False}, needs=[needs("a/web", "db")])

    assert link_dependencies(want.services, want.dependencies)["is_monitored"].to_list() == [False]


@pytest.mark.parametrize(
    ("dependencies", "expected"),
    [
        pytest.param([("x", "y"), ("y", "z")], [], id="a chain"),
        pytest.param([("x", "x")], ["x"], id="itself"),
        pytest.param([("x", "y"), ("y", "x")], ["x", "y"], id="two services"),
        pytest.param([("x", "y"), ("y", "z"), ("z", "x"), ("z", "w")], ["x", "y", "z"], id="three, and a way out"),
        pytest.param([("w", "x"), ("x", "y"), ("y", "x")], ["x", "y"], id="a way in"),
        pytest.param(
            [("x", "y"), ("y", "x"), ("y", "z"), ("z", "w"), ("w", "z")], ["w", "x", "y", "z"], id="two linked"
        ),
    ],
)
def test_links_of_one_cycle_are_marked(dependencies, expected):
    links = cyclic([f"a/{name}" for name in "wxyz"], [needs(f"a/{one}", other) for one, other in dependencies])

    assert sorted(set(links)) == expected


def test_a_link_between_two_cycles_is_in_none():
    pairs = [("w", "x"), ("x", "w"), ("x", "y"), ("y", "z"), ("z", "y")]
    want = desired(*(f"a/{name}" for name in "wxyz"), needs=[needs(f"a/{one}", other) for one, other in pairs])

    links = link_dependencies(want.services, want.dependencies)

    assert links.filter(~links["is_cyclic"]).select("service", "dependency").rows() == [("x", "y")]


def test_a_cycle_runs_over_nodes():
    dependencies = [needs("a/web", "db", EXTERNAL), needs("b/db", "web", ANYWHERE)]

    assert cyclic(["a/web", "b/db"], dependencies) == ["web", "db"]
