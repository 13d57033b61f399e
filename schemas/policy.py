"""A policy (ACTIONS 12): which rule decides, what lowers it, when something may begin, what belongs together."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, NamedTuple

from schemas.match import ADVICE_KEYS, Match, Subject, find_mismatch, match_any, match_glob
from schemas.numbers import Automation, Numbers
from schemas.schedule import Schedule
from schemas.verb import CEILING, TRAITS, Mode, Risk, Verb, fit_ladder, pick_verb
from schemas.window import Window
from schemas.words import Action, DriftKind

DEFAULT_PROTECTED = (
    "*/control-plane",
    "*/runtime-supervisor",
    "*/supervisor",
    "*/observer",
    "*/executor",
    "*/*socket-proxy",
)


class Need(StrEnum):
    """What a rule may ask for before something starts."""

    OTHER_INSTANCE_HEALTHY = "other_instance_healthy"
    NO_OPEN_INCIDENT = "no_open_incident"
    NO_RECENT_DEPLOYMENT = "no_recent_deployment"


class FaultSeverity(StrEnum):
    """Whether a file can be used all the same."""

    ERROR = "error"
    WARNING = "warning"


class PolicyFault(NamedTuple):
    """One fault of a file; line and column count from 1, and are none where it is about the whole file."""

    severity: FaultSeverity
    file: str
    line: int | None
    column: int | None
    problem: str

    def __str__(self) -> str:
        """Return it as a line: place and problem."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{place}{':' if self.line is None else ''} {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A line that gives a mode and numbers to what it matches, where no line above it does."""

    rule_id: str
    match: Match
    mode: Mode
    ladder: tuple[Verb, ...] = ()
    """Verbs tried in order; empty: the default of the action."""
    risk: Risk | None = None
    """Raises the class of its verbs."""
    allow: tuple[str, ...] = ()
    """Names of windows."""
    deny: tuple[str, ...] = ()
    """Names of windows."""
    needs: tuple[Need, ...] = ()
    reason: str | None = None
    numbers: tuple[tuple[str, Any], ...] = ()
    """Those of its own, by name."""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A line that lowers the mode of what it matches."""

    match: Match
    mode: Mode
    reason: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Targets of which so many must stay available."""

    name: str
    targets: tuple[str, ...]
    """Globs over `node/service`."""
    min_available: int | None = None
    """None: the majority of its members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """Where a service may go when its node is down."""

    target: str
    to: tuple[str, ...]
    """Nodes, the best first."""
    singleton: bool = False
    """Two of it at once do harm: a person must swear that the old one is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A whole valid policy file; without rules where there is none."""

    rules: tuple[Rule, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()
    windows: tuple[tuple[str, Window], ...] = ()
    freeze: tuple[str, ...] = ()
    """Names of windows that deny everywhere."""
    domains: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Nodes of which only one may have an open attempt, by the domain's name."""
    groups: tuple[Group, ...] = ()
    failovers: tuple[Failover, ...] = ()
    protected: tuple[str, ...] = DEFAULT_PROTECTED
    zone: str = "UTC"
    fingerprint: str = field(default="", compare=False)

    def is_protected(self, target: str) -> bool:
        """Return whether a glob of the protected targets matches."""
        return match_any(self.protected, target)

    @property
    def asks_of_targets(self) -> bool:
        """A rule or a ceiling asks for more than what is recommended: for a name, or a property of a target or its node."""
        matches = [*(rule.match for rule in self.rules), *(ceiling.match for ceiling in self.ceilings)]
        return any(key not in ADVICE_KEYS for match in matches for key, _ in match.keys)

    def domains_of(self, node: str) -> frozenset[str]:
        """Return the names of the domains that a node is in; a node in none is its own."""
        found = frozenset(f"domain {name}" for name, nodes in self.domains if node in nodes)
        return found or frozenset({f"node {node}"})

    def groups_of(self, target: str) -> tuple[Group, ...]:
        """Return the groups that a target is a member of."""
        return tuple(group for group in self.groups if any(match_glob(glob, target) for glob in group.targets))

    def failover_of(self, target: str) -> Failover | None:
        """Return where a service may go; None where nothing is said of it."""
        return next((entry for entry in self.failovers if entry.target == target), None)

    def schedule_of(self, rule: Rule | None) -> Schedule:
        """Return when what a rule decides may begin; of a request without a rule, the freezes alone count."""
        allow, deny = (rule.allow, rule.deny) if rule else ((), ())
        return Schedule(self._windows(allow), self._windows((*deny, *self.freeze)))

    def _windows(self, names: Iterable[str]) -> tuple[Window, ...]:
        known = dict(self.windows)
        return tuple(known[name] for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenPolicy:
    """A file that does not validate as a whole, or is not trusted: it holds nothing."""

    faults: tuple[PolicyFault, ...]
    fingerprint: str = ""

    @property
    def errors(self) -> tuple[PolicyFault, ...]:
        """Return its faults without what is merely odd."""
        return tuple(fault for fault in self.faults if fault.severity is FaultSeverity.ERROR)

    def __str__(self) -> str:
        """Return its first error, and how many more there are."""
        errors = self.errors
        more = f" (and {len(errors) - 1} more; see 'supervisor policy check')" if len(errors) > 1 else ""
        return f"{errors[0]}{more}"


@lru_cache(maxsize=1024)
def numbers_of(rule: Rule | None, numbers: Numbers) -> Numbers:
    """Return the numbers that hold under a rule: its own, else the fleet's."""
    return replace(numbers, **dict(rule.numbers)) if rule and rule.numbers else numbers


def margin_of(numbers: Numbers, verb: Verb) -> timedelta:
    """Return how long a window must stay open from the start of a verb."""
    given = (numbers.window_margin, numbers.timeout, TRAITS[verb].timeout)
    return next(margin for margin in given if margin is not None)


def risk_of(verb_risk: Risk, rule: Rule | None) -> Risk:
    """Return the class of a verb under a rule, which can raise it, and not lower it."""
    if rule is None or rule.risk is None or rule.risk.rank <= verb_risk.rank:
        return verb_risk
    return rule.risk


class Fitted(NamedTuple):
    """What a rule makes of a recommendation: the ladder, the verb that it has at this moment, and that verb's class."""

    ladder: tuple[Verb, ...]
    verb: Verb
    risk: Risk


def fit_rule(rule: Rule, action: Action, kinds: tuple[DriftKind, ...], position: int) -> Fitted:
    """Return what a rule makes of a recommendation that has a verb, at a place of the ladder."""
    ladder = fit_ladder(rule.ladder, action, kinds)
    verb = pick_verb(ladder, position)
    return Fitted(ladder, verb, risk_of(TRAITS[verb].risk, rule))


class InForce(NamedTuple):
    """The mode in force, and what lowered it: `class`, `automation`, `ceilings[0]`, `protected`; none: the rule's own."""

    mode: Mode
    lowered_by: str | None


def find_mode(granted: Mode, risk: Risk, automation: Automation, policy: Policy, subject: Subject) -> InForce:
    """Return the lowest of the granted mode and of all that lowers it; of equals, the first of the order above.

    `risk` is the class of the verb that would be used; automation is on.
    """
    return spare_protected(lower_mode(granted, risk, automation, policy, subject), policy, subject.target)


def lower_mode(granted: Mode, risk: Risk, automation: Automation, policy: Policy, subject: Subject) -> InForce:
    """Return the mode in force of what is not protected."""
    lowest = _lower_everywhere(granted, risk, automation)
    for place, ceiling in enumerate(policy.ceilings):
        if ceiling.mode.rank < lowest.mode.rank and find_mismatch(ceiling.match, subject, risk) is None:
            lowest = InForce(ceiling.mode, f"ceilings[{place}]")
    return lowest


def spare_protected(in_force: InForce, policy: Policy, target: str) -> InForce:
    """Return the mode in force of a target, which is suggested at most where it is protected."""
    if in_force.mode.rank > Mode.SUGGEST.rank and policy.is_protected(target):
        return InForce(Mode.SUGGEST, "protected")
    return in_force


@cache
def _lower_everywhere(granted: Mode, risk: Risk, automation: Automation) -> InForce:
    """Return what class and automation leave of a mode, whatever it is about."""
    lowest = InForce(granted, None)
    for name, mode in (("class", CEILING[risk]), ("automation", Mode(automation))):
        if mode.rank < lowest.mode.rank:
            lowest = InForce(mode, name)
    return lowest
