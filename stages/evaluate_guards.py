"""Guards: what holds a case back, each a row of a table (ACTIONS 15.1); those that depend on what else starts are admission's."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.attempt import Intent, IntentState
from schemas.book import Able, Book
from schemas.candidate import Case, Weighed
from schemas.canonical import spell_instant
from schemas.decision import GUARDS, PLACES, Guard, GuardHit, make_hit
from schemas.episode import Target, spell_target
from schemas.ledger import WHY_HUMAN, AttemptOutcome
from schemas.memory import Memory
from schemas.numbers import Numbers
from schemas.policy import Need, Policy, margin_of
from schemas.problem import count_failures, count_no_effect
from schemas.scene import Scene, limit_collateral, limit_of
from schemas.schedule import Schedule, fits, next_allowed
from schemas.spoken import count
from schemas.verb import TRAITS, Mode, Verb, is_mutating
from schemas.verification import is_foreign, qualifies
from schemas.window import is_open
from schemas.words import ALL, FLEET, Action, DriftKind

ABLE_FOR = timedelta(hours=24)
"""An executor's word on what it can do holds so long."""
RECENT = timedelta(minutes=30)
"""A deployment is recent for so long."""
Hits = Iterator[GuardHit]


def evaluate_guards(
    cases: Iterable[Case],
    scene: Scene,
    book: Book,
    memory: Memory,
    policy: Policy | None,
    policy_fault: str,
    numbers: Numbers,
    able: Able | None,
) -> tuple[Weighed, ...]:
    """Return each case with all guards but 18, 19, 23, 25 and 26 that fail, in their order.

    `memory` is the one with this run in it. An override that holds for a case lets its guard pass.
    """
    cases = tuple(cases)
    ground = _Ground(cases, scene, book, memory, policy, policy_fault, numbers, able, _schedules(policy))
    fleet = tuple(_find_fleet_hits(ground))
    rows = tuple(row for row in _TABLE if row.may_fail(ground))
    return tuple(Weighed(case, _weigh(case, ground, fleet, rows)) for case in cases)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What guards look at."""

    cases: tuple[Case, ...]
    """All of the run."""
    scene: Scene
    book: Book
    memory: Memory
    policy: Policy | None
    policy_fault: str
    numbers: Numbers
    able: Able | None
    schedules: Mapping[str | None, Schedule]


class _Row(NamedTuple):
    """One guard of the table."""

    guard: Guard
    find: Callable[[Case, _Ground], Hits]
    may_fail: Callable[[_Ground], bool] = lambda _: True
    """Whether it can fail for any case of the run at all, asked once: of ten thousand cases most guards have nothing to say."""
    is_for_mutating: bool = False
    """It holds back only what changes something."""
    spares_requests: bool = False
    """A request by hand passes it."""


def _schedules(policy: Policy | None) -> dict[str | None, Schedule]:
    if policy is None:
        return {}
    named: dict[str | None, Schedule] = {rule.rule_id: policy.schedule_of(rule) for rule in policy.rules}
    return {name: row for name, row in (named | {None: policy.schedule_of(None)}).items() if row.allow or row.deny}


def _weigh(case: Case, ground: _Ground, fleet: tuple[GuardHit, ...], rows: tuple[_Row, ...]) -> tuple[GuardHit, ...]:
    if not fleet and not rows:
        return ()
    mutates, is_requested = is_mutating(case.verb), case.candidate.asking is not None
    hits = [*fleet]
    for row in rows:
        if (mutates or not row.is_for_mutating) and not (is_requested and row.spares_requests):
            hits.extend(row.find(case, ground))
    if case.overrides:
        hits = [hit for hit in hits if hit.name not in case.overrides or not GUARDS[hit.guard].is_overridable]
    if fleet:
        hits.sort(key=lambda hit: PLACES[hit.guard])
    return tuple(hits)


def _find_fleet_hits(ground: _Ground) -> Hits:
    for find in (_policy_invalid, _ledger_broken, _clock_behind, _halted, _observer_suspect, _too_many, _storm):
        yield from find(ground)


def _policy_invalid(ground: _Ground) -> Hits:
    if ground.policy is None:
        yield make_hit(Guard.POLICY_INVALID, ground.policy_fault, "mending the policy")


def _ledger_broken(ground: _Ground) -> Hits:
    if ground.book.broken is not None:
        yield make_hit(Guard.LEDGER_BROKEN, ground.book.broken, "supervisor actions verify")


def _clock_behind(ground: _Ground) -> Hits:
    scene = ground.scene
    latest = max(scene.world_at, ground.book.newest_at or scene.world_at)
    if latest > scene.as_of + ground.numbers.clock_skew:
        yield make_hit(Guard.CLOCK_BEHIND, f"something was written at {spell_instant(latest)}", "setting the clock")


def _halted(ground: _Ground) -> Hits:
    halt = ground.book.last_halt_at(ground.scene.as_of)
    if halt is not None:
        text = f"halted by {halt.by} since {spell_instant(halt.at)}: {halt.reason}"
        yield make_hit(Guard.HALTED, text, "supervisor resume", halt.until)


def _observer_suspect(ground: _Ground) -> Hits:
    if ground.scene.is_observer_suspect:
        yield make_hit(Guard.OBSERVER_SUSPECT, "the observer is suspect", "the observer")


def _too_many(ground: _Ground) -> Hits:
    text = _describe_storm(ground.scene, ground.numbers)
    if text:
        yield make_hit(Guard.TOO_MANY_UNHEALTHY, text, "fewer of them: look for one cause")


def _describe_storm(scene: Scene, numbers: Numbers) -> str:
    services = limit_of(numbers.max_unhealthy_share, scene.service_count, numbers.max_unhealthy_min)
    nodes = limit_of(numbers.max_offline_share, scene.node_count, numbers.max_offline_min)
    texts = []
    if scene.unhealthy_count > services:
        texts.append(
            f"{scene.unhealthy_count} of {scene.service_count} services are missing or unhealthy, at most {services} may be"
        )
    if scene.down_count > nodes:
        texts.append(f"{scene.down_count} of {scene.node_count} nodes are offline or suspect, at most {nodes} may be")
    return "; ".join(texts)


def _storm(ground: _Ground) -> Hits:
    storm_at, scene = ground.memory.storm_at, ground.scene
    fails_now = bool(_describe_storm(scene, ground.numbers))
    until = None if storm_at is None else storm_at + ground.numbers.storm_cooldown
    if fails_now or (until is not None and scene.as_of < until):
        text = "too many were in trouble at once" + (f", last at {spell_instant(storm_at)}" if storm_at else "")
        yield make_hit(Guard.STORM, text, "time", None if fails_now else until)


def _is_old(ground: _Ground) -> bool:
    return ground.scene.as_of - ground.scene.world_at > ground.numbers.act_world_ttl


def _stale_world(case: Case, ground: _Ground) -> Hits:
    scene = ground.scene
    if _is_old(ground):
        yield make_hit(Guard.STALE_WORLD, f"the world is of {spell_instant(scene.world_at)}", "a fresh world")
        return
    last = case.last_settled
    if last is not None and last.outcome is AttemptOutcome.UNKNOWN and not qualifies(scene, last, None):
        yield make_hit(
            Guard.STALE_WORLD, "the target was not seen since its last attempt", "a fresh world of the target"
        )


def _node_suspect(case: Case, ground: _Ground) -> Hits:
    suspect = [node for node in case.candidate.nodes if node in ground.scene.suspect]
    if suspect and not ground.scene.is_observer_suspect:
        yield make_hit(Guard.NODE_SUSPECT, f"{suspect[0]} is suspect", f"the node {suspect[0]}")


def _protected(case: Case, _: _Ground) -> Hits:
    if case.candidate.asking is not None and case.lowered_by == "protected":
        yield make_hit(Guard.PROTECTED, f"{spell_target(case.target)} is protected", "editing the policy")


def _held(case: Case, ground: _Ground) -> Hits:
    names = (spell_target(case.target), f"{case.target.node}/{ALL}", f"{FLEET}/{ALL}")
    holds = [hold for hold in ground.book.holds_at(ground.scene.as_of) if hold.target in names]
    if holds:
        last = max(holds, key=lambda hold: hold.until)
        text = f"{last.by} holds {last.target}: {last.reason}"
        yield make_hit(Guard.HELD, text, f"supervisor release {last.target}", last.until)


def _acknowledged(case: Case, ground: _Ground) -> Hits:
    answered = ground.scene.answered.get(case.target)
    if answered is not None and ground.scene.as_of < answered.until:
        text = f"{answered.owner} answers for it: {answered.reason}"
        yield make_hit(Guard.ACKNOWLEDGED, text, "the end of the acknowledgement", answered.until)


def _is_unable(ground: _Ground) -> bool:
    return ground.able is None or ground.scene.as_of - ground.able.at > ABLE_FOR


def _not_allowed(case: Case, ground: _Ground) -> Hits:
    if _is_unable(ground):
        yield make_hit(Guard.NOT_ALLOWED, "no executor said what it can do within 24 h", "a running executor")
    elif case.offer is None:
        text = f"the executor has no {case.verb} of {spell_target(case.target)}"
        yield make_hit(Guard.NOT_ALLOWED, text, "a line in executor.yaml")


def _not_verifiable(case: Case, _: _Ground) -> Hits:
    if case.candidate.advice is None or case.offer is None or case.offer.reports_deployments:
        return
    cured = TRAITS[case.verb].cures.intersection(case.candidate.advice.causing_kinds)
    if cured == {DriftKind.FAILED_DEPLOYMENT}:
        text = "only a later deployment would show success, and the backend reports none"
        yield make_hit(Guard.NOT_VERIFIABLE, text, "reports_deployments in executor.yaml")


def _needs_human(case: Case, ground: _Ground) -> Hits:
    if case.open_attempt is not None:
        return
    why = case.why_human(ground.numbers.max_no_effect)
    if why is not None:
        unblocked = "lasting recovery, a changed desired state, or supervisor actions reset"
        yield make_hit(Guard.NEEDS_HUMAN, WHY_HUMAN[why], unblocked)
        return
    ends_at = case.rejection_ends_at(ground.numbers.reject_hold)
    if ends_at is not None and ground.scene.as_of < ends_at:
        yield make_hit(Guard.NEEDS_HUMAN, "it was rejected", "another intent, or time", ends_at)


def _flapping(case: Case, ground: _Ground) -> Hits:
    until = ground.scene.flapping.get(case.target)
    if until is not None and ground.scene.as_of < until and not case.attempts:
        yield make_hit(Guard.FLAPPING, "it flaps: find the cause first", "time", until)


def _act_after(case: Case, ground: _Ground) -> Hits:
    advice, scene = case.candidate.advice, ground.scene
    if advice is None:
        return
    episodes = scene.episodes.get(advice.target, ())
    opened = [episode.opened_at for episode in episodes if episode.action is advice.action]
    row = ground.memory.seen.get(case.target)
    worlds = row.worlds if row else 0
    wanted = case.numbers.act_after_worlds
    until = opened[0] + case.numbers.act_after if opened else None
    if until is None or scene.as_of < until or worlds < wanted:
        text = f"it stands in {worlds} of {wanted} worlds" + (f", since {spell_instant(opened[0])}" if opened else "")
        yield make_hit(Guard.ACT_AFTER, text, "time, and further worlds", None if worlds < wanted else until)


def _start_grace(case: Case, ground: _Ground) -> Hits:
    memory, grace = ground.memory, ground.numbers.start_grace
    node_since = memory.node_since.get(case.candidate.nodes[-1])
    if node_since is None or memory.fleet_since is None:
        yield make_hit(Guard.START_GRACE, "the node is not up", "the node")
        return
    rest = memory.rest.get(case.target)
    latest = max(memory.fleet_since, node_since, rest or node_since)
    if ground.scene.as_of < latest + grace:
        text = f"a gap, a return or a maintenance ended at {spell_instant(latest)}"
        yield make_hit(Guard.START_GRACE, text, "time", latest + grace)


def _busy_itself(case: Case, _: _Ground) -> Hits:
    if case.open_attempt is not None:
        text = f"{case.open_attempt.verb} since {spell_instant(case.open_attempt.started_at)} waits for its outcome"
        yield make_hit(Guard.BUSY_ITSELF, text, "its outcome")


def _needs(case: Case, ground: _Ground) -> Hits:
    wanted = case.rule.needs if case.rule else ()
    for need, find in _NEEDS.items():
        if need in wanted:
            yield from find(case, ground)
    yield from _needs_disk(case, ground)
    if case.verb is Verb.FAILOVER:
        yield from _needs_failover_after(case, ground)
        yield from _needs_attest_down(case, ground)


def _need(name: str, text: str, until: datetime | None = None) -> GuardHit:
    return make_hit(Guard.NEEDS, text, text, until, name=f"needs:{name}")


def _needs_other_instance(case: Case, ground: _Ground) -> Hits:
    others = ground.scene.healthy_on.get(case.target.service, frozenset()) - {case.target.node}
    if not others - ground.scene.offline:
        yield _need(Need.OTHER_INSTANCE_HEALTHY, "another healthy instance")


def _needs_no_incident(case: Case, ground: _Ground) -> Hits:
    if case.target in ground.scene.incidents:
        yield _need(Need.NO_OPEN_INCIDENT, "no open incident")


def _needs_no_deployment(case: Case, ground: _Ground) -> Hits:
    as_of = ground.scene.as_of
    ours = ground.book.attempts_of.get(case.target, ())
    recent = [
        deployed.begun_at
        for deployed in ground.scene.deployments.get(case.target, ())
        if deployed.begun_at > as_of - RECENT
        and all(is_foreign(deployed.begun_at, deployed.key, attempt) for attempt in ours)
    ]
    if recent:
        yield _need(Need.NO_RECENT_DEPLOYMENT, "no deployment within 30 min", max(recent) + RECENT)


_NEEDS = {
    Need.OTHER_INSTANCE_HEALTHY: _needs_other_instance,
    Need.NO_OPEN_INCIDENT: _needs_no_incident,
    Need.NO_RECENT_DEPLOYMENT: _needs_no_deployment,
}


_ON_DISK = frozenset({Verb.REDEPLOY, Verb.FAILOVER})
"""What needs space on the disk."""


def _needs_disk(case: Case, ground: _Ground) -> Hits:
    if case.verb in _ON_DISK and case.candidate.nodes[-1] in ground.scene.disk_pressed:
        yield _need("disk", f"space on the disk of {case.candidate.nodes[-1]}")


def _needs_failover_after(case: Case, ground: _Ground) -> Hits:
    episodes = ground.scene.episodes.get(Target(case.target.node, ALL), ())
    reviews = (episode.opened_at for episode in episodes if episode.action is Action.FAILOVER_REVIEW)
    since = min(reviews, default=None)
    until = None if since is None else since + case.numbers.failover_after
    if until is None or ground.scene.as_of < until:
        yield _need("failover_after", f"{case.target.node} must be offline for longer", until)


def _needs_attest_down(case: Case, ground: _Ground) -> Hits:
    entry = ground.policy.failover_of(spell_target(case.target)) if ground.policy else None
    if entry is None or not entry.singleton:
        return
    attested = ground.book.attested.get(case.target.node)
    shown = ground.scene.shown.get(Target(case.target.node, ALL))
    last_seen_at = shown.last_seen_at if shown else None
    if attested is None or (last_seen_at is not None and attested.at <= last_seen_at):
        yield _need("attest_down", f"somebody who swears that {case.target.node} is down")


def _window(case: Case, ground: _Ground) -> Hits:
    schedule = ground.schedules.get(case.rule.rule_id if case.rule else None)
    if schedule is None:
        return
    margin, as_of = margin_of(case.numbers, case.verb), ground.scene.as_of
    if not fits(schedule, as_of, margin):
        until = next_allowed(schedule, as_of, margin)
        is_denied = any(is_open(window, as_of) for window in schedule.deny)
        text = "it is frozen, or in a window that denies" if is_denied else "no window is open for long enough"
        yield make_hit(Guard.WINDOW, text, "the window, or the end of the freeze", until)


def _cooldown(case: Case, ground: _Ground) -> Hits:
    last = case.last_mutating
    if last is None or last.ended_at is None:
        return
    until = last.ended_at + _find_rest(case, last.outcome)
    if ground.scene.as_of < until:
        yield make_hit(Guard.COOLDOWN, f"the last attempt ended at {spell_instant(last.ended_at)}", "time", until)


def _find_rest(case: Case, outcome: AttemptOutcome | None) -> timedelta:
    numbers = case.numbers
    if outcome is AttemptOutcome.NO_EFFECT:
        return _grow(numbers.no_effect_cooldown, 2, count_no_effect(case.attempts), numbers.cooldown_max)
    return _grow(numbers.cooldown, numbers.cooldown_factor, count_failures(case.attempts), numbers.cooldown_max)


def _grow(base: timedelta, factor: int, failures: int, longest: timedelta) -> timedelta:
    rest = base
    for _ in range(failures - 1):
        if rest >= longest or factor == 1 or not base:
            break
        rest *= factor
    return min(rest, longest)


def _collateral(case: Case, ground: _Ground) -> Hits:
    dependants = ground.scene.dependants.get(case.target, 0)
    if dependants > limit_collateral(ground.scene, ground.numbers) and not case.is_approved:
        text = f"{count(dependants, 'clean service')} {'depends' if dependants == 1 else 'depend'} on it"
        yield make_hit(Guard.COLLATERAL, text, "an approval")


def _approval(case: Case, ground: _Ground) -> Hits:
    if case.mode is Mode.APPROVE and not case.is_approved:
        said = ", ".join(_who_said_yes(case.intent, ground.scene.as_of))
        text = f"{case.approvals} must say yes{f'; {said} did' if said else ''}"
        yield make_hit(Guard.APPROVAL, text, f"supervisor approve {case.intent_id[:12]}")


def _who_said_yes(intent: Intent | None, as_of: datetime) -> list[str]:
    consents = intent.consents if intent is not None and intent.state is IntentState.PENDING else ()
    return sorted({consent.name for consent in consents if as_of < consent.ends_at})


def _refused(case: Case, ground: _Ground) -> Hits:
    refused_at = case.intent.refused_at if case.intent else None
    if refused_at is not None and refused_at >= ground.scene.world_at:
        yield make_hit(Guard.REFUSED, "the executor looked, and found it otherwise", "the next world")


def _may_be_unverifiable(ground: _Ground) -> bool:
    return any(DriftKind.FAILED_DEPLOYMENT in advice.causing_kinds for advice in ground.scene.advice)


def _may_need_human(ground: _Ground) -> bool:
    if ground.book.attempts:
        return True
    return any(case.is_behind_ladder or (case.intent and case.intent.rejected_at) for case in ground.cases)


def _may_be_young(ground: _Ground) -> bool:
    scene, seen = ground.scene, ground.memory.seen
    opened_at = max((episode.opened_at for row in scene.episodes.values() for episode in row), default=scene.as_of)
    worlds = min((row.worlds for row in seen.values()), default=0)
    for numbers in {id(case.numbers): case.numbers for case in ground.cases}.values():
        if scene.as_of < opened_at + numbers.act_after or worlds < numbers.act_after_worlds:
            return True
    return not all(_is_known(case, ground) for case in ground.cases)


def _is_known(case: Case, ground: _Ground) -> bool:
    """Return whether it was recommended before, and was so in the last world."""
    advice = case.candidate.advice
    for episode in ground.scene.episodes.get(case.target, ()):
        if advice and episode.action is advice.action:
            return case.target in ground.memory.seen
    return False


def _may_be_in_grace(ground: _Ground) -> bool:
    memory = ground.memory
    nodes = {case.candidate.nodes[-1] for case in ground.cases}
    if memory.fleet_since is None or not nodes <= memory.node_since.keys():
        return True
    latest = max((memory.fleet_since, *memory.node_since.values(), *memory.rest.values()))
    return ground.scene.as_of < latest + ground.numbers.start_grace


def _may_need(ground: _Ground) -> bool:
    return any((case.rule and case.rule.needs) or case.verb in _ON_DISK for case in ground.cases)


def _may_be_broad(ground: _Ground) -> bool:
    return max(ground.scene.dependants.values(), default=0) > limit_collateral(ground.scene, ground.numbers)


def _may_be_refused(ground: _Ground) -> bool:
    return any(case.intent is not None and case.intent.refused_at is not None for case in ground.cases)


_TABLE = (
    _Row(Guard.STALE_WORLD, _stale_world, lambda ground: _is_old(ground) or bool(ground.book.attempts)),
    _Row(Guard.NODE_SUSPECT, _node_suspect, lambda ground: bool(ground.scene.suspect)),
    _Row(Guard.PROTECTED, _protected, lambda ground: bool(ground.book.requests)),
    _Row(Guard.HELD, _held, lambda ground: bool(ground.book.holds)),
    _Row(Guard.ACKNOWLEDGED, _acknowledged, lambda ground: bool(ground.scene.answered), spares_requests=True),
    _Row(
        Guard.NOT_ALLOWED,
        _not_allowed,
        lambda ground: _is_unable(ground) or any(case.offer is None for case in ground.cases),
    ),
    _Row(Guard.NOT_VERIFIABLE, _not_verifiable, _may_be_unverifiable),
    _Row(Guard.NEEDS_HUMAN, _needs_human, _may_need_human, spares_requests=True),
    _Row(
        Guard.FLAPPING,
        _flapping,
        lambda ground: bool(ground.scene.flapping),
        is_for_mutating=True,
        spares_requests=True,
    ),
    _Row(Guard.ACT_AFTER, _act_after, _may_be_young, spares_requests=True),
    _Row(Guard.START_GRACE, _start_grace, _may_be_in_grace, spares_requests=True),
    _Row(Guard.BUSY_ITSELF, _busy_itself, lambda ground: bool(ground.book.attempts)),
    _Row(Guard.NEEDS, _needs, _may_need),
    _Row(Guard.WINDOW, _window, lambda ground: bool(ground.schedules), is_for_mutating=True),
    _Row(
        Guard.COOLDOWN,
        _cooldown,
        lambda ground: bool(ground.book.attempts),
        is_for_mutating=True,
        spares_requests=True,
    ),
    _Row(Guard.COLLATERAL, _collateral, _may_be_broad, is_for_mutating=True),
    _Row(Guard.APPROVAL, _approval, lambda ground: any(case.mode is Mode.APPROVE for case in ground.cases)),
    _Row(Guard.REFUSED, _refused, _may_be_refused),
)
"""The guards of one case, in order."""
