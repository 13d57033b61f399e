"""What of an inventory cannot be read is a row with its place and its scope, and never a shorter list of wishes."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.errors import InventoryError
from flows.sources.inventory.desired import build_desired, read_inventory
from flows.sources.inventory.files import MARK_FILES, InventoryFiles
from flows.sources.inventory.other_files import parse_capabilities, parse_service, parse_topology
from flows.sources.inventory.services_file import parse_services
from schemas.limits import Limits
from schemas.rules import Rules
from tests.sources.test_inventory import at, desired, services

LIMITS = Limits()
GOOD = {"hosts/good/services.yaml": "[web]"}


def told(wanted, *, warnings=False):
    """Return `file:line: problem` of each fault, or of each warning."""
    rows = wanted.unread.filter(is_warning=warnings).select("file", "line", "problem").rows()
    return [f"{file}:{line}: {problem}" for file, line, problem in rows]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "None: the file is empty", id="empty"),
        pytest.param("# services:\n#   web:", "None: the file is empty", id="comments"),
        pytest.param("hello", "1: expected a list or a mapping, found a text", id="scalar"),
        pytest.param("services:", "1: 'services': expected a mapping or a list, found nothing", id="no value"),
        pytest.param("{}", "1: there is no key 'services'", id="empty mapping"),
        pytest.param("a: 1\nservice: {web: {}}", "2: there is no key 'services'", id="near miss of services"),
        pytest.param("- name: 5", "1: expected the name of a service, found the number 5; quote it", id="number"),
        pytest.param("- name:", "1: expected the name of a service, found nothing", id="null"),
        pytest.param("- name: ' '", "1: the name of the service is empty", id="blank"),
        pytest.param("- role: x", "1: item 0 has no 'name'", id="no name"),
        pytest.param("- ../../etc/passwd", "1: '../../etc/passwd' cannot name a service", id="path"),
        pytest.param("services: {a\\b: }", "cannot name a service", id="backslash"),
        pytest.param('- "web\\u202Etxt"', "1: 'web\\u202etxt' cannot name a service", id="bidirectional"),
        pytest.param("- '[/]'", "1: '[/]' cannot name a service", id="markup"),
        pytest.param("- é", "1: '\\xe9' cannot name a service", id="beyond ASCII"),
        pytest.param(f"- {'a' * 300}", "has 300 characters; at most 63", id="long"),
        pytest.param("- all", "1: 'all' is reserved", id="reserved"),
    ],
)  # fmt: skip
def test_a_fault_leaves_the_services_of_its_node_unknown_and_no_other(text, problem):
    wanted = at({"hosts/a/services.yaml": text, **GOOD})

    assert services(wanted) == [("good", "web", True)]
    assert wanted.nodes.filter(~wanted.nodes["is_readable"])["node"].to_list() == ["a"]
    assert any(problem in fault and fault.startswith("hosts/a/services.yaml:") for fault in told(wanted))
    assert wanted.unread["node"].to_list() == ["a"] * wanted.unread.height


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("services: {web: {}, Web: {}}", "1: the service 'web' comes twice, first in line 1", id="case"),
        pytest.param("- web\n- db\n- name: web", "3: the service 'web' comes twice, first in line 1", id="twice"),
        pytest.param("services: {web: {enabled: 0}}", "expected true or false, found the number 0", id="0"),
        pytest.param("services: {web: nginx}", "1: 'web': expected a mapping of options", id="text for options"),
        pytest.param("services: {web: {depends_on: db}}", "expected a list, or 'local'", id="depends_on"),
        pytest.param("services: {web: {depends_on: [1]}}", "found the number 1; quote it", id="dependency"),
        pytest.param("services: {web: {depends_on: {local: db}}}", "'local': expected a list of services", id="local"),
        pytest.param("services: {web: {monitor: maybe}}", "expected true or false, found the text 'maybe'", id="maybe"),
        pytest.param("services: {web: {run: daily}}", "'run': expected once or scheduled", id="run"),
        pytest.param("services: {web: {depends_on: {all: }}}", "'all' is reserved", id="long form"),
    ],
)
def test_a_bad_entry_costs_its_service_and_no_more(text, problem):
    others = "\n- other" if text.startswith("-") else text.replace("{web", "{other: , web")
    wanted = at({"hosts/a/services.yaml": text + others if text.startswith("-") else others, **GOOD})

    assert ("a", "other", True) in services(wanted)
    assert wanted.nodes["is_readable"].all()
    assert any(problem in fault and fault.startswith("hosts/a/services.yaml:") for fault in told(wanted))
    assert set(wanted.unread.select("node", "service").rows()) == {("a", "web")}
    assert ("a", "web", True) not in services(wanted)


def test_an_entry_without_a_name_leaves_the_others_as_they_are():
    wanted = at({"hosts/a/services.yaml": "services: [web, {role: x}, db]"})

    assert services(wanted) == [("a", "db", True), ("a", "web", True)]
    assert wanted.nodes["is_readable"].to_list() == [False]
    assert wanted.unread.select("node", "service").rows() == [("a", None)]


def test_every_fault_of_a_file_is_told_at_once_and_those_beyond_the_limit_are_counted():
    few, many = (
        at({"hosts/a/services.yaml": "[1, 2, 3]", **GOOD}),
        at({"hosts/a/services.yaml": f"{[*range(50)]}", **GOOD}),
    )

    assert len(told(few)) == 3
    assert len(told(many)) == 21
    assert "hosts/a/services.yaml:None: and 30 more faults" in told(many)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("services: {web: {monitored: false}}", "'monitored' is not read; did you mean 'monitor'?"),
        ("services: {web: {depends-on: [db]}}", "'depends-on' is not read; did you mean 'depends_on'?"),
        ("services: {web: {dependencies: [db]}}", "did you mean 'depends_on'?"),
        ("services: {web: {depends_on: {locals: [db]}}}", "did you mean 'local'?"),
        ("services: {web: {depends_on: {redis: soon}}}", "expected a mapping such as {condition: service_started}"),
    ],
)
def test_a_key_that_is_nearly_one_that_is_read_is_a_warning(text, hint):
    wanted = desired(text)

    assert len(services(wanted)) == 1
    assert told(wanted) == []
    assert hint in told(wanted, warnings=True)[0]


def test_a_broken_capabilities_file_gives_the_longer_grace():
    wanted = at({"hosts/a/services.yaml": "[web]", "hosts/a/capabilities.yaml": "capabilities: ["})

    assert wanted.nodes.select("is_intermittent", "is_readable").rows() == [(True, True)]
    assert wanted.unread.select("file", "node", "is_warning").rows() == [("hosts/a/capabilities.yaml", None, False)]


def test_a_broken_topology_is_a_fault_of_no_node():
    wanted = at({"inventory/topology.yaml": "nodes: [a, b", **GOOD})

    assert wanted.unread.select("file", "node", "is_warning").rows() == [("inventory/topology.yaml", None, False)]


def test_a_broken_service_file_is_a_fault_of_its_service():
    wanted = at({"services/web/service.yaml": "service: {dependencies: db}", **GOOD})

    assert wanted.unread.select("service", "node", "is_warning").rows() == [("web", None, False)]


def test_two_folders_of_one_node_are_both_named_and_neither_is_read():
    wanted = at({"hosts/saturn/services.yaml": "[web]", "hosts/SATURN/services.yaml": "[db]", **GOOD})

    assert services(wanted) == [("good", "web", True)]
    assert "hosts/SATURN and hosts/saturn are one node" in told(wanted)[0]


@pytest.mark.parametrize("name", ["a b", "é", "-rf", "node;rm -rf", "x" * 300, "new\nline", "fleet"])
def test_a_folder_that_is_no_name_is_told_and_passed_over(name):
    wanted = at({**GOOD, f"hosts/{name}/services.yaml": "[web]"})

    assert wanted.nodes["node"].to_list() == ["good"]
    assert len(told(wanted)) == 1
    assert told(wanted)[0].isprintable()


@pytest.mark.parametrize("file", ["capabilities.yaml", "node.yaml", "networking.yaml", "paths.yaml"])
def test_a_folder_with_any_of_the_platforms_files_is_a_node(file):
    path = f"hosts/lustro/{file}"
    marks = {path} if file in MARK_FILES else set()
    wanted = at({**GOOD, **({} if marks else {path: "{}"})}, marks=frozenset(marks))

    assert wanted.nodes.select("node", "is_readable", "has_inventory", "file").rows()[1] == (
        "lustro",
        True,
        True,
        "hosts/lustro",
    )
    assert told(wanted, warnings=True) == ["hosts/lustro:None: there is no services.yaml: a node without services"]


def test_a_folder_without_any_of_them_is_passed_over_with_a_remark():
    wanted = at({**GOOD}, folders=frozenset({"hosts/common", "hosts/a b"}))

    assert wanted.nodes["node"].to_list() == ["good"]
    assert told(wanted) == []
    assert [line.partition(":")[0] for line in told(wanted, warnings=True)] == ["hosts/a b", "hosts/common"]


def test_a_folder_that_settings_ignore_is_passed_over_without_a_word():
    contents = {
        **GOOD,
        "hosts/_template/services.yaml": "services: {web: {{ name }}}",
        "hosts/old-1/services.yaml": "[",
    }
    encoded = {path: text.encode() for path, text in contents.items()}
    wanted = build_desired(InventoryFiles(encoded), LIMITS, rules=Rules(ignore_hosts=frozenset({"_*", "old-*"})))

    assert wanted.nodes["node"].to_list() == ["good"]
    assert wanted.unread.is_empty()


@pytest.mark.parametrize("name", ["services.yml", "Services.yaml", "SERVICES.YML"])
def test_a_file_that_is_only_named_wrongly_leaves_its_services_unknown(tmp_path, name):
    write(tmp_path, {"good/services.yaml": "[web]", f"a/{name}": "[db]"})

    wanted = read_inventory(tmp_path, LIMITS)

    assert wanted.nodes.select("node", "is_intermittent", "is_readable").row(0) == ("a", False, False)
    assert told(wanted) == [f"hosts/a/{name}:None: looks like services.yaml; rename it"]


def test_when_no_services_file_can_be_read_the_first_faults_are_listed_and_the_rest_counted():
    with pytest.raises(InventoryError) as raised:
        at({f"hosts/n{i}/services.yaml": "[" for i in range(30)})

    lines = str(raised.value).splitlines()
    assert lines[0] == "hosts: no services.yaml can be read"
    assert lines[1].startswith("hosts/n0/services.yaml:2:1: did not find expected")
    assert (len(lines), lines[-1]) == (22, "and 10 more")


def write(root, files):
    for path, text in files.items():
        (root / "hosts" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "hosts" / path).write_text(text)


def test_a_node_that_is_a_link_is_refused_with_its_target(tmp_path):
    write(tmp_path, {"good/services.yaml": "[web]"})
    (tmp_path / "hosts" / "a").symlink_to("/etc")
    (tmp_path / "hosts" / "good" / "up").symlink_to("..")
    (tmp_path / "hosts" / "loop").symlink_to("loop")

    wanted = read_inventory(tmp_path, LIMITS)

    assert wanted.nodes.select("node", "is_readable").rows() == [("a", False), ("good", True), ("loop", False)]
    assert "hosts/a:None: a symbolic link to '/etc', which is not followed" in told(wanted)[0]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "huge"])
def test_a_services_file_that_is_no_plain_file_is_refused(tmp_path, kind):
    write(tmp_path, {"good/services.yaml": "[web]", "a/node.yaml": ""})
    path = tmp_path / "hosts" / "a" / "services.yaml"
    {
        "link": lambda: path.symlink_to("/proc/self/environ"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "huge": lambda: path.write_bytes(b" " * (LIMITS.max_inventory_file_bytes + 1)),
    }[kind]()

    wanted = read_inventory(tmp_path, LIMITS)

    assert wanted.nodes.select("node", "is_readable").rows() == [("a", False), ("good", True)]
    assert told(wanted)[0].startswith("hosts/a/services.yaml:None: ")
    assert "PATH" not in told(wanted)[0]


@given(st.one_of(st.binary(), st.text("services:[]{}-,monitrdep_lcax \n1", max_size=80).map(str.encode)))
def test_any_bytes_of_any_file_give_rows_or_faults(data):
    for parse in (parse_services, parse_capabilities, parse_topology, parse_service):
        parse(data, LIMITS)
    paths = ["hosts/a/services.yaml", "hosts/a/capabilities.yaml", "inventory/topology.yaml", "services/a/service.yaml"]

    wanted = build_desired(InventoryFiles({**dict.fromkeys(paths, data), "hosts/good/services.yaml": b"[web]"}), LIMITS)

    is_unknown = "a" in wanted.unread["node"].to_list()
    assert is_unknown != wanted.nodes.filter(node="a")["is_readable"].item()
