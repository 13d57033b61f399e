"""The kept worlds of a period judged again under other rules: what would have been recommended instead."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TypeVar

from flows.ledger.archive import open_archive
from flows.past.day import group_days, join_days, stretch
from flows.past.make_days import map_days
from flows.past.replay import Comparison, Replayer, compare, join_pairs
from flows.past.sources import choose_inventories, find_snapshots, make_judge, open_snapshots
from flows.settings import Settings
from schemas.rules import Rules

Result = TypeVar("Result")
Advance = Callable[[int], None]


def compare_rules(
    settings: Settings,
    other: Rules,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    source: Path | None = None,
    inventory_git: Path | None = None,
    zone: tzinfo = UTC,
    jobs: int | None = None,
    show: Callable[[int], AbstractContextManager[Advance]] = lambda _: nullcontext(lambda _: None),
) -> Comparison:
    """Return what differs between the settings' rules and others; `source` are snapshots in place of our archive.

    `show` is given the number of stretches of days, and gives what is called with each part of them that is done. Raises what
    reading the snapshots raises.
    """
    if source is None:
        with open_archive(settings.state_dir):
            pass
    with open_snapshots((source or settings.state_dir).absolute(), settings.limits, zone) as snapshots:
        jobs = jobs or os.cpu_count() or 1
        days = [join_days(part) for part in stretch(group_days(find_snapshots(snapshots, since, until)), jobs)]
        snapshots.close()
        inventories = choose_inventories(settings, inventory_git, snapshots)
        work = Replayer(
            make_judge(settings, snapshots, inventories), make_judge(settings, snapshots, inventories, other)
        )
        with show(len(days)) as advance:
            both = join_pairs(_counted(map_days(work, days, jobs), advance))
        work.before.close()
    return compare(both, settings.longest_span)


def _counted(results: Iterable[Result], advance: Advance) -> Iterator[Result]:
    for result in results:
        advance(1)
        yield result
