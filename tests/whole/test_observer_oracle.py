"""The observer and the oracle, which share no code, come to the same records from the same answers.

`CASES=5000 pytest -m slow tests/whole/test_observer_oracle.py` tries so many nodes, each with a past of ten looks.
"""

import os
from pathlib import Path

import pytest

from tests.observer_oracle.against import compare
from tests.observer_oracle.rules import RULES
from tests.observer_oracle.words import reached

CASES = int(os.environ.get("CASES", "900"))
NODES, LOOKS = 90, 10
SEEDS = (303, 314)
"""Fleets that reach every rule between them."""


def test_the_same_answers_come_to_the_same_world(tmp_path: Path) -> None:
    reached.clear()
    for seed in SEEDS:
        assert compare(seed, NODES, LOOKS, tmp_path / str(seed)) == []

    assert set(reached) == RULES


@pytest.mark.slow
def test_so_do_those_of_random_fleets(tmp_path: Path) -> None:
    for seed in range(-(-CASES // NODES)):
        assert compare(seed, NODES, LOOKS, tmp_path / str(seed)) == []
