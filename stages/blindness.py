"""Blindness: that nothing, or not everything, is judged any more is told once, and once that it is over (SEMANTICS 7)."""

from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.episode import Target
from schemas.outage import Blindness, Message, News
from schemas.spoken import spoken
from schemas.words import FLEET, Severity

SIGHT = Target(FLEET, "judgement")
"""What such a message is about; no inventory has a target of that name."""


class Seen(NamedTuple):
    """The message of a run, if any, and what is known of the blindness after it."""

    message: Message | None
    blindness: Blindness | None


def tell_blindness(
    before: Blindness | None, problem: str | None, as_of: datetime, run_ttl: timedelta, *, is_partial: bool = False
) -> Seen:
    """Return what to say of a run that came to no conclusion or judged a part alone, which `problem` names; None: a whole one.

    No event tells of it: the log is about the fleet, not about us.
    """
    if problem is None:
        if before is None or not before.is_told:
            return Seen(None, None)
        lasted = spoken((as_of - before.since).total_seconds())
        return Seen(_message(News.RESOLVED, f"everything is judged again, after {lasted}", ""), None)
    now = before or Blindness(since=as_of, is_told=False)
    if now.is_told or as_of - now.since < run_ttl:
        return Seen(None, now)
    what = "a part of the fleet is not judged" if is_partial else "nothing is judged"
    title = f"{what} since {now.since:%Y-%m-%d %H:%M} UTC"
    return Seen(_message(News.OPENED, title, problem), Blindness(since=now.since, is_told=True))


def _message(news: News, title: str, body: str) -> Message:
    severity = Severity.INFO if news is News.RESOLVED else Severity.ERROR
    return Message(root=SIGHT, news=news, severity=severity, title=title, body=body)
