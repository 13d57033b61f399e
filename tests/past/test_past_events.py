"""The events of a backfill are, to the byte, those of live runs over the same worlds."""

import shutil
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.past.day import group_days
from flows.past.events import write_events
from flows.past.sources import choose_inventories, make_judge, open_snapshots
from flows.run.cycle import run_once
from flows.settings import Settings, load_settings
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, world, write
from tests.helpers.thorough import few_or

pytestmark = pytest.mark.wide

SERVICES = ["piha/web", "piha/db", "vps/web", "vps/mail"]
RULES = [
    {},
    {"emit_mode": "all"},
    {"reminder_interval": "1h"},
    {"open_after": {"missing_service": "20m", "unhealthy_service": "2 runs"}},
    {"flapping_diagnostics": True, "flapping_openings": 2},
]


class Seen(NamedTuple):
    """One snapshot: what is wrong in it, and how long after the one before it was made."""

    sick: frozenset[str]
    gone: frozenset[str]
    silent_s: int
    is_torn: bool
    minutes: int


moments = st.builds(
    Seen,
    sick=st.frozensets(st.sampled_from(SERVICES), max_size=2),
    gone=st.frozensets(st.sampled_from(SERVICES), max_size=2),
    silent_s=st.sampled_from([0, 0, 0, 600]),
    is_torn=st.sampled_from([False, False, False, True]),
    minutes=st.sampled_from([5, 5, 25, 24 * 60]),
)


def files_of(seen: Seen, moment: Any) -> dict[str, bytes]:
    there = [name for name in SERVICES if name not in seen.gone and name not in seen.sick]
    made = world(moment, *there, sick=sorted(seen.sick - seen.gone), silent_s=seen.silent_s)
    return {**made, "services.json": made["services.json"][:20]} if seen.is_torn else made


def write_past(folder: Path, past: list[Seen]) -> list[tuple[Any, Path]]:
    moment, kept = NOON, []
    for seen in past:
        moment += timedelta(minutes=seen.minutes)
        kept.append((moment, write(folder / f"{moment:%Y-%m-%dT%H%M%SZ}", files_of(seen, moment))))
    return kept


def run_live(given_settings: Settings, kept: list[tuple[Any, Path]]) -> bytes:
    for moment, folder in kept:
        shutil.rmtree(given_settings.world, ignore_errors=True)
        shutil.copytree(folder, given_settings.world)
        run_once(given_settings, moment)
    return given_settings.event_log.read_bytes() if given_settings.event_log.exists() else b""


def backfill(given_settings: Settings, source: Path) -> bytes:
    with open_snapshots(source, given_settings.limits) as snapshots:
        judge = make_judge(given_settings, snapshots, choose_inventories(given_settings, None, snapshots))
        write_events(source.parent / "past.log", judge, group_days(snapshots.list_snapshots()), given_settings)
    return (source.parent / "past.log").read_bytes()


OUTAGE = [Seen(frozenset(["piha/web"] if down else []), frozenset(), 0, False, 5) for down in (0, 1, 0, 1, 1, 0)]


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: next(iter(rules), "default"))
@settings(max_examples=few_or(3, few=1))
@given(past=st.lists(moments, min_size=3, max_size=6))
@example(past=OUTAGE)
def test_a_backfill_writes_the_events_of_live_runs(rules, past):
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "home", inventory(piha=["web", "db"], vps=["web", "mail"]))
        places = {
            "inventory": "home",
            "world": "world",
            "event_log": "log",
            "checkpoint": "point",
            "state_dir": "state",
        }
        paths = {key: folder / place for key, place in places.items()}
        chosen = load_settings({**paths, "limits": {"retries": 0}, **rules}, None).settings
        kept = write_past(folder / "kept", past)

        assert backfill(chosen, folder / "kept") == run_live(chosen, kept)
