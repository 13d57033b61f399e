"""Outages: what a person is told of as one thing. Plain values, as for episodes."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from schemas.episode import Recommended, Target
from schemas.words import Severity


class News(StrEnum):
    """What a message says of an outage."""

    OPENED = "opened"
    CHANGED = "changed"
    RESOLVED = "resolved"


class Trouble(NamedTuple):
    """One open episode, as far as a message tells of it."""

    target: Target
    root: Target
    """The target at the end of its chain of causes: itself where it waits for nothing."""
    severity: Severity
    opened_at: datetime
    """When its episode opened, which may be long before anybody is told."""
    signature: str
    """What makes it worth another message when it changes."""
    text: str
    plight: str | None = None
    """Why automation gave it up, what was tried and what was collected; None where it did not."""


class Outage(NamedTuple):
    """What was last told of one root cause: since when, and which targets, each with its signature."""

    root: Target
    opened_at: datetime
    signatures: Mapping[Target, str]


class Blindness(NamedTuple):
    """Runs in a row that came to no conclusion, or spoke of a part alone."""

    since: datetime
    is_told: bool


class Message(NamedTuple):
    """One message about one outage: how it stands now, so that a later one replaces an earlier one."""

    root: Target
    news: News
    severity: Severity
    title: str
    body: str
    subject: str = ""
    """What is open, as signatures: the same in a message that says nothing new; empty where all is well."""


class RunNews(NamedTuple):
    """What messages need of one run: its conclusions, or why there are none."""

    as_of: datetime
    recommended: tuple[Recommended, ...] | None
    """As its events say them; None where it came to no conclusion."""
    silenced: frozenset[Target] = frozenset()
    """Targets whose recommendations somebody answers for."""
    removed: frozenset[Target] = frozenset()
    """Targets whose episodes ended in this run since nobody asks for them any more."""
    problem: str | None = None
    """What could not be judged, and why; None for a whole run."""
    plights: Mapping[Target, str] = {}
    """Targets whose trouble automation gave up, with why, what was tried and what was collected."""
