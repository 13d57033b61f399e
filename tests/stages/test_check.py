"""What `supervisor check` finds odd about an inventory that can be read."""

import pytest

from schemas.rules import Rules
from stages.check import check_inventory
from stages.link import link_all
from stages.observe import observe_services
from tests.helpers.frames import actual
from tests.sources.test_inventory import at

WEB = {"hosts/a/services.yaml": "services:\n  web:\n"}
TOPOLOGY = "inventory/topology.yaml"


def warnings(contents):
    """Return `file:line: problem` of each oddity."""
    desired = at(contents)
    found = check_inventory(desired, link_all(desired, observe_services(desired, actual(), Rules()).services))
    return [f"{file}:{line}: {problem}" for file, line, problem in found.select("file", "line", "problem").rows()]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        pytest.param(WEB, [], id="nothing"),
        pytest.param(
            {"hosts/a/services.yaml": "web:\n  depends_on: [ghost]"},
            ["hosts/a/services.yaml:2: 'web' needs 'ghost', which no inventory asks for"],
            id="a dependency that no inventory has",
        ),
        pytest.param(
            {"hosts/a/services.yaml": "web: {depends_on: {local: [db]}}", "hosts/b/services.yaml": "[db]"},
            ["hosts/a/services.yaml:1: 'web' needs 'db' on the same node, where no inventory asks for it"],
            id="a local dependency on another node",
        ),
        pytest.param(
            {"hosts/a/app/compose.yaml": "services:\n  web:\n    depends_on: [ghost]\n"},
            ["hosts/a/app/compose.yaml:3: 'web' needs 'ghost', which no inventory asks for"],
            id="in a compose file",
        ),
        pytest.param(
            {**WEB, "services/web/service.yaml": "service:\n  dependencies: [ghost]"},
            ["services/web/service.yaml:2: 'web' needs 'ghost', which no inventory asks for"],
            id="a dependency of service.yaml",
        ),
        pytest.param(
            {"hosts/a/services.yaml": "x: {depends_on: [y]}\ny: {depends_on: [x]}"},
            [
                "hosts/a/services.yaml:1: a/x and a/y depend on each other: neither waits for the other",
                "hosts/a/services.yaml:2: a/y and a/x depend on each other: neither waits for the other",
            ],
            id="a cycle",
        ),
        pytest.param(
            {"hosts/a/services.yaml": "shop:\nweb: {containers: [db, Web, cache]}"},
            [
                "hosts/a/services.yaml:2: 'web' is also one of its containers: a record of that name counts alone, without cache, db; call the service something else"
            ],
            id="a service that is one of its several containers",
        ),
        pytest.param(
            {"hosts/a/services.yaml": "web: {container_name: web}\ndb: {containers: [one, two]}"},
            [],
            id="a container of the service's name, or of others",
        ),
        pytest.param(
            {"hosts/a/services.yaml": "x: {depends_on: [x]}"},
            ["hosts/a/services.yaml:1: a/x depends on itself"],
            id="a service that needs itself",
        ),
        pytest.param(
            {"hosts/a/services.yaml": "[web]", "hosts/b/services.yaml": "[web]"},
            [],
            id="a service on two nodes, which is how fleets are",
        ),
        pytest.param(
            {**WEB, TOPOLOGY: "nodes:\n  a: {services: [db]}"},
            [
                f"{TOPOLOGY}:2: 'db' is listed for a, whose own file does not ask for it",
            ],
            id="the topology's list of a node against its own",
        ),
        pytest.param(
            {**WEB, TOPOLOGY: "nodes:\n  a:\n  zed: {services: [db]}"},
            [f"{TOPOLOGY}:3: 'zed' has no folder under hosts/: a node without services, which can be offline"],
            id="a node of the topology alone",
        ),
        pytest.param(
            {**WEB, "hosts/b/services.yaml": "[]", TOPOLOGY: "nodes: {a: }"},
            ["hosts/b/services.yaml:None: 'b' is not in the topology"],
            id="a folder that the topology does not name",
        ),
        pytest.param(
            {"hosts/a/services.yaml": "[b-c, web]", "hosts/a-b/services.yaml": "[c]"},
            [
                "hosts/a-b/services.yaml:1: a-b/c and a/b-c would share their ids: those of a-b/c end in '~4e84717d'",
                "hosts/a/services.yaml:1: a-b/c and a/b-c would share their ids: those of a/b-c end in '~b88f83c8'",
            ],
            id="two targets that would share an id",
        ),
    ],
)
def test_what_is_odd_is_said_with_its_place(contents, expected):
    assert warnings(contents) == expected
