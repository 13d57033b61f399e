"""What the requests of one process share, and what each is allowed."""

import shlex
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from jinja2 import Environment

from flows.render.html import make_environment
from flows.run.clock import read_now
from flows.setting_sections import ReadAccess
from flows.settings import Settings
from flows.text.address import is_loopback
from flows.web.fleet import Fleet
from flows.web.guard import LOCAL_NAMES, is_among, name_of
from flows.web.operator import Operator, make_operator
from flows.web.sessions import Attempts, Session, Sessions, load_password

COOKIE = "supervisor_session"
PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""What a proxy adds: whoever is behind it is not on this machine."""


@dataclass
class Context:
    """The settings, what is judged, and who is signed in."""

    settings: Settings
    password: str
    fleet: Fleet
    operator: Operator
    templates: Environment
    sessions: Sessions = field(default_factory=Sessions)
    attempts: Attempts = field(default_factory=Attempts)
    parts: dict[str, tuple[int, str]] = field(default_factory=dict)
    """The parts of pages that are the same for all, each with the number of the judgement that it shows."""

    def render(self, template: str, **values: Any) -> str:
        """Return a page."""
        return self.templates.get_template(template).render(values)


def load_context(settings: Settings, config: Path | None) -> Context:
    """Return it; raises `SettingsError` for an unusable password file."""
    templates = make_environment("flows.web")
    templates.globals["now"] = lambda: read_now(settings)
    if config is not None:
        templates.globals["config_option"] = f" --config {shlex.quote(str(config.absolute()))}"
    return Context(
        settings,
        load_password(settings.places.state_dir),
        Fleet(settings),
        make_operator(settings, config),
        templates,
    )


def share(request: Request) -> Context:
    """Return what the requests share."""
    context: Context = request.app.state.context
    return context


Shared = Annotated[Context, Depends(share)]


def find_session(request: Request, context: Shared) -> Session | None:
    """Return who is signed in here, or at the proxy in front where that is trusted."""
    now_s = time.monotonic()
    found = context.sessions.find(request.cookies.get(COOKIE), now_s)
    if found is not None:
        return found
    web = context.settings.web
    user = request.headers.get(web.user_header)
    if user and request.client and is_among(request.client.host, web.proxies):
        return context.sessions.vouch_for(user[:100], now_s)
    return None


Signed = Annotated[Session | None, Depends(find_session)]


def allow_reading(request: Request, context: Shared, session: Signed) -> None:
    """Let whoever may look pass; send a browser to the sign-in, and refuse a program."""
    access = context.settings.web.read
    is_open = access is ReadAccess.ANYONE or (access is ReadAccess.LOCAL and _is_from_here(request, context))
    if is_open or session is not None:
        return
    if request.url.path.startswith("/api/"):
        raise HTTPException(401, "sign in first")
    if "hx-request" in request.headers:
        raise HTTPException(401, headers={"HX-Refresh": "true"})  # a part of the sign-in is no part of the page
    raise HTTPException(303, headers={"location": "/sign-in"})


def _is_from_here(request: Request, context: Context) -> bool:
    """Return whether somebody on this machine asks: on loopback, by its own name, and through no proxy."""
    is_passed_on = any(name in request.headers for name in PASSED_ON)
    is_ours = is_loopback(context.settings.web.host) and name_of(request.headers.get("host", "")) in LOCAL_NAMES
    return is_ours and not is_passed_on


Reader = Depends(allow_reading)
