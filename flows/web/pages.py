"""The pages: the fleet, a wall, one node or service, the past; readable without script, and renewed where there is one."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response, StreamingResponse

from flows.errors import SupervisorError
from flows.past.study import read_past
from flows.render.heartbeat import draw_heartbeats, quiet_heartbeat
from flows.render.html import list_content
from flows.text.spoken import spoken
from flows.views.explain import explain
from flows.views.fleet_page import gather_page
from flows.web.context import Context, Reader, Shared, Signed
from flows.web.fleet import Shown
from flows.web.sessions import Session

router = APIRouter(include_in_schema=False, dependencies=[Reader])
styles = APIRouter(include_in_schema=False)
BEAT_S = 15.0
"""An open page hears from us at least so often, and knows that we live."""
RANGES = {
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "365d": timedelta(days=365),
}


@styles.get("/report.css")
def give_style(context: Shared) -> Response:
    """Return the report's own style."""
    return Response(context.render("report.css"), media_type="text/css", headers={"cache-control": "max-age=3600"})


@router.get("/")
def show_fleet(context: Shared, session: Signed) -> HTMLResponse:
    """Show the state, what to do first, what explains what, and the fleet."""
    return HTMLResponse(context.render("fleet.html.j2", **_of_fleet(context, session)))


@router.get("/wall")
def show_wall(context: Shared, session: Signed) -> HTMLResponse:
    """Show the fleet first, for a screen on a wall."""
    return HTMLResponse(context.render("wall.html.j2", **_of_fleet(context, session)))


@router.get("/part/{name}")
def show_part(name: str, context: Shared, session: Signed) -> HTMLResponse:
    """Show what of a page is renewed when the fleet changed."""
    if name not in {"fleet", "wall"}:
        return HTMLResponse("", 404)
    return HTMLResponse(context.render(f"{name}-part.html.j2", **_of_fleet(context, session)))


@router.get("/changes")
async def stream_changes(request: Request, context: Shared) -> StreamingResponse:
    """Stream an event whenever the fleet was judged anew."""

    async def told() -> AsyncIterator[str]:
        version = context.fleet.shown.version
        yield f"event: fleet\ndata: {version}\n\n"
        while not await request.is_disconnected():
            newer = await context.fleet.wait_beyond(version, BEAT_S)
            yield f"event: fleet\ndata: {newer}\n\n" if newer > version else ": still here\n\n"
            version = newer

    return StreamingResponse(told(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@router.get("/target/{node}/{service}")
async def show_target(node: str, service: str, context: Shared, session: Signed) -> HTMLResponse:
    """Show everything about a node or a service: asked for, there, drift, decision, its past."""
    now = datetime.now(UTC)
    try:
        found = await run_in_threadpool(explain, context.settings, f"{node}/{service}", now, RANGES["30d"])
    except SupervisorError as error:
        return HTMLResponse(context.render("gone.html.j2", what=str(error)), 404)
    content = _of_fleet(context, session)
    own = next((row for row in content["nodes"] if row["name"] == node), None)
    return HTMLResponse(context.render("target.html.j2", **content, found=found, own=own, is_node=service == "all"))


@router.get("/past")
async def show_past(
    context: Shared, session: Signed, since: Annotated[str, Query(max_length=10)] = "30d"
) -> HTMLResponse:
    """Show episodes, availability and states of a range."""
    period = RANGES.get(since, RANGES["30d"])
    now = context.fleet.shown.page.as_of
    past = await run_in_threadpool(read_past, context.settings, now - period, now)
    page = await run_in_threadpool(
        gather_page, context.settings, now, period, read=lambda *_: _known_inputs(context.fleet.shown), known_past=past
    )
    content = _frame(context, session) | list_content(page)
    return HTMLResponse(context.render("past.html.j2", **content, ranges=list(RANGES), chosen=since))


@router.get("/actions")
async def show_actions(context: Shared, session: Signed) -> Response:
    """Show what is asked, held, running and escalated, as `supervisor actions list` gives it."""
    done = await context.operator.run(["actions", "list", "--all", "--json"])
    try:
        told = json.loads(done.text) if done.code == 0 else None
    except ValueError:
        told = None
    is_off = str(context.settings.actions.automation) == "off"
    values = _frame(context, session) | {"told": told, "problem": None if told else done.text, "is_off": is_off}
    return HTMLResponse(context.render("actions.html.j2", **values))


def _known_inputs(shown: Shown) -> Any:
    if shown.page.inputs is None:
        raise SupervisorError(shown.page.problem or "nothing is known of the present")
    return shown.page.inputs


def _of_fleet(context: Context, session: Session | None) -> dict[str, Any]:
    shown = context.fleet.shown
    content = list_content(shown.page)
    past = shown.page.past
    beats = draw_heartbeats(past, shown.page.as_of) if past else {}
    quiet = quiet_heartbeat(past, shown.page.as_of) if past else []
    return (
        _frame(context, session) | content | {"beats": beats, "quiet_beat": quiet, "counts": _count(content["nodes"])}
    )


def _frame(context: Context, session: Session | None) -> dict[str, Any]:
    """Return what each page's frame shows: how old the last run is, and whether it still speaks for now."""
    shown, settings = context.fleet.shown, context.settings
    last = shown.status.last_run
    now = datetime.now(UTC)
    return {
        "version": shown.version,
        "judged_at": shown.page.as_of,
        "last_run_at": last.as_of if last else None,
        "last_run_age": spoken((now - last.as_of).total_seconds()) if last else None,
        "run_ttl_s": settings.run_ttl.total_seconds(),
        "is_old": last is None or now - last.as_of > settings.run_ttl,
        "attempt": shown.status.last_attempt,
        "signed": session,
        "is_live": True,
    }


def _count(nodes: list[dict[str, Any]]) -> dict[str, int]:
    """Return of how much the state speaks: services and nodes as asked, and in all."""
    services = [row for node in nodes for row in node["services"]]
    return {
        "services": len(services),
        "services_well": sum(row["kind"] is None for row in services),
        "nodes": len(nodes),
        "nodes_well": sum(not node["own"] and not node["drifted_count"] for node in nodes),
    }
