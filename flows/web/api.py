"""For programs: the JSON of the commands' `--json`, metrics, health and a badge."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response

from flows.errors import SupervisorError
from flows.ledger.checkpoint import Known, read_known
from flows.render.document import dump
from flows.render.explanation import to_document as explain_document
from flows.render.status import to_document as status_document
from flows.run.acting.place import require_automation
from flows.run.clock import read_now
from flows.telling.metrics import to_metrics
from flows.telling.outbox import read_waiting
from flows.text.rows import rows
from flows.text.spoken import instant
from flows.views.actions import list_actions
from flows.views.explain import explain
from flows.views.status import read_status
from flows.web.badge import draw_badge
from flows.web.context import Context, Reader, Shared
from flows.web.described import ActionsDocument, FleetDocument, ProblemDocument, StatusDocument, TargetDocument
from schemas.numbers import Automation

router = APIRouter()
PERIOD = timedelta(days=30)
UNWELL: dict[int | str, dict[str, Any]] = {503: {"description": "Nothing was judged for too long"}}


class Svg(Response):
    """A picture."""

    media_type = "image/svg+xml"


def _gives(model: type[BaseModel], *problems: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of an answer, and of those without one."""
    return {200: {"model": model}, **{code: {"model": ProblemDocument} for code in (401, *problems)}}


@router.get("/healthz", tags=["health"], response_class=PlainTextResponse, responses=UNWELL)
def check_health(context: Shared) -> Response:
    """Return 200 while runs are recorded, and 503 where nothing was judged for `run_ttl`."""
    status, is_old = context.fleet.shown.page.status, _is_old(context)
    if is_old:
        return PlainTextResponse("nothing was judged for too long\n", 503)
    if status.last_attempt is not None:
        return PlainTextResponse(f"the last run was {status.last_attempt.outcome}\n", 503)
    return PlainTextResponse("ok\n")


@router.get("/metrics", tags=["health"], dependencies=[Reader], response_class=PlainTextResponse)
def give_metrics(context: Shared) -> Response:
    """Return the last run as Prometheus metrics."""
    places = context.settings.places
    text = to_metrics(read_known(places.checkpoint) or Known(), read_waiting(places.state_dir))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


@router.get("/badge.svg", tags=["health"], dependencies=[Reader], response_class=Svg)
def give_badge(context: Shared) -> Response:
    """Return the state as a picture; grey where the last run no longer speaks for now."""
    status = context.fleet.shown.page.status
    state = str(status.state) if status.state else None
    is_stale = _is_old(context) or status.last_attempt is not None
    return Svg(draw_badge(state, is_stale=is_stale))


@router.get("/api/v1/status", tags=["fleet"], dependencies=[Reader], responses=_gives(StatusDocument))
def give_status(context: Shared) -> JSONResponse:
    """Return what `supervisor status --json` gives: the last recorded run."""
    settings, places = context.settings, context.settings.places
    is_acting = settings.actions.automation is not Automation.OFF
    status = read_status(
        places.checkpoint, settings.run_ttl, read_now(settings), state_dir=places.state_dir, is_acting=is_acting
    )
    return JSONResponse(status_document(status))


@router.get("/api/v1/fleet", tags=["fleet"], dependencies=[Reader], responses=_gives(FleetDocument))
def give_fleet(context: Shared) -> Response:
    """Return the judgement of now: summary, drift and recommendations."""
    return _json(_judged(context))


@router.get(
    "/api/v1/targets/{node}/{service}",
    tags=["fleet"],
    dependencies=[Reader],
    responses=_gives(TargetDocument, 404),
)
async def give_target(
    context: Shared,
    node: Annotated[str, Path(max_length=100)],
    service: Annotated[str, Path(max_length=100, description="`all` for the node itself")],
) -> Response:
    """Return what `supervisor explain NODE/SERVICE --json` gives."""
    try:
        now = read_now(context.settings)
        found = await run_in_threadpool(explain, context.settings, f"{node}/{service}", now, PERIOD)
    except SupervisorError as error:
        raise HTTPException(404, str(error)) from None
    return _json(explain_document(found))


@router.get("/api/v1/actions", tags=["actions"], dependencies=[Reader], responses=_gives(ActionsDocument, 503))
async def give_actions(context: Shared) -> Response:
    """Return what `supervisor actions list --all --json` gives."""
    try:
        require_automation(context.settings)
        view = await run_in_threadpool(list_actions, context.settings, with_ended=True)
    except SupervisorError as error:
        raise HTTPException(503, str(error)) from None
    return _json({"v": 1, **view})


def _is_old(context: Context) -> bool:
    last = context.fleet.shown.page.status.last_run
    return last is None or read_now(context.settings) - last.as_of > context.settings.run_ttl


def _judged(context: Context) -> dict[str, Any]:
    page = context.fleet.shown.page
    at = instant(page.as_of)
    if page.judgement is None or page.attention is None:
        return {"as_of": at, "problem": page.problem}
    return {
        "as_of": at,
        "problem": None,
        "summary": rows(page.attention.summary.drop("as_of"))[0],
        "drift": rows(page.judgement.drift.drop("as_of")),
        "recommendations": rows(page.judgement.recommendations.drop("as_of")),
        "acting": page.acting,
    }


def _json(value: object) -> Response:
    return Response(dump(value), media_type="application/json")
