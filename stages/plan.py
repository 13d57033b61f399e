"""Planned absence: which maintenance windows are open at the moment of each snapshot (SEMANTICS 2)."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import polars as pl

from schemas.desired import MaintenanceWindow
from schemas.frame import DataFrame, dtypes
from schemas.planned import Planned
from schemas.schedule import find_end
from schemas.window import Window, is_open

FIELDS = ("from_min", "to_min", "first_on", "last_on", "zone")


def plan_absence(windows: DataFrame[MaintenanceWindow], moments: Collection[datetime]) -> DataFrame[Planned]:
    """Return one row for each service, node or fleet with an open window at each moment, sorted by these.

    A calendar is no column's business: each window is asked, and there are few.
    """
    given = [(row["node"], row["service"], _to_window(row)) for row in windows.iter_rows(named=True)]
    found: dict[tuple[datetime, str | None, str | None], list[datetime | None]] = {}
    for as_of in moments if given else ():
        for node, service, window in given:
            if is_open(window, as_of):
                found.setdefault((as_of, node, service), []).append(find_end(window, as_of))
    rows = [(*key, _latest(ends)) for key, ends in found.items()]
    planned = pl.DataFrame(rows, schema=dtypes(Planned), orient="row")
    return Planned.validate(planned.sort("as_of", "node", "service", nulls_last=False))


def _to_window(row: dict[str, Any]) -> Window:
    return Window(days=frozenset(row["days"]), **{name: row[name] for name in FIELDS})


def _latest(ends: Iterable[datetime | None]) -> datetime | None:
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(list(ends)) else None
