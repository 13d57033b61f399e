"""The supervisor's `decide` and the oracle, which share no code, come to the same on the same cases.

`CASES=5000 pytest tests/whole/test_policy_oracle.py` tries so many, of random fleets, policies and pasts.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.policy_oracle.against import compare, make_world

CASES = int(os.environ.get("CASES", "0"))
PER_WORLD = 12
WORLDS = (6, 2, 23, 28, 21)
"""Worlds in which twelve pasts each reach what is asked for below."""
REACHED = {
    "policy_invalid", "ledger_broken", "clock_behind", "halted", "stale_world", "too_many_unhealthy", "storm", "held",
    "acknowledged", "not_allowed", "needs_human", "flapping", "act_after", "start_grace", "busy", "quorum",
    "needs:other_instance_healthy", "needs:no_open_incident", "needs:disk", "window", "cooldown", "breaker",
    "collateral", "rate_target", "rate_node", "rate_fleet", "budget", "approval", "refused",
}  # fmt: skip
OUTCOMES = {
    "no_effect", "not_collected", "superseded", "worse", "recovered", "explained", "not_recovered", "unknown",
    "relapsed", "lasted", "reset", "desired_changed",
}  # fmt: skip
"""Of attempts, and of problems."""
VERDICTS = {"none", "observe", "suggest", "refuse", "wait", "ask", "start"}


@pytest.mark.slow
def test_on_random_cases(tmp_path: Path) -> None:
    worlds = range(-(-CASES // PER_WORLD)) if CASES else WORLDS
    guards: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for number in worlds:
        world = make_world(number, tmp_path / "fleet")
        for place in range(PER_WORLD):
            compared = compare(world, number * PER_WORLD + place)

            assert compared.differences == [], f"world {number}, past {number * PER_WORLD + place}"
            verdicts.update(row["verdict"] for row in compared.decisions)
            guards.update(name for row in compared.decisions for name in row["guards"])
            outcomes.update(written[-1] for written in compared.written)
    assert set(guards) >= REACHED
    assert set(verdicts) >= VERDICTS
    assert set(outcomes) >= OUTCOMES
