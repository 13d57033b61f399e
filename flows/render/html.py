"""The report as one HTML file: nothing is loaded, nothing runs, and every foreign text is escaped."""

from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from flows.render.figures import draw_causes
from flows.render.plots import draw_heat, draw_openings, draw_states, draw_timeline
from flows.text.escape import show
from flows.text.spoken import percent, said, spoken, spoken_moment
from flows.views.fleet_page import Page, list_causes, list_nodes
from schemas.words import ALL

MOST_BARS = 20
MOST_NODES_IN_FULL = 16
"""In a larger fleet, what is in agreement is counted and not listed."""


def to_html(page: Page) -> str:
    """Return the whole document."""
    return make_environment().get_template("report.html.j2").render(list_content(page), is_live=False) + "\n"


def make_environment(*packages: str) -> Environment:
    """Return what renders our templates, and those of further packages, with every foreign text escaped."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "flows.render")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"spoken": spoken, "said": said, "moment": spoken_moment, "percent": percent}
    # Control and bidirectional characters are no markup, so that autoescaping leaves them as they are.
    environment.finalize = lambda value: show(value, limit=3000) if type(value) is str else value
    return environment


def list_content(page: Page) -> dict[str, Any]:
    """Return what the templates show of a page, as plain values."""
    summary = page.attention.summary.row(0, named=True) if page.attention else None
    return {
        "as_of": page.as_of,
        "since": page.since,
        "problem": page.problem,
        "summary": summary,
        "standing": page.attention.acknowledged.standing.to_dicts() if page.attention else [],
        "acknowledged": _acknowledged(page),
        "nodes": list_nodes(page),
        "most_nodes_in_full": MOST_NODES_IN_FULL,
        "causes": draw_causes(list_causes(page)),
        "past_problem": page.past_problem,
        "past": _past(page),
    }


def _acknowledged(page: Page) -> list[dict[str, Any]]:
    if page.attention is None:
        return []
    rows = page.attention.acknowledged.acknowledged.to_dicts()
    return [{**row, "by": page.attention.describe(row)} for row in rows]


def _past(page: Page) -> dict[str, Any] | None:
    if page.past is None:
        return None
    services = page.past.reliability.filter(page.past.reliability["service"] != ALL)
    worst = services.drop_nulls("availability_ratio").sort("availability_ratio", "node", "service")
    low = min(worst["availability_ratio"].to_list(), default=1.0)
    return {
        "states": draw_states(page.past, page.since, page.as_of),
        "openings": draw_openings(page.past, page.since, page.as_of),
        "heat": draw_heat(page.past, page.since, page.as_of),
        "timeline": draw_timeline(page.past, page.since, page.as_of),
        "worst": worst.head(MOST_BARS).to_dicts(),
        "floor": _floor(low),
        "rest": max(worst.height - MOST_BARS, 0),
        "actions": page.past.actions.to_dicts(),
        "episode_count": page.past.episodes.height,
    }


def _floor(low: float) -> float:
    """Return where the bars of availability begin: a round figure below the least, said beside them."""
    return next((floor for floor in (0.99, 0.95, 0.9, 0.8, 0.5) if floor < low), 0.0)
