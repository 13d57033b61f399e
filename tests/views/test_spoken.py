"""How people read durations, times, shares and names: one style, whatever the surface."""

from datetime import UTC, datetime

import pytest

from flows.text.spoken import (
    percent,
    read_zone,
    spoken_moment,
    spoken_target,
    spoken_text,
    spoken_within,
    use_zone,
    with_article,
)
from schemas.words import Action, DriftKind

EVENING = datetime(2026, 6, 3, 19, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ratio", "observed_s", "said"),
    [
        (0.98765, 600, "98 %"), (0.98765, 86_400, "98.7 %"), (0.98765, 30 * 86_400, "98.76 %"),
        (0.99999, 600, "99 %"), (1.0, 30 * 86_400, "100.00 %"), (0.29, 600, "29 %"),
    ],
)  # fmt: skip
def test_a_share_has_no_more_digits_than_its_time_can_tell(ratio, observed_s, said):
    assert percent(ratio, observed_s) == said


@pytest.fixture
def in_berlin():
    use_zone(read_zone("Europe/Berlin"))
    yield
    use_zone(UTC)


def test_people_read_times_in_their_zone(in_berlin):
    assert spoken_moment(EVENING) == "2026-06-03 21:42 CEST"
    assert spoken_text("2026-12-03T19:42:00Z") == "2026-12-03 20:42 CET"


def test_moments_within_a_sentence_are_read_in_their_zone_too(in_berlin):
    told = spoken_within("this world, of 2026-06-03T18:18:30.601678Z, is older; 2026-06-03T1 is none")

    assert told == "this world, of 2026-06-03 20:18 CEST, is older; 2026-06-03T1 is none"


def test_a_zone_that_is_none_is_refused():
    with pytest.raises(ValueError, match="Europe/Berlin"):
        read_zone("Europe/Berlim")


def test_a_node_is_called_by_its_name_alone():
    assert (spoken_target("saturn", "all"), spoken_target("piha", "web")) == ("saturn", "piha/web")


@pytest.mark.parametrize("word", [*Action, *DriftKind])
def test_an_article_goes_with_its_word(word):
    assert with_article(word).startswith("an " if word[0] in "aeiou" else "a ")
