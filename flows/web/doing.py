"""Acting on the page: each form is one of the operator's commands, with a reason and an end; nobody acts without signing in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from flows.web.context import Context, Shared, Signed
from flows.web.sessions import Session, is_same

router = APIRouter(include_in_schema=False)
TARGET = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)?")
ACTION_ID = re.compile(r"[a-z0-9][a-z0-9._~-]*")
INTENT = re.compile(r"[0-9a-f]{12,64}")
UNTIL = re.compile(r"[0-9A-Za-z:.+-]{1,40}")
Values = Mapping[str, str]


@dataclass(frozen=True)
class Deed:
    """One thing that can be done here, and the operator's command that does it."""

    title: str
    says: str
    """What it does, for the person who is about to do it."""
    button: str
    words: tuple[str, ...]
    """The command."""
    needs: tuple[str, ...]
    """The fields of the form; `target` and `action` are the command's argument, the others its options."""
    may: tuple[str, ...] = ()
    """Fields that may stay empty; what is empty is no option."""
    names: tuple[str, ...] = ("--via=web", "--claimed={user}")
    """The options that say who is signed in, with `{user}` for the name: for the ledger the page is a bridge."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the fields of the form, in their order."""
        return (*self.needs, *self.may)

    def find_wrong(self, given: Values) -> list[str]:
        """Return the fields that are not as they should be."""
        filled = [field for field in self.fields if field in self.needs or given[field]]
        return [field for field in filled if not SHAPES[field].fullmatch(given[field])]

    def command(self, given: Values, user: str) -> list[str]:
        """Return the command and its options."""
        options = [f"--{field}={given[field]}" for field in self.fields if field not in ARGUMENTS and given[field]]
        return [*self.words, *options, *(name.format(user=user) for name in self.names)]

    def argument(self, given: Values) -> str | None:
        """Return what the command is about, where it is about something."""
        return next((given[field] for field in self.needs if field in ARGUMENTS), None)


ARGUMENTS = ("target", "action")
SHOWN_DIGITS = 12
"""Of an intent's id so many are shown, and sent back."""
DEEDS = {
    "ack": Deed(
        "Acknowledge",
        "It is shown apart and raises nothing until then; events are written as ever.",
        "Acknowledge",
        ("ack", "add"),
        ("target", "reason", "until"),
        names=("--owner={user}",),
    ),
    "unack": Deed(
        "End the acknowledgement",
        "It raises the state again from the next run on.",
        "End it",
        ("ack", "remove"),
        ("target",),
        names=(),
    ),
    "hold": Deed("Hold", "Automation keeps off it until then.", "Hold", ("hold",), ("target", "reason", "until")),
    "release": Deed(
        "Release the hold", "Automation may act on it again.", "Release", ("release",), ("target",), ("reason",)
    ),
    "halt": Deed(
        "Halt all automation",
        "Nothing more is started. What runs goes on, and is looked after.",
        "Halt everything",
        ("halt",),
        ("reason",),
        ("until",),
    ),
    "resume": Deed("Resume automation", "What may be done is done again.", "Resume", ("resume",), ("reason",)),
    "approve": Deed(
        "Approve",
        "This very intent may be started, once, while its evidence stays what it is.",
        "Approve",
        ("approve",),
        ("action", "intent", "reason"),
    ),
    "reject": Deed(
        "Reject",
        "This intent is not asked again for a while.",
        "Reject",
        ("reject",),
        ("action", "intent", "reason"),
    ),
}
SHAPES = {
    "target": TARGET,
    "action": ACTION_ID,
    "intent": INTENT,
    "until": UNTIL,
    "reason": re.compile(r"[^\x00-\x1f\x7f]{3,300}"),
}


@router.get("/do/{name}")
def ask(
    name: str,
    request: Request,
    context: Shared,
    session: Signed,
    target: Annotated[str, Query(max_length=200)] = "",
    action: Annotated[str, Query(max_length=200)] = "",
    intent: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Show the form of a deed, to who is signed in."""
    if session is None:
        to = f"{request.url.path}?{request.url.query}"
        return RedirectResponse(f"/sign-in?{urlencode({'to': to})}", 303)
    if name not in DEEDS:
        return HTMLResponse(context.render("gone.html.j2", what=name, signed=session), 404)
    given = {"target": target, "action": action, "intent": intent}
    return _form(context, session, name, given, None)


@router.post("/do/{name}")
async def do(
    name: str,
    context: Shared,
    session: Signed,
    csrf: Annotated[str, Form(max_length=100)],
    target: Annotated[str, Form(max_length=200)] = "",
    action: Annotated[str, Form(max_length=200)] = "",
    intent: Annotated[str, Form(max_length=64)] = "",
    reason: Annotated[str, Form(max_length=300)] = "",
    until: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Do it, and show what the command said."""
    if session is None:
        about = {"target": target, "action": action, "intent": intent}
        back = f"/do/{name}?{urlencode({field: value for field, value in about.items() if value})}"
        return RedirectResponse(f"/sign-in?{urlencode({'to': back})}", 303)
    if name not in DEEDS:
        return HTMLResponse(context.render("gone.html.j2", what=name, signed=session), 404)
    given = {
        "target": target.strip(),
        "action": action,
        "intent": intent,
        "reason": reason.strip(),
        "until": until.strip(),
    }
    if not is_same(csrf, session.csrf):
        return _form(context, session, name, given, "This form is out of date; look it over and send it again.", 403)
    deed = DEEDS[name]
    if wrong := deed.find_wrong(given):
        return _form(context, session, name, given, f"Say {' and '.join(wrong)} as the form shows.", 422)
    done = await context.operator.run(deed.command(given, session.user), deed.argument(given))
    return HTMLResponse(
        context.render("done.html.j2", deed=deed, done=done, signed=session), 200 if done.code == 0 else 409
    )


def _form(
    context: Context, session: Session, name: str, given: Values, problem: str | None, code: int = 200
) -> HTMLResponse:
    """Return the form; of an intent with what would run and what it waits for, and none where it is asked no more."""
    deed = DEEDS[name]
    values = {"reason": "", "until": "" if "until" in deed.may else "3d", **given}
    asked = _find_asked(context, given) if "intent" in deed.needs else None
    if "intent" in deed.needs and asked is None:
        what = f"{given['action']} is not asked any more, or by another intent than you saw: see what became of it"
        return HTMLResponse(context.render("gone.html.j2", title="Not asked", what=what, signed=session), 409)
    why = _find_reason(context, asked) if asked else None
    text = context.render(
        "do.html.j2", name=name, deed=deed, given=values, signed=session, problem=problem, asked=asked, why=why
    )
    return HTMLResponse(text, code)


def _find_reason(context: Context, asked: Mapping[str, Any]) -> str | None:
    """Return why the recommendation behind an intent stands, in a sentence."""
    standing = context.fleet.shown.content["standing"]
    return next((row["reason"] for row in standing if row["recommendation_id"] == asked["recommendation_id"]), None)


def _find_asked(context: Context, given: Values) -> Mapping[str, Any] | None:
    """Return the decision about the intent that was shown, with its action; None where it is not asked now."""
    return next(
        (
            row
            for row in context.fleet.shown.content["decided"].values()
            if row["action"]
            and row["action"]["action_id"] == given["action"]
            and len(given["intent"]) >= SHOWN_DIGITS
            and row["intent_id"].startswith(given["intent"])
        ),
        None,
    )
