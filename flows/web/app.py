"""The page that operators keep open: what the report shows, live, and the operator's commands for who is signed in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from flows.settings import Settings
from flows.web import api, doing, pages, signing
from flows.web.context import load_context
from flows.web.guard import Guard

STATIC = Path(__file__).parent / "static"
TITLE = "Runtime Supervisor"


def make_app(settings: Settings, config: Path | None = None) -> FastAPI:
    """Return the application; it judges from its start to its end. Raises `SettingsError` for an unusable password file.

    `config` is the settings file that the operator's commands, which the page runs, are given.
    """
    context = load_context(settings, config)

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        context.fleet.start()
        yield
        context.fleet.stop()

    app = FastAPI(title=TITLE, lifespan=live, docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.state.context = context
    for router in (pages.router, pages.styles, signing.router, doing.router, api.router):
        app.include_router(router)

    @app.exception_handler(404)
    async def say_not_found(request: Request, error: HTTPException) -> Response:
        """Lead a person who mistyped an address back; a program gets JSON."""
        path = request.url.path
        if path.startswith("/api/"):
            return await http_exception_handler(request, error)
        return HTMLResponse(context.render("gone.html.j2", what=f"There is no page {path} here."), 404)

    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guard, names=(settings.web.host, *settings.web.hosts))
    return app
