"""What `check` remarks on the world: what was set aside, each doubtful time, which name was taken for which."""

import json

import pytest
from typer.testing import CliRunner

from flows.commands.root import app
from flows.settings import Settings
from flows.sources.world.published import find_deviations
from flows.views.check import inspect_inputs
from schemas.limits import Limits
from schemas.setting import default_of, settings_of

DEFAULT_WORLD = default_of(settings_of(Settings)["world"])


def test_every_record_time_and_name_that_is_not_just_so_is_named(tmp_path):
    (tmp_path / "hosts/piha").mkdir(parents=True)
    (tmp_path / "hosts/piha/services.yaml").write_text("services: {web: }")
    (tmp_path / "world").mkdir()
    (tmp_path / "world/nodes.json").write_text(
        json.dumps({"piha:9100": {"status": "online", "last_seen": "yesterday"}})
    )
    (tmp_path / "world/services.json").write_text(
        json.dumps({"piha/web": {"status": "ok"}, "piha/a b": {"status": "ok"}})
    )
    (tmp_path / "world/runtime-summary.json").write_text('{"last_update": "soon"}')

    found = inspect_inputs(Settings(inventory=tmp_path, world=tmp_path / "world", state_dir=tmp_path / "state"))

    assert [line for line in found.world if "such as" not in line] == [
        (
            "services.json#piha/a b: 'a b' cannot name a service: it must start with a letter or a digit, and hold only"
            " letters, digits, '.', '_' and '-'"
        ),
        "nodes.json#piha:9100: 'last_seen' says yesterday, which cannot be read or is still to come",
        "runtime-summary.json: 'last_update' says soon, which cannot be read or is still to come",
        "the name 'piha:9100' is taken for piha",
    ]


def test_what_is_not_of_the_published_form_is_named_with_file_and_key(tmp_path):
    (tmp_path / "hosts/piha").mkdir(parents=True)
    (tmp_path / "hosts/piha/services.yaml").write_text("services: {web: }")
    (tmp_path / "world").mkdir()
    files = {
        "nodes": {"piha": {"status": "online", "took_ms": -1, "reason_class": "asleep"}},
        "services": {"piha/web": {"status": "ok", "parts": {"good": "all"}}, "piha/ill formed": {}},
        "incidents": [],
        "deployments": {"d1": {"node": "piha", "service": "web"}},
        "runtime-summary": {"notes": [1]},
    }
    for name, document in files.items():
        (tmp_path / f"world/{name}.json").write_text(json.dumps(document))

    found = inspect_inputs(Settings(inventory=tmp_path, world=tmp_path / "world", state_dir=tmp_path / "state"))

    deviations = [line.partition(" (the published form, ")[0] for line in found.world if "published" in line]
    assert deviations == [
        "nodes.json#piha: 'took_ms': expected at least 0, found a number (-1)",
        (
            "nodes.json#piha: 'reason_class': expected one of timeout, refused, reset, no_route, dns, socket, no_socket,"
            ' engine_down, permission, auth, host_key, tls, protocol, config, found a text ("asleep")'
        ),
        "services.json#piha/web: 'parts.good': expected a whole number, found a text (\"all\")",
        "services.json#piha/web: 'parts': 'total' is missing",
        "deployments.json#d1: 'status' is missing",
        "incidents.json: expected an object, found a list",
        "runtime-summary.json: 'notes.0': expected a text, found a number (1)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('\ufeff{"piha/web": {"status": "ok"}}', [], id="a byte order mark"),
        pytest.param('{"piha/web": {"status": "ok", "cpu": NaN}}', ["NaN is no JSON number"], id="NaN"),
        pytest.param('{"piha/web": {"cpu": 1e999}}', ["the number '1e999' is too large"], id="too large"),
        pytest.param('{"piha/web": {"status": "\\ud800"}}', ["half of a surrogate pair in a text"], id="a surrogate"),
        pytest.param('{"piha/web": {"status": 1, "status": 2}}', ["the key 'status' comes twice"], id="a field twice"),
        pytest.param('{"piha/web": {}, "piha/web": {}}', ["the key comes twice"] * 2, id="a record twice"),
    ],
)
def test_what_is_no_plain_json_is_told_once_for_its_record(tmp_path, text, said):
    write_fleet(tmp_path, "services: {web: }", nodes=["piha"], services=[])
    (tmp_path / "world/services.json").write_text(text, encoding="utf-8")

    found = inspect_inputs(Settings(inventory=tmp_path, world=tmp_path / "world", state_dir=tmp_path / "state"))

    assert [line.partition(": ")[2] for line in found.world] == said


def test_many_deviations_are_cut_with_their_count(tmp_path):
    records = {f"piha/s{number}": {"status": "ok", "restarts": -1} for number in range(150)}

    told = list(find_deviations({"services.json": json.dumps(records).encode()}, (), Limits()))

    assert (len(told), told[-1]) == (101, "services.json: 50 more places are not of the published form")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param(["--no-world"], 0, id="no world"),
        pytest.param(["--world", "nowhere"], 3, id="named"),
        pytest.param([], 0, id="default", marks=pytest.mark.skipif(DEFAULT_WORLD.exists(), reason="has a world")),
    ],
)
def test_without_a_world_that_somebody_named_the_inventory_alone_decides(tmp_path, options, code):
    (tmp_path / "hosts/piha").mkdir(parents=True)
    (tmp_path / "hosts/piha/services.yaml").write_text("services: {web: }")

    assert call("check", "--inventory", str(tmp_path), *options) == code


@pytest.mark.parametrize("options", [["--no-world"], []])
def test_a_fault_of_the_inventory_is_one_without_a_world_as_well(tmp_path, options):
    (tmp_path / "hosts/piha").mkdir(parents=True)
    (tmp_path / "hosts/piha/services.yaml").write_text("services: {web: 5}")

    assert call("check", "--inventory", str(tmp_path), *options) == 1


@pytest.mark.parametrize(
    ("file", "entries", "said"),
    [
        pytest.param(
            "services.yaml",
            "{web: {container_name: shop}, db: {}, api: {containers: [Shop, x]}}",
            "services.yaml:4: api selects the container 'shop' that web in line 2 selects",
            id="of one file",
        ),
        pytest.param(
            "app/compose.yaml",
            "{web: {image: w, container_name: shop}, db: {image: d}, api: {image: a, container_name: shop}}",
            "app/compose.yaml:4: api selects the container 'shop' that web in line 2 selects",
            id="of a compose file",
        ),
    ],
)
def test_a_container_that_two_entries_select_is_one_fault_with_both_places(tmp_path, file, entries, said):
    path = tmp_path / "hosts/piha" / file
    path.parent.mkdir(parents=True)
    path.write_text("services: " + entries.replace("{", "{\n", 1).replace("}, ", "},\n"))

    done = CliRunner().invoke(app, ["check", "--no-world", "--inventory", str(tmp_path)], standalone_mode=False)

    printed = " ".join(done.output.split())
    assert done.return_value == 1
    assert f"hosts/piha/{said}, so that its records count for neither; say it at one of them" in printed
    assert printed.count("shop") == 1
    assert "1 fault, 0 warnings" in printed


def call(*arguments):
    """Return the exit code of the command."""
    return CliRunner().invoke(app, arguments, standalone_mode=False).return_value


def test_a_node_that_no_inventory_asks_for_is_named_and_what_it_may_be(tmp_path):
    write_fleet(tmp_path, "services: {web: }", nodes=["192.168.1.10", "piha-2"], services=["piha/web"])

    found = inspect_inputs(Settings(inventory=tmp_path, world=tmp_path / "world", state_dir=tmp_path / "state"))

    assert found.world == (
        "nodes.json#192.168.1.10: no inventory asks for this node",
        "nodes.json#piha-2: no inventory asks for this node; is it piha?",
    )


def test_very_many_nodes_that_no_inventory_asks_for_are_counted(tmp_path):
    write_fleet(tmp_path, "services: {web: }", nodes=[f"ghost{number}.lan" for number in range(103)], services=[])

    found = inspect_inputs(Settings(inventory=tmp_path, world=tmp_path / "world", state_dir=tmp_path / "state"))

    assert (len(found.world), found.world[-1]) == (101, "nodes.json: 3 more nodes that no inventory asks for")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param(
            "services: {}",
            ["asks piha for nothing, but 3 services run there; were its services lost?"],
            id="emptied",
        ),
        pytest.param("services: {a: }", [], id="one is left"),
    ],
)
def test_an_emptied_inventory_is_warned_of_where_services_run(tmp_path, asked, said):
    write_fleet(tmp_path, asked, nodes=["piha"], services=["piha/a", "piha/b", "piha/c"])

    found = inspect_inputs(Settings(inventory=tmp_path, world=tmp_path / "world", state_dir=tmp_path / "state"))

    assert (found.exit_code, found.inventory["problem"].to_list()) == (0, said)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        pytest.param("{dokcer: none}", "piha/node.yaml:1: observe: unknown key 'dokcer'", id="a misspelt key"),
        pytest.param("{docker: ftp://x}", "piha/node.yaml: observe.docker: 'ftp://x' is no address", id="no address"),
        pytest.param("{docker: ssh://ops@piha}", None, id="sound"),
    ],
)
def test_what_an_observer_cannot_use_is_warned_of(tmp_path, block, said):
    write_fleet(tmp_path, "services: {web: }", nodes=["piha"], services=["piha/web"])
    (tmp_path / "hosts/piha/node.yaml").write_text(f"observe: {block}\n")

    done = CliRunner().invoke(app, ["check", "--no-world", "--inventory", str(tmp_path)], standalone_mode=False)

    warned = [line for line in done.stdout.splitlines() if line.startswith("warning: ")]
    assert done.return_value == 0
    assert (len(warned), said is None or said in warned[0]) == (0 if said is None else 1, True)


def test_a_file_that_cannot_be_read_is_told_once(tmp_path):
    write_fleet(tmp_path, "services: [", nodes=["piha"], services=["piha/web"])
    (tmp_path / "hosts/attic").mkdir()
    (tmp_path / "hosts/attic/services.yaml").write_text("services: {web: }")

    done = CliRunner().invoke(app, ["check", "--no-world", "--inventory", str(tmp_path)], standalone_mode=False)

    assert done.return_value == 1
    assert done.stdout.count("hosts/piha/services.yaml") == 1
    assert "1 fault, 0 warnings" in done.stdout


def write_fleet(folder, asked, nodes, services):
    """Write what `piha` is asked for, and a world in which all of these are well."""
    for path, text in {
        "hosts/piha/services.yaml": asked,
        "world/nodes.json": json.dumps({name: {"status": "online"} for name in nodes}),
        "world/services.json": json.dumps({name: {"status": "ok"} for name in services}),
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
