"""The inventory: every accepted form gives the same desired state (CONTRACT 1)."""

import pytest

from flows.errors import InventoryError
from flows.sources.inventory.desired import build_desired, read_inventory
from flows.sources.inventory.files import InventoryFiles
from flows.sources.inventory.services_file import parse_services
from schemas.limits import Limits

LIMITS = Limits()


def desired(text):
    """Return the desired state of one node, piha, with this services file."""
    return at({"hosts/piha/services.yaml": text})


def at(contents, **other):
    encoded = {path: text if isinstance(text, bytes) else text.encode() for path, text in contents.items()}
    return build_desired(InventoryFiles(encoded, **other), LIMITS)


def services(wanted):
    return wanted.services.select("node", "service", "is_monitored").rows()


def dependencies(wanted):
    return wanted.dependencies.select("node", "service", "dependency", "scope").rows()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("services:\n  web: {role: x}\n  db:\n", id="mapping, a value null"),
        pytest.param("services:\n  WEB: {}\n  ' db ': {}\n", id="case and spaces"),
        pytest.param("services: [web, db]", id="list of names"),
        pytest.param("services:\n  - name: web\n  - {name: db, role: x}", id="list of mappings"),
        pytest.param("services:\n  - web\n  - name: db", id="both"),
        pytest.param("- web\n- db", id="list at the top"),
        pytest.param("web: {image: x}\ndb: {image: y}", id="mapping at the top"),
        pytest.param("version: 1.10\nservices: {web: {replicas: 3}, db: {released: 2024-13-45}}", id="unknown keys"),
        pytest.param("\ufeffservices:\r\n  web:\r\n  db:\r\n", id="byte order mark and CRLF"),
    ],
)
def test_every_form_of_a_services_file_gives_the_same_services(text):
    wanted = desired(text)

    assert services(wanted) == [("piha", "db", True), ("piha", "web", True)]
    assert wanted.unread.is_empty()


@pytest.mark.parametrize("text", ["services: []", "services: {}", "[]"])
def test_a_node_that_says_so_runs_nothing(text):
    wanted = desired(text)

    assert wanted.nodes["is_readable"].all()
    assert wanted.services.is_empty()


@pytest.mark.parametrize("key", ["monitor", "enabled"])
def test_a_service_is_unmonitored_where_the_inventory_says_so(key):
    wanted = desired(f"services: {{a: {{{key}: false}}, b: {{{key}: true}}}}")

    assert services(wanted) == [("piha", "a", False), ("piha", "b", True)]


@pytest.mark.parametrize(
    ("declared", "scopes"),
    [
        ("{local: [db], external: [broker]}", [("broker", "external"), ("db", "local")]),
        ("{local: [], external: }", []),
        ("[db, DB]", [("db", "anywhere")]),
        ("", []),
    ],
)
def test_every_form_of_depends_on_is_read(declared, scopes):
    wanted = desired(f"services:\n  web:\n    depends_on: {declared}\n")

    assert dependencies(wanted) == [("piha", "web", name, scope) for name, scope in scopes]


def test_a_dependency_and_a_service_know_their_lines():
    wanted = desired("services:\n  web:\n    depends_on:\n      local:\n        - db\n")

    assert wanted.services["line"].to_list() == [2]
    assert wanted.dependencies.select("file", "line").rows() == [("hosts/piha/services.yaml", 5)]


def test_dependencies_of_a_service_file_hold_for_every_node_that_runs_it():
    wanted = at({"hosts/a/services.yaml": "[web]", "services/Web/service.yaml": "service:\n  dependencies: [db]"})

    assert dependencies(wanted) == [(None, "web", "db", "anywhere")]


@pytest.mark.parametrize(
    ("files", "connectivity"),
    [
        ({}, None),
        ({"hosts/n/capabilities.yaml": "operational: {availability_target: high}"}, None),
        ({"hosts/n/capabilities.yaml": "operational: {connectivity: sometimes}"}, None),
        ({"hosts/n/capabilities.yaml": "operational: {connectivity: Stable}"}, "stable"),
        ({"hosts/n/capabilities.yaml": "operational: {connectivity: intermittent}"}, "intermittent"),
        ({"hosts/n/capabilities.yaml": "operational: ["}, "intermittent"),
    ],
)
def test_a_node_has_the_connectivity_that_its_capabilities_say_and_none_where_they_say_nothing(files, connectivity):
    wanted = at({"hosts/n/services.yaml": "[web]", **files})

    assert wanted.nodes["connectivity"].to_list() == [connectivity]


@pytest.mark.parametrize(
    ("text", "is_intermittent"),
    [
        ("capabilities: {operational: {connectivity: intermittent}}", True),
        ("operational: {connectivity: Intermittent}", True),
        ("capabilities: {operational: {connectivity: stable}}", False),
        ("capabilities:\n  operational:\n", False),
        ("# nothing", False),
    ],
)
def test_a_node_is_intermittent_where_its_capabilities_say_so(text, is_intermittent):
    wanted = at({"hosts/a/services.yaml": "[]", "hosts/a/capabilities.yaml": text})

    assert wanted.nodes["is_intermittent"].to_list() == [is_intermittent]
    assert wanted.unread.is_empty()


def test_a_node_of_the_topology_alone_is_a_desired_node():
    wanted = at(
        {
            "hosts/a/services.yaml": "[web]",
            "inventory/topology.yaml": "nodes:\n  A:\n    roles:\n  b: {services: [web]}\n  c:\n",
        }
    )

    assert wanted.nodes.select("node", "file").rows() == [
        ("a", "hosts/a/services.yaml"),
        ("b", "inventory/topology.yaml"),
        ("c", "inventory/topology.yaml"),
    ]
    assert services(wanted) == [("a", "web", True)]
    assert wanted.listed.rows() == [("a", None, 2), ("b", None, 4), ("b", "web", 4), ("c", None, 5)]


def test_files_that_others_read_are_not_tripped_over(tmp_path):
    node = tmp_path / "hosts" / "piha"
    (node / "runtime" / "web").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "hosts" / ".git").mkdir()
    (tmp_path / "hosts" / "README.md").write_text("not a node")
    (node / "services.yaml").write_text("services: {web: }")
    (node / "networking.yaml").write_text("&x [*x")
    (node / "runtime" / "web" / "docker-compose.override.yml").write_text("services: [")

    wanted = read_inventory(tmp_path, LIMITS)

    assert services(wanted) == [("piha", "web", True)]
    assert wanted.unread.is_empty()


def test_the_order_in_which_files_come_makes_no_difference():
    contents = {f"hosts/n{i}/services.yaml": f"[web, db{i}]" for i in range(5)} | {
        "services/web/service.yaml": "dependencies: [db0]"
    }

    one, other = at(contents), at(dict(reversed(contents.items())))

    assert all(a.equals(b) for a, b in zip(one[:-1], other[:-1], strict=True))


def test_what_bytes_say_does_not_depend_on_the_node():
    parsed = parse_services(b"services: {web: {depends_on: [db], monitor: false}}", LIMITS)

    assert [(row.service, row.is_monitored, row.line) for row in parsed.services] == [("web", False, 1)]
    assert parsed.dependencies == (("web", "db", "anywhere", False, 1),)
    assert parsed.is_plain()


def test_an_inventory_without_hosts_is_refused(tmp_path):
    with pytest.raises(InventoryError, match="hosts: no such folder"):
        read_inventory(tmp_path, LIMITS)


def test_an_inventory_that_names_no_node_is_refused(tmp_path):
    (tmp_path / "hosts").mkdir()

    with pytest.raises(InventoryError, match="hosts: names no node"):
        read_inventory(tmp_path, LIMITS)


def test_empty_hosts_beside_a_topology_are_accepted(tmp_path):
    (tmp_path / "hosts").mkdir()
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "topology.yaml").write_text("nodes: {vps: }")

    assert read_inventory(tmp_path, LIMITS).nodes["node"].to_list() == ["vps"]
