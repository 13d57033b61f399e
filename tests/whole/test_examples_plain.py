"""The homelab's worlds, judged by the plain script, come to what was written down by hand."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from benchmarks.peers.plain import UnreadableWorldError, judge
from schemas.words import Action, DriftKind, EventType, HeldBy, Outcome, Severity, State
from tests.helpers.examples import (
    HOMELAB,
    ExpectedDrift,
    ExpectedRecommendation,
    example_names,
    inventory_of,
    load_expected,
)
from tests.helpers.own_yaml import read_yaml

COMPLETED = [name for name in example_names() if load_expected(name).outcome == Outcome.COMPLETED]
SETTINGS = read_yaml(HOMELAB / "supervisor.yaml")


@cache
def judged(name: str) -> dict[str, Any]:
    expected = load_expected(name)
    with TemporaryDirectory() as folder:
        inventory = inventory_of(expected, Path(folder))
        return judge(inventory, expected.world, expected.as_of, SETTINGS | expected.settings, "c")


@pytest.mark.parametrize("name", COMPLETED)
def test_the_drift_is_the_expected(name: str) -> None:
    drift = [ExpectedDrift(**row) for row in judged(name)["drift"]]

    assert sorted(drift, key=repr) == load_expected(name).drift


@pytest.mark.parametrize("name", COMPLETED)
def test_the_recommendations_are_the_expected(name: str) -> None:
    rows = judged(name)["recommendations"]
    columns = ExpectedRecommendation._fields
    recommendations = sorted(ExpectedRecommendation(*(row[column] for column in columns)) for row in rows)

    assert recommendations == load_expected(name).recommendations


@pytest.mark.parametrize("name", COMPLETED)
def test_the_state_is_the_expected(name: str) -> None:
    assert judged(name)["summary"]["state"] == load_expected(name).state


def test_a_torn_world_is_unreadable() -> None:
    expected = load_expected("world-torn")

    with pytest.raises(UnreadableWorldError):
        judge(HOMELAB, expected.world, expected.as_of, SETTINGS, "c")
    assert expected.outcome == Outcome.SKIPPED


def test_after_the_bad_evening_every_episode_is_resolved() -> None:
    nominal = load_expected("world-nominal")
    evening = load_expected(nominal.after or "")

    assert [row.recommendation_id for row in nominal.resolved] == [
        row.recommendation_id for row in evening.recommendations
    ]
    assert nominal.drift == []


def test_every_world_has_its_expected_outcome() -> None:
    assert {path.name for path in HOMELAB.glob("world*")} == set(example_names())


def test_every_drift_kind_and_explanation_is_seen() -> None:
    drift = [row for name in COMPLETED for row in load_expected(name).drift]

    assert {row.kind for row in drift} == set(DriftKind)
    assert {row.kind for row in drift if row.held_by is None} == set(DriftKind)
    assert {row.held_by for row in drift} - {None} == set(HeldBy)


def test_every_action_and_event_type_is_seen() -> None:
    recommendations = [row for name in COMPLETED for row in judged(name)["recommendations"]]
    resolved = [row.event_type for name in COMPLETED for row in load_expected(name).resolved]

    assert {row["action"] for row in recommendations} == set(Action)
    assert {row["event_type"] for row in recommendations} | set(resolved) == set(EventType)


def test_every_severity_and_state_is_seen() -> None:
    recommendations = [row for name in COMPLETED for row in judged(name)["recommendations"]]

    assert {row["severity"] for row in recommendations} == set(Severity)
    assert {judged(name)["summary"]["state"] for name in COMPLETED} == set(State)
