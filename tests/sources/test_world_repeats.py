"""A file that says the same as an earlier one, only later, comes to what it comes to alone."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from flows.sources.world import repeats
from flows.sources.world.actual import decode_readable_worlds
from flows.sources.world.files import DEPLOYMENTS, INCIDENTS, NODES, SERVICES, WorldFiles
from schemas.limits import Limits

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
ALIASES = {"box": "piha"}
KNOWN = frozenset({"piha", "vps"})
LIMITS = Limits(max_rejected_records=2)


def world(minutes, **files):
    contents = {NODES: "{}", SERVICES: "{}"} | {f"{name}.json": text for name, text in files.items()}
    as_of = NOON + timedelta(minutes=minutes)
    return WorldFiles(as_of, {name: text.encode() for name, text in contents.items()}, as_of)


def decode(worlds, limits=LIMITS):
    decoded = decode_readable_worlds(worlds, ALIASES, KNOWN, limits)
    return decoded.actual, decoded.unreadable


def decode_alone(worlds):
    """Return the same, with each world read as if there were no other."""
    alone = [decode([one]) for one in sorted(worlds, key=lambda one: one.as_of)]
    frames = [pl.concat(parts) for parts in zip(*(actual for actual, _ in alone), strict=True)]
    return frames, tuple(one for _, unreadable in alone for one in unreadable)


def count_repeats(worlds):
    """Return how many files were not read again, once it came to the same."""
    found = []

    def counted(self, again, as_of_us):
        found.append(again)
        return add(self, again, as_of_us)

    add = repeats.Repeats.add
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats.Repeats, "add", counted)
        actual, unreadable = decode(worlds)
    frames, alone = decode_alone(worlds)
    for name, together, apart in zip(actual._fields, actual, frames, strict=True):
        assert together.equals(apart), name
    assert sorted(unreadable) == sorted(alone)
    return len(found)


TIMES = ['"2026-06-03T11:50:00Z"', '"2026-06-03T11:58:00Z"', "1780487940", "1780487940.25", '"2026-06-03T12:04:30Z"']
ODD_TIMES = ["null", "0", '"soon"', '"2031-01-01T00:00:00Z"', "1e999", "01", "[5]", '"\\u0035"', '"\u00a01780487940"']
LOOKS = st.sampled_from(TIMES) | st.sampled_from([*TIMES, *ODD_TIMES, ""])
FIELDS = st.sampled_from(
    [
        '"status": "healthy"',
        '"status": "Exited (1)", "since": "2026-06-03T12:01:00Z"',
        '"status": "up", "of": {"last_seen": 1780487940}',
        '"status": "last_seen"',
        '"status": "up", "last_seen": 5',
        '"state": 5',
    ]
)


def shapes(*keys):
    """Records without their moving times."""
    return st.lists(st.tuples(st.sampled_from(keys), FIELDS), min_size=1, max_size=3, unique_by=lambda one: one[0])


def write(shape, looks):
    ends = [f', "last_seen": {look}' if look else "" for look in looks]
    return f"{{{', '.join(f'{chr(34)}{key}{chr(34)}: {{{fields}{end}}}' for (key, fields), end in zip(shape, ends, strict=False))}}}"


@st.composite
def pasts(draw):
    """Worlds of one shape or two, each looked at several times."""
    nodes, services = shapes("piha", "vps", "vps.lan"), shapes("piha/web", "vps/db", "box/db", "PIHA.lan/db", "piha")
    some_nodes, some_services = (draw(st.lists(of, min_size=1, max_size=2)) for of in (nodes, services))
    looks = st.lists(LOOKS, min_size=3, max_size=3)
    others = st.sampled_from(
        [
            '{"d": {"node": "vps", "service": "db", "status": "running", "started_at": "2026-06-03T12:02:00Z"}}',
            '{"d": {"node": "vps", "service": "db", "status": "done"}, "e": {"node": "box.lan", "service": "web"}}',
            '[{"id": "i", "node": "piha", "status": "active", "last_seen": 5}]',
            "{",
        ]
    )
    return [
        world(
            at,
            nodes=write(draw(st.sampled_from(some_nodes)), draw(looks)),
            services=write(draw(st.sampled_from(some_services)), draw(looks)),
            deployments=draw(others),
            incidents=draw(others),
        )
        for at in draw(st.lists(st.integers(0, 9), min_size=3, max_size=6, unique=True))
    ]


def test_it_comes_to_the_same_whatever_it_says():
    counts = []

    @given(pasts())
    def compare(worlds):
        counts.append(count_repeats(worlds))
        event(f"{min(counts[-1], 3)} or more repeated")

    compare()
    assert sum(count > 0 for count in counts) > len(counts) / 4


@pytest.mark.parametrize("moves", [NODES, SERVICES])
def test_what_moves_by_its_times_alone_is_read_once(moves):
    key = "vps" if moves == NODES else "vps/db"
    texts = [f'{{"{key}": {{"status": "up", "last_seen": {time}}}}}' for time in TIMES[:4]]
    worlds = [world(at, **{moves.removesuffix(".json"): text}) for at, text in enumerate(texts)]

    assert count_repeats(worlds) == 3 + 3, "of this file, and of the empty other one"


def test_what_has_no_time_stays_without_one():
    texts = [f'{{"piha": {{"last_seen": null}}, "vps": {{"last_seen": {time}}}, "x": {{}}}}' for time in TIMES[:2]]

    assert count_repeats([world(at, nodes=text) for at, text in enumerate(texts)]) == 1 + 1


@pytest.mark.parametrize(
    ("minutes", "count"),
    [pytest.param([1, 9, 10], 1, id="in doubt at first"), pytest.param([9, 1], 0, id="in doubt in an earlier world")],
)
@pytest.mark.parametrize("stays", [DEPLOYMENTS, INCIDENTS])
def test_what_stays_is_read_once_unless_a_time_of_it_is_in_doubt(stays, minutes, count):
    text = '{"x": {"node": "vps", "service": "db", "started_at": "2026-06-03T12:08:00Z"}}'
    of_empty_files = 2 * (len(minutes) - 1) if minutes == sorted(minutes) else 0

    assert count_repeats([world(at, **{stays.removesuffix(".json"): text}) for at in minutes]) == of_empty_files + count


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param("1780487940", "1e999", id="no number of JSON"),
        pytest.param("1780487940", '"2031-01-01T00:00:00Z"', id="yet to come"),
        pytest.param("1780487940", "null", id="none"),
        pytest.param('"soon"', '"later"', id="no time"),
        pytest.param('"\\u0031780487940"', '"\\u0031780487941"', id="escaped"),
    ],
)
def test_what_is_unusual_is_read_each_time(first, then):
    worlds = [world(at, nodes=f'{{"vps": {{"last_seen": {time}}}}}') for at, time in enumerate((first, then))]

    assert count_repeats(worlds) == 1, "of the empty services.json"


@pytest.mark.parametrize("blank", ["\f", "\v"])
@pytest.mark.parametrize("text", ['{{"vps": {{"last_seen"{}: {}}}}}', '{{"vps": {{"last_seen":{}{}}}}}'])
def test_a_blank_that_json_does_not_have_makes_a_file_unreadable_each_time(text, blank):
    worlds = [world(at, nodes=text.format(*how)) for at, how in enumerate((("", 1780487940), (blank, 1780487941)))]

    assert count_repeats(worlds) == 0
    assert len(decode(worlds)[1]) == 1


def test_a_time_within_a_record_is_not_taken_for_its_own():
    inner = [f'{{"vps": {{"of": {{"last_seen": {time}}}, "last_seen": "\u00a01780487940"}}}}' for time in TIMES[2:4]]
    plain = [json.dumps({"vps": {"of": {"last_seen": 5}, "last_seen": 1780487940 + n}}) for n in range(2)]

    assert [count_repeats([world(n, nodes=text) for n, text in enumerate(texts)]) for texts in (inner, plain)] == [1, 1]


@pytest.mark.parametrize(
    ("file", "key", "limits"),
    [(NODES, "vps", Limits(max_other_values=3)), (SERVICES, "vps/db", Limits(max_json_values=3))],
)
def test_a_time_that_is_written_with_a_comma_counts_as_more_values(file, key, limits):
    looks = ("1780487940", '"Wed, 03 Jun 2026 11:59:30 GMT"')
    texts = [f'{{"{key}": {{"status": "up", "last_seen": {look}}}}}' for look in looks]
    worlds = [world(at, **{file.removesuffix(".json"): text}) for at, text in enumerate(texts)]

    assert [fault.problem.partition(";")[0] for fault in decode(worlds, limits)[1]] == [
        f"{file}: about 4 values, over the limit of 3"
    ]


def test_a_world_that_is_refused_leaves_nothing_behind():
    sound, spoilt = '{"vps": {"last_seen": 1780487940}}', '{"a": 1, "b": 2, "c": 3}'
    worlds = [world(0, nodes=sound, services=spoilt), world(1, nodes=sound), world(2, nodes=sound, services=spoilt)]

    assert count_repeats([*worlds, world(3, nodes=sound)]) == 1 + 2
