"""The pages: the fleet, a wall, one node or service, the past; readable without script, and renewed where there is one."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as midnight
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response, StreamingResponse

from flows.errors import SupervisorError
from flows.past.study import read_past
from flows.render.explanation import tell_actual, tell_desired, tell_measured
from flows.render.html import draw_past
from flows.render.policy_explanation import to_document as policy_document
from flows.run.acting.place import find_operators
from flows.run.acting.think import read_power
from flows.run.clock import read_now
from flows.settings import Settings
from flows.views.actions import list_actions
from flows.views.explain import Explanation, explain
from flows.views.policy_check import check_policy
from flows.views.policy_explain import explain_policy
from flows.web.context import Context, Reader, Shared, Signed
from flows.web.sessions import Session
from schemas.duration import is_judged
from schemas.episode import spell_target
from schemas.numbers import Automation
from schemas.policy import Policy
from schemas.words import ALL, FLEET

router = APIRouter(include_in_schema=False, dependencies=[Reader])
styles = APIRouter(include_in_schema=False)
BEAT_S = 15.0
"""An open page hears from us at least so often, and knows that we live."""
PARTS = ("fleet", "wall")
RANGES = {
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "365d": timedelta(days=365),
}
MONTH = RANGES["30d"]
MOST_SERVICES = 500
"""Rows of one page: a phone does not scroll through ten thousand."""
LASTING = {"cache-control": "max-age=3600"}


@styles.get("/report.css")
def give_style(context: Shared) -> Response:
    """Return the report's own style."""
    return Response(context.render("report.css"), media_type="text/css", headers=LASTING)


@styles.get("/ages.js")
def give_script(context: Shared) -> Response:
    """Return the report's own script."""
    return Response(context.render("ages.js"), media_type="text/javascript", headers=LASTING)


@router.get("/")
def show_fleet(context: Shared, session: Signed) -> HTMLResponse:
    """Show the state, what to do first, what explains what, and the fleet."""
    return _page_with_part(context, session, "fleet")


@router.get("/wall")
def show_wall(context: Shared, session: Signed) -> HTMLResponse:
    """Show the fleet first, for a screen on a wall."""
    return _page_with_part(context, session, "wall")


@router.get("/part/{name}")
def show_part(name: str, context: Shared) -> HTMLResponse:
    """Show what of a page is renewed when the fleet changed."""
    return HTMLResponse(_render_part(context, name)) if name in PARTS else HTMLResponse("", 404)


@router.get("/changes")
async def stream_changes(
    request: Request, context: Shared, since: Annotated[int | None, Query()] = None
) -> StreamingResponse:
    """Stream an event whenever the fleet was judged anew: its number, and what time it is here.

    The first comes at once, but to whoever shows the newest judgement already.
    """

    def tell(version: int) -> str:
        return f"event: fleet\ndata: {version} {read_now(context.settings).timestamp():.3f}\n\n"

    async def told() -> AsyncIterator[str]:
        version = context.fleet.shown.version
        if version != since:
            yield tell(version)
        while not context.fleet.is_stopping and not await request.is_disconnected():
            newer = await context.fleet.wait_beyond(version, BEAT_S)
            yield tell(newer) if newer > version else ": still here\n\n"
            version = newer

    return StreamingResponse(told(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@router.get("/services")
def show_services(
    request: Request, context: Shared, session: Signed, q: Annotated[str, Query(max_length=100)] = ""
) -> HTMLResponse:
    """Show every service, or those whose name holds a text, with the last 30 days of each; of very many, the troubled first."""
    renewal = _renewal(request, context)
    rows = [
        row
        for node in context.fleet.shown.content["nodes"]
        for row in node["services"]
        if q.strip().lower() in f"{row['node']}/{row['service']}"
    ]
    found = len(rows)
    if found > MOST_SERVICES:
        rows = sorted(rows, key=lambda row: bool(row["tone"] == "ok"))[:MOST_SERVICES]
    values = {**_content(context, session), **renewal, "rows": rows, "found": found, "q": q}
    return HTMLResponse(context.render("services.html.j2", **values))


@router.get("/target/{node}/{service}")
async def show_target(node: str, service: str, request: Request, context: Shared, session: Signed) -> HTMLResponse:
    """Show everything about a node or a service: asked for, there, drift, decision, its actions, its past."""
    target = f"{node}/{service}"
    renewal, now = _renewal(request, context), read_now(context.settings)
    try:
        found = await run_in_threadpool(explain, context.settings, target, now, MONTH)
        acting = await run_in_threadpool(_explain_acting, context.settings, found, now)
    except SupervisorError as error:
        return HTMLResponse(context.render("gone.html.j2", what=str(error)), 404)
    content = _content(context, session)
    own = next((row for row in content["nodes"] if row["name"] == node), None)
    told = {"asked": tell_desired(found), "seen": tell_actual(found), "measured": tell_measured}
    values = content | {"found": found, "own": own, "is_node": service == ALL, **told, **acting, **renewal}
    return HTMLResponse(context.render("target.html.j2", **values))


@router.get("/past")
async def show_past(
    context: Shared,
    session: Signed,
    since: Annotated[str, Query(max_length=10)] = "30d",
    until: Annotated[str, Query(max_length=10)] = "",
) -> HTMLResponse:
    """Show episodes, availability and states of a range: `since` a duration or a date, `until` a date, its day included."""
    page = context.fleet.shown.page
    begin, end = _read_range(since, until, page.as_of)
    past, problem = await run_in_threadpool(read_past, context.settings, begin, end)
    drawn = await run_in_threadpool(draw_past, page.with_past(begin, end, past, problem))
    values = {**_content(context, session), **drawn, "until": end, "ranges": list(RANGES), "chosen": since}
    return HTMLResponse(context.render("past.html.j2", **values))


@router.get("/actions")
async def show_actions(request: Request, context: Shared, session: Signed) -> Response:
    """Show what is asked, held, running, escalated and has ended."""
    renewal = _renewal(request, context)
    told = await run_in_threadpool(_told_or_problem, list_actions, context.settings, with_ended=True)
    doubt = find_operators(context.settings).doubt if told["told"] else None
    values = {**_content(context, session), **told, **renewal, "doubt": doubt}
    return HTMLResponse(context.render("actions.html.j2", **values))


@router.get("/policy")
async def show_policy(request: Request, context: Shared, session: Signed) -> Response:
    """Show what the policy lets be done, what it lacks for more, and what is wrong with it."""
    renewal = _renewal(request, context)
    told = await run_in_threadpool(_told_or_problem, check_policy, context.settings, None, read_now(context.settings))
    actions = context.settings.actions
    power = await run_in_threadpool(read_power, context.settings) if told["told"] else None
    rules = power.policy.rules if power and isinstance(power.policy, Policy) else ()
    values = {"policy_file": str(actions.policy), "automation": actions.automation, "rules": rules}
    return HTMLResponse(context.render("policy.html.j2", **_content(context, session), **told, **values, **renewal))


def _told_or_problem(ask: Any, settings: Settings, *given: Any, **named: Any) -> dict[str, Any]:
    """Return what a view tells, or why it tells nothing; nothing where automation is off."""
    if settings.actions.automation is Automation.OFF:
        return {"told": None, "why": None}
    try:
        return {"told": ask(settings, *given, **named), "why": None}
    except SupervisorError as error:
        return {"told": None, "why": str(error)}


def _explain_acting(settings: Settings, found: Explanation, now: datetime) -> dict[str, Any]:
    """Return what the policy says of a target, and its actions, the newest first; nothing where automation is off."""
    nothing: dict[str, Any] = {"policy": None, "its_actions": []}
    if settings.actions.automation is Automation.OFF or found.target.node == FLEET:
        return nothing
    try:
        policy = policy_document(explain_policy(settings, spell_target(found.target), now))
        actions = list_actions(settings, with_ended=True)["actions"]
    except SupervisorError:
        return nothing
    mine = [row for row in actions if (row["node"], row["service"]) == found.target]
    return {"policy": policy, "its_actions": sorted(mine, key=lambda row: row["created_at"], reverse=True)}


def _read_range(since: str, until: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the range that is asked for; a month where it is none."""
    last = _read_day(until)
    end = min(last + timedelta(days=1), now) if last else now
    begin = _read_day(since) or end - RANGES.get(since, MONTH)
    return (begin, end) if begin < end else (end - MONTH, end)


def _read_day(text: str) -> datetime | None:
    """Return the day's first moment; None where it is no day, or none that a history can have."""
    try:
        day = datetime.combine(date.fromisoformat(text), midnight(), UTC)
    except ValueError:
        return None
    return day if is_judged(day) else None


def _page_with_part(context: Context, session: Session | None, name: str) -> HTMLResponse:
    values = _content(context, session) | {"part": Markup(_render_part(context, name))}  # noqa: S704 - our template's own
    return HTMLResponse(context.render(f"{name}.html.j2", **values))


def _render_part(context: Context, name: str) -> str:
    """Return a part of a page: the same for all who look, and rendered once for each judgement."""
    shown = context.fleet.shown
    kept = context.parts.get(name)
    if kept is None or kept[0] != shown.version:
        kept = (shown.version, context.render(f"{name}-part.html.j2", **shown.content, is_live=True))
        context.parts[name] = kept
    return kept[1]


def _renewal(request: Request, context: Context) -> dict[str, Any]:
    """Return what a page needs to renew itself: its own address, and the judgement that it is of, read before all else."""
    path = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    return {"renewal": {"path": path, "version": context.fleet.shown.version}}


def _content(context: Context, session: Session | None) -> dict[str, Any]:
    return {**context.fleet.shown.content, "signed": session, "is_live": True}
