"""What the report shows: the fleet as it is now, and its past where there is a history."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from flows.errors import InventoryError, WorldUnreadableError
from flows.past.study import Past, read_past
from flows.run.attention import Attention
from flows.run.gather import Inputs, read_inputs
from flows.settings import Settings
from flows.views.now import decide_now
from schemas.expressions import target
from schemas.run import Judgement
from schemas.words import ALL, Severity

Row = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """The report's content."""

    as_of: datetime
    since: datetime
    problem: str | None
    """Why nothing can be said of the present."""
    inputs: Inputs | None
    judgement: Judgement | None
    attention: Attention | None
    past: Past | None
    past_problem: str | None
    """Why nothing can be said of the past."""


def gather_page(
    settings: Settings,
    as_of: datetime,
    period: timedelta,
    *,
    read: Callable[[Settings, datetime], Inputs] = read_inputs,
    known_past: tuple[Past | None, str | None] | None = None,
) -> Page:
    """Judge the inputs as a run would, read the history, write nothing.

    What cannot be read leaves its part of the page out, and says why. A page that is made again and again passes what
    reads its inputs, so that what did not change is not read again, and a past that is young enough.
    """
    inputs, judgement, attention, problem = None, None, None, None
    try:
        inputs = read(settings, as_of)
        decision = decide_now(settings, inputs)
        judgement, attention = decision.judgement, decision.attention
    except (WorldUnreadableError, InventoryError) as error:
        problem = str(error)
    past, past_problem = known_past or read_past(settings, as_of - period, as_of)
    return Page(as_of, as_of - period, problem, inputs, judgement, attention, past, past_problem)


def list_nodes(page: Page) -> list[Row]:
    """Return each node with its worst severity, its own finding, and its services with what is wrong with them."""
    if page.inputs is None or page.judgement is None:
        return []
    worst = (
        page.judgement.drift.sort(pl.col("held_by").is_not_null(), "severity", descending=[False, True])
        .group_by("node", "service", maintain_order=True)
        .agg(pl.col("kind", "severity", "held_by").first())
    )
    asked = page.inputs.desired.services.filter("is_monitored").select("node", "service")
    places = pl.concat([asked, worst.select("node", "service")]).unique()
    rows = places.join(worst, on=["node", "service"], how="left").sort(pl.col("service") != ALL, "service")
    by_node = rows.partition_by("node", as_dict=True)
    names = sorted(set(page.inputs.desired.nodes["node"]))
    return [_describe(name, by_node[(name,)].to_dicts() if (name,) in by_node else []) for name in names]


def _describe(node: str, rows: list[Row]) -> Row:
    own = next((row["kind"] for row in rows if row["service"] == ALL and row["kind"]), None)
    severities = [row["severity"] for row in rows if row["severity"] and not row["held_by"]]
    services = [row for row in rows if row["service"] != ALL]
    return {
        "name": node,
        "own": own,
        "worst": max(severities, key=list(Severity).index, default=None),
        "drifted_count": sum(row["severity"] is not None for row in services),
        "services": services,
    }


def list_causes(page: Page) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return each target that explains others, with those: the name and how (`waits`, `held back`)."""
    if page.judgement is None:
        return []
    found: dict[str, list[tuple[str, str]]] = {}
    named = page.judgement.explained.select(
        target().alias("cause"), target("explained_node", "explained_service"), "how"
    )
    for cause, name, how in named.iter_rows():
        found.setdefault(cause, []).append((name, how.replace("_", " ")))
    ordered = sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [(cause, sorted(names)) for cause, names in ordered]
