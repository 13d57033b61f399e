"""A short run of each fuzz target from a fixed seed, and everything that longer runs found."""

from random import Random

import pytest

from tests.fuzz.mutate import mutate
from tests.fuzz.targets import CORPUS, TARGETS, starting_points

EXECUTIONS = 150


@pytest.mark.fault("SEC-013")
@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_give_a_result_or_an_error_of_ours(name):
    random, seeds = Random(name), starting_points(name)
    for _ in range(EXECUTIONS):
        TARGETS[name](mutate(random, seeds))


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*-*")), ids=lambda path: path.name)
def test_what_was_found_is_found_no_more(path):
    TARGETS[path.name.partition("-")[0]](path.read_bytes())
