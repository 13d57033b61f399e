"""The public formats: what we write, and the example's worlds and inventory, keep to the JSON Schemas beside the frames."""

import json
from importlib import resources
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from flows.cli import _run
from tests.helpers.fake_engine import FakeEngine, composed, container

FILES = {
    "nodes.json": "world-nodes",
    "services.json": "world-services",
    "incidents.json": "world-incidents",
    "deployments.json": "world-deployments",
    "runtime-summary.json": "world-summary",
    "manifest.json": "world-manifest",
}
EXAMPLE = Path("examples/homelab")


def validator(name):
    schema = json.loads(resources.files("schemas").joinpath(f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(name, document):
    return [f"{list(error.path)}: {error.message}" for error in validator(name).iter_errors(document)]


def test_what_the_observer_writes_keeps_to_the_schemas(tmp_path, capsys):
    web = composed("shop", "web", health="unhealthy")
    places = ["--config", tmp_path / "inv/supervisor.yaml", "--inventory", tmp_path / "inv"]
    with FakeEngine([web, container(2, "stray", state="exited", exit_code=1)], tmp_path / "e") as fake:
        folder = tmp_path / "inv/hosts/piha"
        folder.mkdir(parents=True)
        (folder / "services.yaml").write_text("services: {web: {}}\n")
        (folder / "node.yaml").write_text(json.dumps({"observe": {"docker": fake.url}}))
        (tmp_path / "inv/supervisor.yaml").write_text("world: ../world\nstate_dir: ../state\n")
        for image in ("ab", "ab", "cd"):
            web |= {"image": "sha256:" + image * 32, "id": "c0ffee" + image + "0" * 56}
            assert _run(["observe", "--once", *map(str, places)]) == 0
    assert _run(["observe", "--once", *map(str, places)]) == 0

    documents = {name: json.loads((tmp_path / "world" / name).read_text()) for name in FILES}
    assert all(documents[name] for name in FILES), "each file has something to hold against its schema"
    assert {name: faults(schema, documents[name]) for name, schema in FILES.items()} == {key: [] for key in FILES}


def test_what_init_writes_keeps_to_the_schemas_that_it_names(tmp_path, capsys):
    with FakeEngine([composed("shop", "web"), container(2, "old", state="exited")], tmp_path / "e") as fake:
        assert _run(["observe", "--init", str(tmp_path / "inv"), "--docker", fake.url]) == 0
    (node,) = (tmp_path / "inv/hosts").iterdir()

    for file in node.iterdir():
        line = file.read_text().splitlines()[0]
        schema = json.loads((node / line.partition("$schema=")[2]).read_text())
        Draft202012Validator(schema).validate(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize("world", sorted(path.name for path in EXAMPLE.glob("world*")))
def test_the_examples_worlds_keep_to_the_schemas(world):
    told = {}
    for name, schema in FILES.items():
        file = EXAMPLE / world / name
        if file.exists():
            try:
                told[name] = faults(schema, json.loads(file.read_text()))
            except ValueError:
                assert world == "world-torn"

    found = [fault for faults_of_file in told.values() for fault in faults_of_file]
    odd = ["['node-2/zigbee2mqtt']: 'healthy' is not of type 'object'"] if world == "world" else []
    assert told
    assert found == odd


def test_the_examples_inventory_keeps_to_the_schemas():
    for file in EXAMPLE.glob("hosts/*/*.yaml"):
        if file.name in {"services.yaml", "node.yaml"}:
            name = f"inventory-{file.stem}"
            assert faults(name, yaml.safe_load(file.read_text())) == []


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("world-services", {"web": {"status": "ok"}}),
        ("world-services", {"piha/web": {}}),
        ("world-nodes", {"piha": {"status": 1}}),
        ("inventory-node", {"observe": {"dokcer": "x"}}),
        ("inventory-services", {"services": {"web": {"run": "often"}}}),
        ("world-manifest", {"generation": 1, "folder": "../x", "files": {}}),
    ],
)
def test_what_does_not_keep_to_them_is_refused(name, document):
    assert faults(name, document)
