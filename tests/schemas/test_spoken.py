"""Durations and counts: one style, whether a screen, a message or a sentence about a drift says them."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.expressions import spoken_age
from schemas.spoken import STEPS, count, spoken


@pytest.mark.parametrize(
    ("age_s", "said"),
    [
        (-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (4920, "1 h 22 min"),
        (86_399, "23 h 59 min"), (86_400, "1 d"), (100_800, "1 d 4 h"), (14 * 86_400 + 7200, "14 d"),
    ],
)  # fmt: skip
def test_a_duration_has_its_two_largest_units(age_s, said):
    assert spoken(age_s) == said


BOUNDS = [step.limit_s for step in STEPS[:-1]]
AGES = st.one_of(
    st.floats(-100, 1e9, allow_nan=False),
    st.builds(lambda bound, off: bound + off, st.sampled_from(BOUNDS), st.sampled_from([-1, -0.5, 0, 0.5, 60, 3600])),
)


@given(st.lists(AGES, min_size=1, max_size=30))
def test_frames_and_functions_say_a_duration_alike(ages):
    column = pl.DataFrame({"age_s": ages}, schema={"age_s": pl.Float64}).select(spoken_age(pl.col("age_s")))

    assert column.to_series().to_list() == [spoken(age) for age in ages]


def test_an_unknown_duration_is_not_said():
    assert (
        pl.DataFrame({"age_s": [None]}, schema={"age_s": pl.Float64}).select(spoken_age(pl.col("age_s"))).item() is None
    )


def test_a_count_has_its_plural():
    said = (count(1, "episode"), count(0, "episode"), count(1024, "service"))

    assert said == ("1 episode", "0 episodes", "1,024 services")
