"""The homelab's worlds, reconciled by the real command, come to what was written down by hand."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from schemas.words import Outcome, Resolution, Transition
from tests.helpers.examples import (
    HOMELAB,
    ExpectedDrift,
    ExpectedRecommendation,
    ExpectedResolution,
    example_names,
    inventory_of,
    load_expected,
)
from tests.helpers.own_yaml import read_yaml
from tests.helpers.program import call

COMPLETED = [name for name in example_names() if load_expected(name).outcome == Outcome.COMPLETED]


def reconcile(name: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Reconcile one world of the homelab, with its settings, and everything that is written below the folder."""
    expected = load_expected(name)
    settings = read_yaml(HOMELAB / "supervisor.yaml") | expected.settings
    config = folder / "supervisor.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    places = {"event-log": "events.log", "checkpoint": "checkpoint.json", "state-dir": "state"}
    given = [part for option, place in places.items() for part in (f"--{option}", str(folder / place))]
    command = [
        "reconcile",
        "--inventory",
        str(inventory_of(expected, folder)),
        "--world",
        str(expected.world),
    ]
    moment = ["--as-of", expected.as_of.isoformat(), "--config", str(config), "--format", "json"]
    return call(*command, *moment, *given, *options)


@pytest.fixture(scope="module", params=COMPLETED)
def example(request, tmp_path_factory):
    """Return what is expected of a world, and the document of a run over it."""
    ran = reconcile(request.param, tmp_path_factory.mktemp(request.param), "--dry-run")
    return load_expected(request.param), json.loads(ran.stdout), ran.returncode


def test_the_drift_is_the_expected(example):
    expected, document, _ = example
    drift = [ExpectedDrift(*(row[column] for column in ExpectedDrift._fields)) for row in document["drift"]]

    assert sorted(drift, key=repr) == expected.drift


def test_the_recommendations_are_the_expected(example):
    expected, document, _ = example
    columns = ExpectedRecommendation._fields
    rows = [ExpectedRecommendation(*(row[column] for column in columns)) for row in document["recommendations"]]

    assert sorted(rows) == expected.recommendations


def test_the_state_and_the_exit_code_are_the_expected(example):
    expected, document, exit_code = example

    assert document["summary"]["state"] == expected.state
    assert exit_code == {"nominal": 0, "reconciling": 0, "degraded": 2, "unstable": 2}[expected.state]


def test_a_torn_world_skips_the_run_and_writes_no_event(tmp_path):
    ran = reconcile("world-torn", tmp_path)

    assert ran.returncode == 3
    assert "services.json" in json.loads(ran.stdout)["error"]
    assert not (tmp_path / "events.log").exists()


@pytest.mark.parametrize("name", [name for name in example_names() if load_expected(name).after])
def test_a_later_world_resolves_the_episodes_of_an_earlier_one(name, tmp_path):
    expected = load_expected(name)
    reconcile(str(expected.after), tmp_path)
    before = len((tmp_path / "events.log").read_text().splitlines())
    reconcile(name, tmp_path)

    events = [json.loads(line) for line in (tmp_path / "events.log").read_text().splitlines()[before:]]
    resolved = [
        ExpectedResolution(event["payload"]["recommendation_id"], event["type"], event["payload"]["resolution"])
        for event in events
        if event["payload"]["transition"] == Transition.RESOLVED
    ]
    assert sorted(resolved) == expected.resolved


def test_every_way_in_which_an_episode_ends_is_seen():
    seen = {row.resolution for name in COMPLETED for row in load_expected(name).resolved}

    assert seen == {*Resolution}


def test_the_same_run_again_writes_the_same_and_no_event(tmp_path):
    first = reconcile("world", tmp_path)
    log = (tmp_path / "events.log").read_bytes()
    again = reconcile("world", tmp_path)

    assert (tmp_path / "events.log").read_bytes() == log
    assert json.loads(again.stdout)["recommendations"] == json.loads(first.stdout)["recommendations"]
