"""The supervisor and the plain script, which share no code, come to the same on the same files."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fleet import AS_OF, write_fleet
from benchmarks.peers import plain
from flows.render.document import to_json
from tests.helpers.comparison import compare, differences
from tests.helpers.coverage import LINES, lines_reached
from tests.helpers.real_run import run_in
from tests.helpers.thorough import IS_THOROUGH

pytestmark = pytest.mark.wide

RICH = (21, 50, 25, 36, 40, 5, 37, 11, 17, 7, 16, 53, 64, 4, 12, 14)
"""Fleets that between them reach nearly all lines of the specification that any of the first eighty do."""
FLEETS = range(60) if IS_THOROUGH else RICH


@pytest.mark.slow
def test_on_random_fleets(tmp_path: Path) -> None:
    reached: Counter[str] = Counter()
    for seed in FLEETS:
        compared = compare(seed, tmp_path / "fleet")

        assert compared.differences == [], f"seed {seed}: {compared.fleet.twists}"
        reached.update(lines_reached(compared.fleet, compared.found) if compared.found else [])
    assert len(reached) > 0.8 * len(LINES), [line for line in LINES if line not in reached]


@pytest.mark.parametrize(
    ("nodes", "services", "seed", "minutes"),
    [(1, 3, 1, 0), (12, 30, 2, 0), (12, 30, 2, 120), (50, 20, 3, 12), (90, 25, 4, 0)],
)
def test_on_generated_fleets(tmp_path: Path, nodes: int, services: int, seed: int, minutes: int) -> None:
    later = timedelta(minutes=minutes)
    fleet = write_fleet(tmp_path, nodes, services, seed)
    given: dict[str, Any] = {"node_alias_map": fleet.rules["node_alias_map"], "report_unexpected": seed == 3}
    report, _ = run_in(tmp_path, AS_OF + later, dry_run=True, world=fleet.world, **given)

    outcome = plain.judge(tmp_path, fleet.world, AS_OF + later, given, "c")
    assert differences(outcome, json.loads("".join(to_json(report)))) == []
