"""The observe flow: one look a run, as Prefect sees it."""

import json

import pytest

from tests.helpers.fake_engine import FakeEngine, composed

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.usefixtures("client")]


def test_a_run_looks_once_and_writes_the_world(tmp_path):
    from flows.observe import observe

    folder = tmp_path / "inv/hosts/piha"
    folder.mkdir(parents=True)
    (folder / "services.yaml").write_text("services: {web: {}}\n")
    with FakeEngine([composed("shop", "web")], tmp_path / "e") as fake:
        (folder / "node.yaml").write_text(json.dumps({"observe": {"docker": fake.url}}))
        state = observe(inventory=tmp_path / "inv", world=tmp_path / "world", return_state=True)

    assert (state.name, state.message) == ("Completed", "1 of 1 node seen")
    assert json.loads((tmp_path / "world/services.json").read_text())["piha/web"]["status"] == "healthy"


def test_an_inventory_that_cannot_be_read_ends_the_run_as_failed(tmp_path):
    from flows.observe import observe

    assert observe(inventory=tmp_path, world=tmp_path / "world", return_state=True).is_failed()
