"""What the report and the page show: the fleet as it is now, and its past where there is a history."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from flows.errors import InventoryError, WorldUnreadableError
from flows.ledger.checkpoint import Known
from flows.past.study import Past, read_past
from flows.run.attention import Attention
from flows.run.gather import Inputs, read_inputs
from flows.run.preview import think_of_acting
from flows.run.result import RunReport, outcome_of
from flows.settings import Settings
from flows.sources.inventory.files import HOSTS
from flows.views.now import decide_now, read_last
from flows.views.rhythm import MOST_RUNS, expect_next
from flows.views.sites import SiteSeen, read_sites
from flows.views.status import Status, read_status
from schemas.desired import Desired
from schemas.expressions import target
from schemas.run import Judgement
from schemas.words import ALL, DriftKind, Outcome, Severity

Row = dict[str, Any]
KnownPast = tuple[Past | None, str | None]


@dataclass(frozen=True, kw_only=True)
class Page:
    """The content of the report and of the page."""

    as_of: datetime
    since: datetime
    run_ttl: timedelta
    """What is shown speaks for now so long."""
    problem: str | None = None
    """Why nothing can be said of the present."""
    desired: Desired | None = None
    judgement: Judgement | None = None
    attention: Attention | None = None
    acting: Mapping[str, Any] | None = None
    """What is asked, runs and is held back, with every decision; None where acting is off."""
    status: Status
    """What the runs so far left behind."""
    past: Past | None = None
    past_problem: str | None = None
    """Why nothing can be said of the past."""
    sites: tuple[SiteSeen, ...] = ()
    """Other sites, each judged by its own supervisor."""
    is_overview: bool = False
    """There is no inventory here: it shows its sites alone."""

    @property
    def next_run_at(self) -> datetime | None:
        """Return when the next run is to be expected; None where nothing tells."""
        known = self.past.spans["as_of"].sort().tail(MOST_RUNS).to_list() if self.past else []
        return expect_next([*known, self.status.last_run.as_of] if self.status.last_run else known)

    def with_past(self, since: datetime, until: datetime, past: Past | None, problem: str | None) -> "Page":
        """Return the page with another part of the past, and as of its end."""
        return replace(self, since=since, as_of=until, past=past, past_problem=problem)


def gather_page(
    settings: Settings,
    as_of: datetime,
    period: timedelta,
    *,
    read: Callable[[Settings, datetime], Inputs] = read_inputs,
    known_past: KnownPast | None = None,
) -> Page:
    """Judge the inputs as a run would, read the history, write nothing.

    What cannot be read leaves its part of the page out, and says why. A page that is made again and again passes what
    reads its inputs, so that what did not change is not read again, and a past that is young enough.
    """
    page = _look_back(settings, as_of, period, known_past)
    try:
        inputs = read(settings, as_of)
    except (WorldUnreadableError, InventoryError) as error:
        if page.sites and not (settings.inventory / HOSTS).is_dir():
            return replace(page, is_overview=True, past_problem=page.past_problem if page.past else None)
        return replace(page, problem=str(error))
    return _judge(page, settings, inputs, read_last(settings))


def page_of_run(settings: Settings, report: RunReport, period: timedelta, known_past: KnownPast | None = None) -> Page:
    """Return the page of a run that has just ended: as it judged, without reading its inputs again."""
    page = _look_back(settings, report.as_of, period, known_past)
    return replace(
        page,
        problem=report.error,
        desired=report.desired,
        judgement=report.judgement,
        attention=report.attention,
        acting=report.acting.to_document(str(report.state)) if report.acting else None,
    )


def _look_back(settings: Settings, as_of: datetime, period: timedelta, known_past: KnownPast | None) -> Page:
    past, past_problem = known_past or read_past(settings, as_of - period, as_of)
    status = read_status(settings.checkpoint, settings.run_ttl, as_of)
    return Page(
        as_of=as_of,
        since=as_of - period,
        run_ttl=settings.run_ttl,
        status=status,
        past=past,
        past_problem=past_problem,
        sites=read_sites(settings, as_of),
    )


def _judge(page: Page, settings: Settings, inputs: Inputs, known: Known) -> Page:
    decision = decide_now(settings, inputs, known)
    attention = decision.attention
    acting = think_of_acting(settings, inputs, decision.judgement, attention, known, page.as_of)
    judged = replace(page, desired=inputs.desired, judgement=decision.judgement, attention=attention)
    if acting is None:
        return judged
    is_partial = outcome_of(inputs.desired) is Outcome.PARTIAL
    attention = attention.with_repairs(acting.repairing, is_partial=is_partial)
    return replace(judged, attention=attention, acting=acting.to_document(str(attention.summary["state"][0])))


def list_nodes(page: Page) -> list[Row]:
    """Return each node with its worst severity, its own finding, and its services with what is wrong with them."""
    if page.desired is None or page.judgement is None:
        return []
    worst = (
        page.judgement.drift.sort(pl.col("held_by").is_not_null(), "severity", descending=[False, True])
        .group_by("node", "service", maintain_order=True)
        .agg(pl.col("kind", "severity", "held_by").first())
    )
    asked = page.desired.services.filter("is_monitored").select("node", "service")
    places = pl.concat([asked, worst.select("node", "service")]).unique()
    rows = places.join(worst, on=["node", "service"], how="left").sort(pl.col("service") != ALL, "service")
    by_node = rows.partition_by("node", as_dict=True)
    names = sorted(set(page.desired.nodes["node"]))
    return [_describe(name, by_node[(name,)].to_dicts() if (name,) in by_node else []) for name in names]


def _describe(node: str, rows: list[Row]) -> Row:
    own = next((row["kind"] for row in rows if row["service"] == ALL and row["kind"]), None)
    severities = [row["severity"] for row in rows if row["severity"] and not row["held_by"]]
    is_seen = own != DriftKind.OFFLINE_NODE
    services = [{**row, **_tell(row, is_seen=is_seen)} for row in rows if row["service"] != ALL]
    worst = max(severities, key=list(Severity).index, default=None)
    return {
        "name": node,
        "own": own,
        "tone": worst or ("ok" if own is None else "unknown"),
        "drifted_count": sum(row["severity"] is not None for row in services),
        "services": services,
    }


def _tell(row: Row, *, is_seen: bool) -> Row:
    """Return how a service is shown: its tone, and in a word; of a node that is not seen, nothing is known of it."""
    tone, word = ("ok", "as asked") if is_seen else ("unknown", "not seen")
    return {"tone": row["severity"] or tone, "word": row["kind"] or word}


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
