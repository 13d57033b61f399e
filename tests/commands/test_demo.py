"""`supervisor demo`: the example is in the package, whole, and its evening has a past."""

from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.cli import _run
from flows.commands.completion import complete_target
from flows.errors import EmitError
from flows.ledger.checkpoint import read_known
from flows.past.example import EVENING, write_homelab
from tests.helpers.examples import HOMELAB

PARTS = ("hosts", "inventory", "services", "world", "world-nominal")


def test_the_package_has_all_of_the_example():
    packed = Path(str(files("flows.past") / "homelab"))
    wanted = {
        path.relative_to(HOMELAB): path.read_bytes()
        for part in PARTS
        for path in (HOMELAB / part).rglob("*.*")
        if path.is_file()
    }

    assert {path: (packed / path).read_bytes() for path in wanted if (packed / path).exists()} == wanted


def test_an_example_that_cannot_be_written_says_why_and_is_known_for_unfinished(tmp_path):
    (tmp_path / "homelab").mkdir()
    (tmp_path / "homelab/README.md").symlink_to(tmp_path / "nowhere/README.md")

    with pytest.raises(EmitError, match=r"the example cannot be written: .*homelab/README.md'; make room"):
        write_homelab(tmp_path, "supervisor.yaml.making")

    assert (tmp_path / "supervisor.yaml.making").exists()  # by which the next 'demo' begins anew


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of a demo without a month before it."""
    folder = tmp_path_factory.mktemp("made") / "demo"
    assert _run(["demo", str(folder), "--days", "0"]) == 0
    return folder


@pytest.mark.slow
def test_the_evening_has_a_past(made):
    known = read_known(made / "supervisor-checkpoint.json")
    ages = {episode.recommendation_id: EVENING - episode.opened_at for episode in known.episodes.values()}

    assert known.last_run.as_of == EVENING
    assert ages["container-restart-piha-mosquitto"] == timedelta(minutes=32)
    assert ages["failover-review-saturn-all"] == timedelta(minutes=18)
    assert timedelta(0) not in ages.values()


def test_its_world_is_that_of_the_example_at_last(made):
    import json

    for path in (HOMELAB / "world").glob("*.json"):
        assert json.loads((made / "homelab/world" / path.name).read_text()) == json.loads(path.read_text())


def test_what_is_there_already_is_not_touched(tmp_path, capsys):
    (tmp_path / "mine").write_text("x")

    assert _run(["demo", str(tmp_path)]) == 1
    assert "expected a folder that is empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_shell_offers_every_service_of_the_inventory(made):
    typed = SimpleNamespace(params={"config": made / "supervisor.yaml"})

    assert complete_target(typed, "saturn/r") == ["saturn/restic-server"]
    assert {"piha", "piha/node-agent", "saturn"} <= set(complete_target(typed, ""))


@pytest.mark.parametrize(
    ("asked", "meant"),
    [(["--node", "piah"], "piha"), (["--node", "piha", "--service", "mosquito"], "mosquitto")],
)
def test_a_misspelt_name_in_the_history_is_asked_about(made, capsys, asked, meant):
    assert _run(["history", "--config", str(made / "supervisor.yaml"), "--until", "2026-06-04", *asked]) == 0
    assert f"did you mean '{meant}'?" in capsys.readouterr().err


def test_what_if_is_markdown_for_a_pipe(made, capsys):
    places = ["--config", str(made / "supervisor.yaml"), "--inventory", str(made / "homelab")]
    assert _run(["what-if", *places, "--as-of", EVENING.isoformat()]) == 0
    assert capsys.readouterr().out.startswith("## What would change")
