"""Signing in and out."""

import re
import time
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from flows.web.context import COOKIE, Shared, Signed
from flows.web.sessions import SESSION_S, is_same

router = APIRouter(include_in_schema=False)
USER = "operator"
FORM = re.compile(r"/do/[a-z]+(\?[A-Za-z0-9=&%._~-]*)?")


@router.get("/sign-in")
def ask(context: Shared, to: Annotated[str, Query(max_length=500)] = "/") -> HTMLResponse:
    """Ask for the password; `to` is where the browser goes then."""
    return HTMLResponse(context.render("sign-in.html.j2", problem=None, to=_ours(to)))


@router.post("/sign-in")
def sign_in(
    request: Request,
    context: Shared,
    password: Annotated[str, Form(max_length=200)],
    to: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Open a session for the right password, and slow down who guesses."""
    to = _ours(to)
    address, now_s = request.client.host if request.client else "", time.monotonic()
    if not context.attempts.is_allowed(address, now_s):
        return HTMLResponse(
            context.render("sign-in.html.j2", problem="Too many wrong passwords; wait a minute.", to=to), 429
        )
    if not is_same(password, context.password):
        context.attempts.note_failure(address, now_s)
        return HTMLResponse(context.render("sign-in.html.j2", problem="That is not the password.", to=to), 401)
    context.sessions.close(request.cookies.get(COOKIE))
    answer = RedirectResponse(to, 303)
    set_cookie(answer, request, context.sessions.open(USER, now_s))
    return answer


@router.post("/sign-out")
def sign_out(
    request: Request, context: Shared, session: Signed, csrf: Annotated[str, Form(max_length=100)]
) -> Response:
    """End the session."""
    if session is not None and is_same(csrf, session.csrf):
        context.sessions.close(request.cookies.get(COOKIE))
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


def _ours(to: str) -> str:
    """Return an address of a form of ours, else the first page: nobody is sent elsewhere after signing in."""
    return to if FORM.fullmatch(to) else "/"


def set_cookie(answer: Response, request: Request, token: str) -> None:
    """Give the browser its token, out of scripts' and other pages' reach."""
    is_secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    answer.set_cookie(COOKIE, token, max_age=SESSION_S, httponly=True, samesite="strict", secure=is_secure, path="/")
