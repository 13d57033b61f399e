"""The book: what the ledger comes to when its records are folded in their order (ACTIONS 14.3)."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

from schemas.attempt import UNSTARTED, Attempt, Consent, Intent, order_by_scope
from schemas.episode import Target
from schemas.executor_record import Capabilities
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.operator_record import Requested
from schemas.problem import Problem
from schemas.verb import Risk, Verb

ABLE_FOR = timedelta(hours=24)
"""An executor's word on what it can do holds so long."""


class Held(NamedTuple):
    """One hold of an operator."""

    target: str
    by: str
    at: datetime
    until: datetime
    reason: str


class Halted(NamedTuple):
    """One halt of an operator."""

    by: str
    at: datetime
    until: datetime | None
    reason: str
    abort: bool


class Asking(NamedTuple):
    """One request by hand."""

    n: int
    at: datetime
    uid: int
    by: str
    request: Requested
    is_over: bool = False
    """An intent of it was started, rejected or given up."""

    @property
    def target(self) -> Target:
        """What it is about."""
        return Target(self.request.node, self.request.service)


class Ignored(NamedTuple):
    """One record that was not allowed where it stands."""

    n: int
    kind: str
    why: str


class Attested(NamedTuple):
    """Somebody swears that a node is down."""

    at: datetime
    by: str


class Able(NamedTuple):
    """What the executor said last that it can do."""

    at: datetime
    capabilities: Capabilities

    def counts_at(self, moment: datetime) -> bool:
        """Return whether its word still counts then."""
        return moment - self.at <= ABLE_FOR


@dataclass(frozen=True, kw_only=True)
class Book:
    """All that the ledger says, as it stands now; what is picked out of it is picked once."""

    intents: Mapping[str, Intent] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    """In the order of their start."""
    attempts_of: Mapping[Target, tuple[Attempt, ...]] = field(default_factory=dict)
    """The same, of each target."""
    problems: Mapping[Target, Problem] = field(default_factory=dict)
    """The open ones."""
    closed_at: Mapping[Target, datetime] = field(default_factory=dict)
    """When the target's last problem ended."""
    requests: tuple[Asking, ...] = ()
    holds: tuple[Held, ...] = ()
    halts: tuple[Halted, ...] = ()
    resets: Mapping[str, int] = field(default_factory=dict)
    """By target, the number of its last reset."""
    attested: Mapping[str, Attested] = field(default_factory=dict)
    able: Able | None = None
    fence: int = 0
    """The number of the last `claimed`."""
    fence_host: str | None = None
    taken_over_by: str | None = None
    """The host that the executor was last allowed to move to, since the last claim."""
    ignored: tuple[Ignored, ...] = ()
    illegal: tuple[int, ...] = ()
    """The numbers of starts without leave."""
    newest_at: datetime | None = None
    """The latest moment of any record."""
    broken: str | None = None

    def halts_at(self, moment: datetime) -> tuple[Halted, ...]:
        """Return the halts in force."""
        return tuple(halt for halt in self.halts if halt.until is None or moment < halt.until)

    def last_halt_at(self, moment: datetime) -> Halted | None:
        """Return the halt in force that lasts longest, of equals the newest."""
        halts = self.halts_at(moment)
        return max(reversed(halts), key=lambda halt: (halt.until is None, halt.until or moment), default=None)

    def holds_at(self, moment: datetime) -> tuple[Held, ...]:
        """Return the holds in force."""
        return tuple(hold for hold in self.holds if moment < hold.until)

    @cached_property
    def open_attempts(self) -> tuple[Attempt, ...]:
        """The attempts whose outcome is not known yet."""
        return tuple(attempt for attempt in self.attempts if attempt.is_open)

    @cached_property
    def watched(self) -> frozenset[Target]:
        """Whose records show how the attempts went."""
        moved = (attempt.watched for attempt in self.attempts if attempt.verb is Verb.FAILOVER)
        return frozenset((*self.attempts_of, *moved))

    @cached_property
    def settled(self) -> Mapping[str, list[Attempt]]:
        """The settled attempts that count for the breakers of each scope, as they were settled."""
        return order_by_scope(self.attempts)

    @cached_property
    def unstarted(self) -> tuple[Intent, ...]:
        """The intents that may still start."""
        return tuple(intent for intent in self.intents.values() if intent.state in UNSTARTED)

    def attempts_since(self, moment: datetime) -> list[Attempt]:
        """Return the attempts that began later."""
        return self._by_start[bisect_right(self._by_start, moment, key=attrgetter("started_at")) :]

    @cached_property
    def _by_start(self) -> list[Attempt]:
        return sorted(self.attempts, key=attrgetter("started_at"))


def with_attempts(book: Book, changed: Mapping[int, Attempt]) -> Book:
    """Return the book with these attempts, by their number, in place of what they were."""
    if not changed:
        return book
    attempts = tuple(changed.get(attempt.n, attempt) for attempt in book.attempts)
    of_targets = {
        target: tuple(changed.get(attempt.n, attempt) for attempt in book.attempts_of.get(target, ()))
        for target in {attempt.target for attempt in changed.values()}
    }
    attempts_of = {**book.attempts_of, **of_targets}
    return replace(book, attempts=attempts, attempts_of=attempts_of, problems=give_attempts(book.problems, attempts_of))


def give_attempts(
    problems: Mapping[Target, Problem], attempts_of: Mapping[Target, tuple[Attempt, ...]]
) -> dict[Target, Problem]:
    """Return the problems, each with its attempts: those of its target that name its beginning."""
    given = {**problems}
    for target in problems.keys() & attempts_of.keys():
        problem = problems[target]
        mine = tuple(attempt for attempt in attempts_of[target] if attempt.problem_at == problem.problem_at)
        if mine != problem.attempts:
            given[target] = problem._replace(attempts=mine)
    return given


def consent_of(asking: Asking, risk: Risk, numbers: Numbers) -> Consent:
    """Return what a request counts for: its requester's yes (but where a dangerous one needs others), its overrides."""
    request = asking.request
    return Consent(
        uid=NOBODY if _needs_others(risk, numbers) else asking.uid,
        name=asking.by,
        at=asking.at,
        ends_at=request.ends_at,
        overrides=request.overrides,
        overrides_end_at=end_overrides(request.overrides_end_at, asking.at, numbers.max_override),
    )


def _needs_others(risk: Risk, numbers: Numbers) -> bool:
    return risk is Risk.DANGEROUS and numbers.dangerous_approvals >= 2


def may_say_yes(operator: Operator | None, intent: Intent, asking: Asking | None, numbers: Numbers) -> bool:
    """Return whether somebody's yes to an intent counts, `asking` being the request that it comes from.

    Of a dangerous request its requester's does not, where others must say it.
    """
    if operator is None or not operator.may_approve(intent.risk, f"{intent.node}/{intent.service}"):
        return False
    return asking is None or asking.uid != operator.uid or not _needs_others(intent.risk, numbers)


def end_overrides(given: datetime | None, at: datetime, longest: timedelta) -> datetime:
    """Return when an override ends: none is without an end, or longer than the longest."""
    return min(given or at + longest, at + longest)


def count_consents(
    consents: Iterable[Consent], risk: Risk, target: str, moment: datetime, operators: Mapping[int, Operator]
) -> int:
    """Return how many different people's yes holds at a moment."""
    return len(
        {
            consent.uid
            for consent in consents
            if moment < consent.ends_at
            and consent.uid in operators
            and operators[consent.uid].may_approve(risk, target)
        }
    )


NOBODY = -1
"""The uid of a yes that counts for nothing."""
