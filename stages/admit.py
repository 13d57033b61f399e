"""Admission: who starts first, and what may not run beside what (ACTIONS 15.2, guards 18, 19, 23, 25 and 26)."""

from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import NamedTuple

from schemas.book import Book
from schemas.breaker import find_breaker
from schemas.candidate import Case, Weighed
from schemas.decision import GUARDS, PLACES, Guard, GuardHit, Verdict, make_hit
from schemas.episode import Target, spell_target
from schemas.numbers import Numbers, Rate
from schemas.policy import Group, Policy
from schemas.scene import SEVERITY_RANK, Scene, look_at
from schemas.verb import Mode, is_mutating
from schemas.words import ALL, FLEET, DriftKind

_NOTHING = Policy()


def admit(
    weighed: Iterable[Weighed], scene: Scene, book: Book, policy: Policy | None, numbers: Numbers
) -> tuple[Weighed, ...]:
    """Return the cases with the guards added that depend on what else runs, and on what was admitted before in this run.

    Those that all other guards let pass go first, in the order of admission: severity, blast radius, age of the problem,
    name. What fails waits, and the next one is still looked at. All others are held against the ledger alone.
    """
    rows = [*weighed]
    ledger, filled = (_Floor(scene, book, policy or _NOTHING, numbers) for _ in range(2))
    alone = [_find(ledger, row.case) if ledger.may_hold else () for row in rows]
    ready = [place for place, row in enumerate(rows) if _may_start(row, alone[place])]
    count = 0
    for place in sorted(ready, key=lambda place: _order(rows[place].case)):
        alone[place] = _find(filled, rows[place].case)
        if not alone[place] and not rows[place].hits:
            filled.add(rows[place].case)
            rows[place] = rows[place]._replace(place=count)
            count += 1
    return tuple(_merge(row, hits) for row, hits in zip(rows, alone, strict=True))


def _find(floor: "_Floor", case: Case) -> tuple[GuardHit, ...]:
    hits = floor.find(case)
    if not hits or not case.overrides:
        return hits
    return tuple(hit for hit in hits if hit.name not in case.overrides or not GUARDS[hit.guard].is_overridable)


def _may_start(row: Weighed, hits: tuple[GuardHit, ...]) -> bool:
    """Return whether 1 to 24 and 27 pass."""
    if row.case.mode is not Mode.AUTO and not row.case.is_approved:
        return False
    is_held = row.hits and any(hit.guard is not Guard.REFUSED for hit in row.hits)
    return not is_held and not (hits and any(hit.guard in _EARLY for hit in hits))


_EARLY = {Guard.CHAIN_BUSY, Guard.QUORUM, Guard.BREAKER}


def _order(case: Case) -> tuple[int, int, datetime, Target, str]:
    advice = case.candidate.advice
    severity = -SEVERITY_RANK[advice.severity] if advice else 1
    return severity, -advice.blast_radius if advice else 0, case.problem_at, case.target, case.verb


def _merge(row: Weighed, hits: tuple[GuardHit, ...]) -> Weighed:
    if not hits:
        return row
    both = sorted((*row.hits, *hits), key=lambda hit: PLACES[hit.guard]) if row.hits else hits
    return Weighed(row.case, tuple(both), row.place)


@cache
def _wait_for(count: int) -> GuardHit:
    return make_hit(Guard.BUSY, f"{count} attempts wait for their outcomes", "their outcomes")


class _Occupant(NamedTuple):
    """What runs, or was admitted to."""

    target: Target
    nodes: tuple[str, ...]
    is_mutating: bool


@dataclass(slots=True)
class _Floor:
    """Who is on it: the open attempts and the starts of the ledger, and those admitted in this run."""

    scene: Scene
    book: Book
    policy: Policy
    numbers: Numbers
    occupants: list[_Occupant] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    nodes: set[str] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    starts: dict[tuple[str, ...], list[datetime]] = field(default_factory=dict)
    fleet_rates: tuple[GuardHit | None, ...] | None = None
    """What the fleet's rates come to, the same for all; None until it is asked for."""
    breakers: dict[str, datetime | None] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    """The nodes where something runs, or was started lately."""
    shared: dict[str, tuple[GuardHit, ...]] = field(default_factory=dict)
    """What holds back all those that nothing is near: by the service where one of its name runs, else of none."""

    def __post_init__(self) -> None:
        for attempt in self.book.open_attempts:
            self._occupy(_Occupant(attempt.target, attempt.nodes, attempt.is_mutating))
        left_at = self.scene.as_of - self.numbers.longest_window
        for attempt in self.book.attempts_since(left_at):
            self._note_start(attempt.target, attempt.nodes, attempt.is_mutating, attempt.started_at)

    @property
    def may_hold(self) -> bool:
        """Whether anything of it can hold a case back: of most fleets nothing runs, and nothing failed lately."""
        return bool(self.occupants or self.starts or self.book.settled or self.policy.groups)

    def add(self, case: Case) -> None:
        """Count a case that starts."""
        mutates = is_mutating(case.verb)
        self._occupy(_Occupant(case.target, case.candidate.nodes, mutates))
        self._note_start(case.target, case.candidate.nodes, mutates, self.scene.as_of)

    def _occupy(self, occupant: _Occupant) -> None:
        self.occupants.append(occupant)
        self.shared.clear()
        self.touched.update(occupant.nodes)
        self.services.add(occupant.target.service)
        self.nodes.update(occupant.nodes)
        self.domains.update(domain for node in occupant.nodes for domain in self._domains_of(node))

    def _note_start(self, target: Target, nodes: tuple[str, ...], mutates: bool, at: datetime) -> None:
        scopes = [("target", *target), *(("node", node) for node in nodes), ("fleet",)] if mutates else [("look",)]
        self.fleet_rates = None
        self.shared.clear()
        self.touched.update(nodes)
        for scope in scopes:
            insort(self.starts.setdefault(scope, []), at)

    def find(self, case: Case) -> tuple[GuardHit, ...]:
        """Return the guards that fail for a case, in their order."""
        if not self._is_apart(case):
            return self._find(case)
        kind = case.target.service if case.target.service in self.services else ""
        hits = self.shared.get(kind)
        if hits is None:
            hits = self.shared[kind] = self._find(case)
        return hits

    def _is_apart(self, case: Case) -> bool:
        """Return whether what runs and ran holds a case back as it does any other of its name far from it."""
        if self.book.settled or self.policy.groups or self.policy.domains or case.open_attempt is not None:
            return False
        is_alone = self.touched.isdisjoint(case.candidate.nodes) and not self.scene.chain.get(case.target)
        return is_alone and is_mutating(case.verb)

    def _find(self, case: Case) -> tuple[GuardHit, ...]:
        hits: list[GuardHit | None] = []
        if is_mutating(case.verb):
            if case.target.service != ALL and (self.occupants or self.policy.groups):
                hits += (self._find_chain_busy(case.target), self._find_quorum(case.target))
            if self.book.settled:
                hits.append(self._find_breaker(case))
        if self.occupants and case.open_attempt is None:
            hits.append(self._find_busy(case.candidate.nodes))
        if self.starts:
            hits += self._find_rates(case)
        return tuple([hit for hit in hits if hit is not None])

    def _find_chain_busy(self, target: Target) -> GuardHit | None:
        chain = self.scene.chain.get(target, frozenset())
        for other in self.occupants if chain else ():
            if other.target in chain and other.target != target:
                text = f"{spell_target(other.target)} of its chain is being acted on"
                return make_hit(Guard.CHAIN_BUSY, text, "its outcome")
        return None

    def _find_quorum(self, target: Target) -> GuardHit | None:
        groups = self.policy.groups_of(spell_target(target)) if self.policy.groups else ()
        busy = self._find_busy_peer(target, groups)
        if busy is not None:
            return make_hit(Guard.QUORUM, f"{spell_target(busy)} is being acted on", spell_target(busy))
        if not groups or self._is_missing(target):
            return None
        short = next((group for group in groups if self._is_short(target, group)), None)
        if short is None:
            return None
        text = f"too few others of the group {short.name} are well"
        return make_hit(Guard.QUORUM, text, "a person", verdict=Verdict.REFUSE)

    def _find_busy_peer(self, target: Target, groups: tuple[Group, ...]) -> Target | None:
        for other in self.occupants:
            if groups:
                is_peer = any(other.target in self.scene.members.get(group.name, ()) for group in groups)
            else:
                is_peer = other.target.service == target.service
            if is_peer and other.target != target:
                return other.target
        return None

    def _is_missing(self, target: Target) -> bool:
        findings = self.scene.findings.get(target, ())
        return any(finding.kind is DriftKind.MISSING_SERVICE for finding in findings)

    def _is_short(self, target: Target, group: Group) -> bool:
        members = self.scene.members.get(group.name, frozenset())
        busy = {occupant.target for occupant in self.occupants}
        well = sum(look_at(self.scene, other).is_clean for other in members - busy - {target})
        return well < (len(members) // 2 + 1 if group.min_available is None else group.min_available)

    def _find_breaker(self, case: Case) -> GuardHit | None:
        scopes = (FLEET, *(f"{node}/{ALL}" for node in case.candidate.nodes))
        shut = [hit for scope in scopes if (hit := self._find_breaker_of(scope)) is not None]
        if not shut:
            return None
        ends = [hit.until for hit in shut]
        return shut[0]._replace(until=None if None in ends else max(end for end in ends if end is not None))

    def _find_breaker_of(self, scope: str) -> GuardHit | None:
        if scope not in self.breakers:
            self.breakers[scope] = find_breaker(scope, self.book, self.numbers, self.scene.as_of)
        until, node = self.breakers[scope], scope.partition("/")[0]
        if until is None:
            return None
        where, unblocked = "the fleet" if scope == FLEET else node, f"supervisor actions reset {node}/{ALL}"
        if self.scene.as_of < until:
            return make_hit(Guard.BREAKER, f"the breaker of {where} is open", unblocked, until)
        if any(other.is_mutating and (scope == FLEET or node in other.nodes) for other in self.occupants):
            return make_hit(Guard.BREAKER, f"the breaker of {where} waits for one probe", unblocked)
        return None

    def _domains_of(self, node: str) -> frozenset[str]:
        return self.policy.domains_of(node) if self.policy.domains else frozenset()

    def _find_busy(self, nodes: tuple[str, ...]) -> GuardHit | None:
        if not self.nodes.isdisjoint(nodes):
            return make_hit(Guard.BUSY, "an attempt on the node waits for its outcome", "its outcome")
        if self.policy.domains and any(domain in self.domains for node in nodes for domain in self._domains_of(node)):
            return make_hit(Guard.BUSY, "an attempt in the domain waits for its outcome", "its outcome")
        return _wait_for(len(self.occupants)) if len(self.occupants) >= self.numbers.max_concurrent else None

    def _find_rates(self, case: Case) -> tuple[GuardHit | None, ...]:
        numbers = self.numbers
        if not is_mutating(case.verb):
            return (self._find_rate(Guard.RATE_DIAGNOSTICS, numbers.rate_diagnostics, [("look",)]),)
        if self.fleet_rates is None:
            rates = (Guard.RATE_FLEET, numbers.rate_fleet), (Guard.BUDGET, numbers.budget)
            self.fleet_rates = tuple(self._find_rate(guard, rate, [("fleet",)]) for guard, rate in rates)
        return (
            self._find_rate(Guard.RATE_TARGET, numbers.rate_target, [("target", *case.target)]),
            self._find_rate(Guard.RATE_NODE, numbers.rate_node, [("node", node) for node in case.candidate.nodes]),
            *self.fleet_rates,
        )

    def _find_rate(self, guard: Guard, rate: Rate, scopes: list[tuple[str, ...]]) -> GuardHit | None:
        known = [scope for scope in scopes if scope in self.starts]
        if not known:
            return None
        reached = [until for scope in known if (until := self._free_at(rate, scope)) is not None]
        return make_hit(guard, f"{rate} starts are reached", "time", max(reached)) if reached else None

    def _free_at(self, rate: Rate, scope: tuple[str, ...]) -> datetime | None:
        """Return when the start that must leave does; None where the limit is not reached."""
        as_of, starts = self.scene.as_of, self.starts[scope]
        last = bisect_right(starts, as_of)
        first = bisect_right(starts, as_of - rate.window)
        return None if last - first < rate.count else starts[last - rate.count] + rate.window
