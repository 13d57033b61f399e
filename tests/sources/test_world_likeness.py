"""A world that says the same as the one before, only later, is passed over; one that cannot be read never is."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.sources.world.files import NODES, SERVICES, WorldFiles
from flows.sources.world.likeness import part_worlds
from schemas.limits import Limits
from schemas.rules import Rules

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
FIELD, MOMENT = '"last_seen": ', 1780487940
SOUND = f'{{"vps": {{"status": "online", {FIELD}{MOMENT}}}}}'


def world(minutes, nodes):
    as_of = NOON + timedelta(minutes=minutes)
    return WorldFiles(as_of, {NODES: nodes.encode(), SERVICES: b"{}"}, as_of)


@pytest.mark.parametrize(
    ("nodes", "is_passed_over"),
    [
        pytest.param(SOUND.replace(f"{MOMENT}", f"{MOMENT + 60}"), True, id="the same, a minute later"),
        pytest.param(SOUND.replace(f"{FIELD}{MOMENT}", "\0"), False, id="a zero byte in the place of a time"),
        pytest.param(SOUND.replace(FIELD, FIELD + "\f"), False, id="a form feed, which no JSON has"),
    ],
)
def test_a_world_that_says_the_same_is_passed_over(nodes, is_passed_over):
    parted = part_worlds([world(0, SOUND), world(1, nodes)], Rules(), Limits())

    assert len(parted.later) == is_passed_over


@pytest.mark.parametrize(("most_values", "is_passed_over"), [(4, False), (2_000_000, True)])
def test_a_world_that_may_have_too_many_values_is_looked_at(most_values, is_passed_over):
    later = SOUND.replace(f"{MOMENT}", '"Wed, 03 Jun 2026 11:59:30 GMT"')

    parted = part_worlds([world(0, SOUND), world(1, later)], Rules(), Limits(max_other_values=most_values))

    assert len(parted.later) == is_passed_over
