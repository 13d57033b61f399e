"""The stages and the plain script, which share no code, come to the same on the same input."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from benchmarks.fleet import AS_OF, write_fleet
from benchmarks.peers import plain
from schemas.actual import Actual, ActualNode
from schemas.desired import Desired
from schemas.words import Outcome
from tests import frames
from tests.examples import HOMELAB, example_names, load_expected

COLUMNS = (
    "recommendation_id",
    "event_type",
    "action",
    "severity",
    "node",
    "service",
    "blast_radius",
    "root_causes",
    "causing_kinds",
)
SETTINGS = yaml.safe_load((HOMELAB / "supervisor.yaml").read_text(encoding="utf-8"))


@dataclass
class Case:
    """One input, and the rules that differ from the default."""

    inventory: Path
    world: Path
    as_of: datetime
    aliases: dict[str, str]
    rules: dict[str, Any]

    def judged_plainly(self) -> tuple[Any, ...]:
        rules = {"node_alias_map": self.aliases, **self.rules}
        outcome = plain.judge(self.inventory, self.world, self.as_of, rules, "c")
        recommendations = [tuple(row[name] for name in COLUMNS) for row in outcome["recommendations"]]
        drift = [tuple(row.values()) for row in outcome["drift"]]
        return outcome["summary"]["state"], sorted(drift, key=repr), sorted(recommendations)

    def judged_by_the_stages(self) -> tuple[Any, ...]:
        desired = desired_frames(plain.read_inventory(self.inventory, "c"))
        actual = actual_frames(plain.read_world(self.world, self.aliases), self.as_of)
        judgement = frames.judged(desired, actual, **self.rules)
        drift = judgement.drift.select("kind", "node", "service", "severity", "held_by")
        recommendations = judgement.recommendations.select(COLUMNS)
        state = judgement.summary["state"].item()
        return state, sorted(drift.iter_rows(), key=repr), sorted(recommendations.iter_rows())


def desired_frames(desired: plain.Desired) -> Desired:
    return frames.desired(
        *({"node": n, "service": s, "is_monitored": flag} for (n, s), flag in desired.services.items()),
        nodes=[{"node": node, "is_intermittent": flag} for node, flag in desired.nodes.items()],
        needs=[
            {"node": n, "service": s, "dependency": name, "scope": scope}
            for (n, s), dependencies in desired.dependencies.items()
            for scope, name in dict.fromkeys(dependencies)
        ],
    )


def actual_frames(actual: plain.Actual, as_of: datetime) -> Actual:
    nodes = [{"node": node, **observed(record)} for node, record in actual.nodes.items()]
    rejected = [{"node": node, "file": "nodes.json", "key": node} for node in actual.unreadable_nodes]
    rejected += [{"node": n, "service": s, "key": f"{n}/{s}"} for n, s in actual.unreadable_services]
    built = frames.actual(
        *({"node": n, "service": s, **observed(record)} for (n, s), record in actual.services.items()),
        nodes=nodes,
        deployments=[
            {"node": n, "service": s, "status": plain.status_of(row), "begun_at": row["begun_at"]}
            for (n, s), rows in actual.deployments.items()
            for row in rows
        ],
        incidents=[incident_row(row) for row in actual.incidents],
        rejected=rejected,
        as_of=as_of,
        last_update_at=actual.world_at,
    )
    has_record = pl.col("node").is_in([row["node"] for row in nodes])
    return built._replace(nodes=ActualNode.validate(built.nodes.filter(has_record)))


def observed(record: dict[str, Any]) -> dict[str, Any]:
    return {"status": plain.status_of(record), "last_seen_at": plain.moment(record.get("last_seen"))}


def incident_row(incident: dict[str, Any]) -> dict[str, Any]:
    node, service = incident["target"]
    words = {name: incident.get(name) for name in ("severity", "trigger_type")}
    return {"node": node, "service": service, "status": plain.status_of(incident), "key": incident["id"], **words}


@pytest.mark.parametrize("name", [name for name in example_names() if load_expected(name).outcome == Outcome.COMPLETED])
def test_on_the_homelab(name: str) -> None:
    expected = load_expected(name)
    case = Case(HOMELAB, expected.world, expected.as_of, SETTINGS["node_alias_map"], expected.settings)

    assert case.judged_by_the_stages() == case.judged_plainly()


@pytest.mark.parametrize("later", [timedelta(), timedelta(minutes=12), timedelta(hours=2)], ids=str)
@pytest.mark.parametrize(("nodes", "services", "seed"), [(1, 3, 1), (12, 30, 2), (50, 20, 3), (90, 25, 4)])
def test_on_generated_fleets(tmp_path: Path, nodes: int, services: int, seed: int, later: timedelta) -> None:
    fleet = write_fleet(tmp_path, nodes, services, seed)
    case = Case(tmp_path, fleet.world, AS_OF + later, fleet.rules["node_alias_map"], {"report_unexpected": seed == 3})

    assert case.judged_by_the_stages() == case.judged_plainly()
