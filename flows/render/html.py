"""The report as one HTML file, and what it shares with the page; every foreign text is escaped."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from flows.render.figures import draw_causes
from flows.render.heartbeat import Heartbeats, draw_heartbeats
from flows.render.lacks import say_lack
from flows.render.plots import draw_heat, draw_openings, draw_states, draw_timeline
from flows.text.escape import show
from flows.text.spoken import percent, said, spoken_moment, spoken_name, spoken_target, spoken_text, spoken_within
from flows.views.fleet_page import Page, list_causes, list_nodes
from flows.views.sites import SiteSeen, find_worst
from schemas.spoken import spoken
from schemas.words import ALL

MOST_BARS = 20
MOST_NODES_IN_FULL = 16
"""In a larger fleet, what is in agreement is counted and not listed."""
REFRESH_S = 60
"""A browser loads a report that every run writes anew so often."""


def to_html(page: Page, *, is_renewed: bool = False) -> str:
    """Return the whole document; `is_renewed` where each run writes it anew, so that a browser looks again.

    Its one script lets the age grow and turns the head grey when it is older than the page's `run_ttl`. It is allowed by its
    hash, and nothing else is.
    """
    environment = make_environment()
    script = environment.get_template("ages.js").render()
    values = {
        **list_content(page),
        "is_live": False,
        "refresh_s": REFRESH_S if is_renewed else None,
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode(),
    }
    return environment.get_template("report.html.j2").render(values) + "\n"


def make_environment(*packages: str) -> Environment:
    """Return what renders our templates, and those of further packages, with every foreign text escaped."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "flows.render")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.globals["config_option"] = ""  # of commands to copy, where settings have to be named
    environment.filters |= {
        "spoken": spoken,
        "said": said,
        "lack": say_lack,
        "moment": spoken_moment,
        "when": spoken_text,
        "within": spoken_within,
        "percent": percent,
        "target": _target,
        "name": spoken_name,
    }
    # Control and bidirectional characters are no markup, so that autoescaping leaves them as they are.
    environment.finalize = lambda value: show(value, limit=3000) if type(value) is str else value
    return environment


def _target(row: Mapping[str, Any]) -> str:
    return spoken_target(row["node"], row["service"])


def list_content(page: Page, past: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what the templates show of a page, as plain values; `past` where it is drawn already."""
    summary = page.attention.summary.row(0, named=True) if page.attention else None
    nodes = list_nodes(page)
    past = past if past is not None else draw_past(page)
    return {
        "as_of": page.as_of,
        "problem": page.problem,
        "summary": summary,
        "counts": _count(nodes, summary),
        "run": _tell_run(page),
        "standing": page.attention.acknowledged.standing.to_dicts() if page.attention else [],
        "acknowledged": _acknowledged(page),
        "sites": [_tell_site(site) for site in page.sites],
        "overview": find_worst(page.sites) if page.is_overview else None,
        "acting": page.acting,
        "decided": list_decisions(page.acting),
        "nodes": nodes,
        "most_nodes_in_full": MOST_NODES_IN_FULL,
        "causes": draw_causes(list_causes(page)),
        "drifted": list(_drifted(nodes, past["beats"])),
        **past,
    }


def _tell_site(site: SiteSeen) -> dict[str, Any]:
    """Return a site as a row: its state and age, of how much, what is to be done there, and what is wrong with that."""
    run = site.status.last_run if site.status else None
    counts = run.counts if run else {}
    return {
        "name": site.name,
        "url": site.url,
        "tone": site.tone,
        "state": str(run.state) if run else None,
        "at": run.as_of if run else None,
        "services": counts.get("asked_service_count"),
        "services_well": counts.get("well_service_count"),
        "todo": [(name, counts.get(f"{name}_count", 0)) for name in ("required", "blocked", "recommended")],
        "problem": site.problem,
    }


def _drifted(nodes: list[dict[str, Any]], beats: Heartbeats | None) -> Iterator[dict[str, Any]]:
    """Yield the services that drift, or did within the last 30 days."""
    for node in nodes:
        for row in node["services"]:
            if row["kind"] or (beats and beats.count_bad(row["node"], row["service"])):
                yield row


def _count(nodes: list[dict[str, Any]], summary: Mapping[str, Any] | None) -> dict[str, int]:
    """Return of how much the state speaks: services and nodes as asked, and in all."""
    return {
        "services": summary["asked_service_count"] if summary else 0,
        "services_well": summary["well_service_count"] if summary else 0,
        "nodes": len(nodes),
        "nodes_well": sum(not node["own"] and not node["drifted_count"] for node in nodes),
    }


def _tell_run(page: Page) -> dict[str, Any]:
    """Return what is known of the runs: when the last one was, what it came to, and when the next is to be expected."""
    last = page.status.last_run
    is_same = last is not None and page.attention is not None and last.state == page.attention.summary["state"][0]
    age_s = (page.as_of - last.as_of).total_seconds() if last else None
    return {
        "at": last.as_of if last else None,
        "age_s": age_s,
        "state": str(last.state) if last else None,
        "state_since": last.state_since if last and is_same else None,
        "attempt": page.status.last_attempt,
        "next_at": page.next_run_at,
        "ttl_s": page.run_ttl.total_seconds(),
        "is_old": age_s is None or age_s > page.run_ttl.total_seconds(),
    }


def list_decisions(acting: Mapping[str, Any] | None) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what is decided for each target, with the action that it is about, where one is asked for or runs."""
    if acting is None:
        return {}
    actions = {row["intent_id"]: row for row in acting["actions"]}
    return {
        (row["node"], row["service"]): {**row, "action": actions.get(row["intent_id"])}
        for row in acting["decisions"]
        if row["verb"]
    }


def _acknowledged(page: Page) -> list[dict[str, Any]]:
    if page.attention is None:
        return []
    rows = page.attention.acknowledged.acknowledged.to_dicts()
    return [{**row, "by": page.attention.describe(row)} for row in rows]


def draw_past(page: Page) -> dict[str, Any]:
    """Return the past as the templates show it; None where the history tells nothing.

    States and openings begin with the history, where that is younger than the period: the first day is told by the hour.
    """
    drawn = {"since": page.since, "past_problem": page.past_problem, "past": None, "beats": None}
    if page.past is None:
        return drawn
    services = page.past.reliability.filter(page.past.reliability["service"] != ALL)
    worst = services.drop_nulls("availability_ratio").sort("availability_ratio", "node", "service")
    low = min(worst["availability_ratio"].to_list(), default=1.0)
    begin = max([page.since, *page.past.spans["as_of"].sort().head(1)])
    past = {
        "begin": begin,
        "states": draw_states(page.past, begin, page.as_of),
        "openings": draw_openings(page.past, begin, page.as_of),
        "heat": draw_heat(page.past, page.since, page.as_of),
        "timeline": draw_timeline(page.past, page.since, page.as_of),
        "worst": worst.head(MOST_BARS).to_dicts(),
        "floor": _floor(low),
        "rest": max(worst.height - MOST_BARS, 0),
        "actions": page.past.actions.to_dicts(),
        "episode_count": page.past.episodes.height,
        "last": page.past.episodes.sort("opened_at", descending=True).head(1).row(0, named=True)
        if page.past.episodes.height
        else None,
    }
    return {**drawn, "past": past, "beats": draw_heartbeats(page.past, page.as_of)}


def _floor(low: float) -> float:
    """Return where the bars of availability begin: a round figure below the least, said beside them."""
    return next((floor for floor in (0.99, 0.95, 0.9, 0.8, 0.5) if floor < low), 0.0)
