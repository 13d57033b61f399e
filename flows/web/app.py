"""The page that operators keep open: what the report shows, live, and the operator's commands for who is signed in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
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
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guard, names=(settings.web.host, *settings.web.hosts))
    return app
