"""The rule that decides, the verb, the mode in force and the identity of what would be done (ACTIONS 9, 12.3, 14.1)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from schemas.attempt import Attempt, Consent, Intent, IntentState
from schemas.book import Book, consent_of, count_consents
from schemas.candidate import Candidate, Case, describe_subject
from schemas.canonical import identify_evidence, identify_intent, identify_request
from schemas.decision import OVERRIDABLE
from schemas.episode import Target, node_target, spell_target
from schemas.executor_record import Capabilities, Offer
from schemas.match import Subject, find_mismatch
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.policy import InForce, Policy, Rule, fit_rule, lower_mode, numbers_of, risk_of, spare_protected
from schemas.problem import count_position
from schemas.scene import Advice, Scene, limit_collateral
from schemas.verb import TRAITS, Mode, Risk, Verb, is_mutating, pick_verb
from schemas.words import Action, DriftKind

NOTHING = Policy()
_NONE: frozenset[str] = frozenset()


class _Choice(NamedTuple):
    """What one line of the rules, or none, makes of a candidate."""

    rule: Rule | None
    ladder: tuple[Verb, ...]
    verb: Verb
    risk: Risk


class _Ruling(NamedTuple):
    """What the policy makes of a candidate, but for what is true of its target alone."""

    choice: _Choice
    numbers: Numbers
    in_force: InForce
    approvals: int


def apply_policy(
    candidates: Iterable[Candidate],
    scene: Scene,
    book: Book,
    policy: Policy | None,
    numbers: Numbers,
    operators: Mapping[int, Operator],
    capabilities: Capabilities | None,
) -> tuple[Case, ...]:
    """Return each candidate that has a verb with the rule that decides, its mode and its intent.

    A policy that is not valid (None) has no rules: its cases are shown with the default ladder and observed.
    """
    desk = _make_desk(scene, book, policy, numbers, operators, capabilities)
    return tuple(desk.judge(candidate) for candidate in candidates if candidate.ladder)


@dataclass(frozen=True, slots=True)
class _Desk:
    scene: Scene
    book: Book
    policy: Policy
    is_valid: bool
    numbers: Numbers
    operators: Mapping[int, Operator]
    offers: Mapping[tuple[Verb, str], Offer]
    collateral_limit: int
    numbers_by_rule: Mapping[str, Numbers]
    asks_of_targets: bool
    ruled: dict[tuple[object, ...], _Ruling] = field(default_factory=dict)
    tried: dict[tuple[str, Action, tuple[DriftKind, ...], int], _Choice] = field(default_factory=dict)

    def judge(self, candidate: Candidate) -> Case:
        """Return the case of a candidate."""
        target, name = candidate.target, spell_target(candidate.target)
        past = self.book.attempts_of.get(target, ())
        problem = self.book.problems.get(target)
        problem_at = problem.problem_at if problem else self._begin(candidate)
        attempts = tuple(attempt for attempt in past if attempt.problem_at == problem_at) if past else ()
        position = count_position(attempts) if attempts else 0
        choice, numbers, ruled, approvals = self._rule(candidate, position)
        in_force = self._lower(ruled, choice, target, name)
        offer = self.offers.get((choice.verb, name))
        evidence = self._identify(candidate, offer)
        intent_id = _name_intent(candidate, choice.verb, problem_at, len(attempts) + 1, evidence)
        intent = self.book.intents.get(intent_id)
        open_attempt, last_mutating, last_settled = _find_last(past) if past else _NO_LAST
        return Case(
            candidate=candidate,
            target=target,
            verb=choice.verb,
            ladder=choice.ladder,
            position=0 if candidate.asking else position,
            rule=choice.rule,
            risk=choice.risk,
            mode=in_force.mode,
            lowered_by=in_force.lowered_by,
            numbers=numbers,
            problem=problem,
            problem_at=problem_at,
            attempts=attempts,
            offer=offer,
            evidence_fingerprint=evidence,
            intent_id=intent_id,
            intent=intent,
            approvals=approvals,
            is_approved=in_force.mode is Mode.APPROVE and self._is_approved(candidate, choice.risk, intent, approvals),
            overrides=self._find_overrides(candidate, choice.risk, intent),
            open_attempt=open_attempt,
            last_mutating=last_mutating,
            last_settled=last_settled,
        )

    def _begin(self, candidate: Candidate) -> datetime:
        """Return when a problem of the target would have begun, were it opened now.

        Behind the end of the target's last problem, so that what was started in that one is never taken for ours.
        """
        target = candidate.target
        episodes = self.scene.episodes.get(target, ())
        if "to" in candidate.params:
            episodes += self.scene.episodes.get(node_target(target.node), ())
        opened = [episode.opened_at for episode in episodes]
        begun_at = min(opened) if opened else self.scene.as_of
        closed_at = self.book.closed_at.get(target)
        return begun_at if closed_at is None else max(begun_at, closed_at)

    def _rule(self, candidate: Candidate, position: int) -> _Ruling:
        """Return what the policy makes of a candidate: once for all that get the same advice, where no line asks for more."""
        advice = candidate.advice
        if advice is None or candidate.asking is not None or self.asks_of_targets:
            return self._find_ruling(candidate, position)
        kind = (advice.action, advice.event_type, advice.causing_kinds, advice.severity)
        key = (*kind, advice.blast_radius, advice.consecutive_failures, position)
        known = self.ruled.get(key)
        if known is None:
            known = self.ruled[key] = self._find_ruling(candidate, position)
        return known

    def _find_ruling(self, candidate: Candidate, position: int) -> _Ruling:
        subject = describe_subject(candidate, self.scene)
        choice = self._choose(candidate, subject, position)
        numbers = self.numbers_by_rule[choice.rule.rule_id] if choice.rule else self.numbers
        in_force = self._find_mode(candidate, choice, subject)
        return _Ruling(choice, numbers, in_force, _count_needed(choice.risk, numbers))

    def _choose(self, candidate: Candidate, subject: Subject, position: int) -> _Choice:
        """Return the first line that matches, each tried with the verb that its own ladder has at this moment.

        A request brings its verb, and no recommendation to match.
        """
        advice = candidate.advice if candidate.asking is None else None
        asked = candidate.ladder[0]
        for rule in self.policy.rules:
            if advice is None:
                choice = _Choice(rule, candidate.ladder, asked, risk_of(TRAITS[asked].risk, rule))
            else:
                choice = self._try(rule, advice, position)
            if find_mismatch(rule.match, subject, choice.risk) is None:
                return choice
        verb = asked if advice is None else pick_verb(candidate.ladder, position)
        return _Choice(None, candidate.ladder, verb, TRAITS[verb].risk)

    def _try(self, rule: Rule, advice: Advice, position: int) -> _Choice:
        """Return what a line makes of a recommendation; the same for all of one action and the same causes."""
        key = (rule.rule_id, advice.action, advice.causing_kinds, position)
        if key not in self.tried:
            self.tried[key] = _Choice(rule, *fit_rule(rule, advice.action, advice.causing_kinds, position))
        return self.tried[key]

    def _find_mode(self, candidate: Candidate, choice: _Choice, subject: Subject) -> InForce:
        if not self.is_valid:
            return InForce(Mode.OBSERVE, None)
        if choice.rule is None:
            return InForce(Mode.OBSERVE, None)
        mode = choice.rule.mode if candidate.asking is None else Mode.APPROVE
        return lower_mode(mode, choice.risk, self.numbers.automation, self.policy, subject)

    def _lower(self, ruled: InForce, choice: _Choice, target: Target, name: str) -> InForce:
        """Return the mode in force of a target: lower where it is protected, or many depend on it."""
        in_force = spare_protected(ruled, self.policy, name)
        if in_force.mode is not Mode.AUTO or not is_mutating(choice.verb):
            return in_force
        is_broad = self.scene.dependants.get(target, 0) > self.collateral_limit
        return InForce(Mode.APPROVE, "collateral") if is_broad else in_force

    def _identify(self, candidate: Candidate, offer: Offer | None) -> str:
        step_hash = offer.step_hash if offer else None
        advice, asking = candidate.advice, candidate.asking
        if asking is not None or advice is None:
            return identify_request(asking.n if asking else 0, step_hash)
        asked = self.scene.asked.get(candidate.target)
        return identify_evidence(
            action=advice.action,
            event_type=advice.event_type,
            causing_kinds=advice.causing_kinds,
            drift_ids=advice.drift_ids,
            root_causes=advice.root_causes,
            desired_hash=asked.desired_hash if asked else None,
            step_hash=step_hash,
        )

    def _is_approved(self, candidate: Candidate, risk: Risk, intent: Intent | None, approvals: int) -> bool:
        is_open = intent is None or (intent.state is IntentState.APPROVED and intent.mode is Mode.APPROVE)
        consents = self._list_consents(candidate, risk, intent) if is_open else ()
        target = spell_target(candidate.target)
        return count_consents(consents, risk, target, self.scene.as_of, self.operators) >= approvals

    def _list_consents(self, candidate: Candidate, risk: Risk, intent: Intent | None) -> tuple[Consent, ...]:
        """Return the yeses to an intent; where there is none yet, that of who requests it."""
        if intent is not None:
            return intent.consents
        return () if candidate.asking is None else (consent_of(candidate.asking, risk, self.numbers),)

    def _find_overrides(self, candidate: Candidate, risk: Risk, intent: Intent | None) -> frozenset[str]:
        consents = self._list_consents(candidate, risk, intent)
        if not consents:
            return _NONE
        target, as_of = spell_target(candidate.target), self.scene.as_of
        return frozenset(
            name
            for consent in consents
            if consent.overrides_end_at is not None and as_of < consent.overrides_end_at
            if consent.uid in self.operators and self.operators[consent.uid].may_approve(risk, target)
            for name in consent.overrides
            if name in OVERRIDABLE
        )


def _name_intent(candidate: Candidate, verb: Verb, problem_at: datetime, number: int, evidence: str) -> str:
    return identify_intent(
        verb=verb,
        node=candidate.target.node,
        service=candidate.target.service,
        params=candidate.params,
        problem_at=problem_at,
        number=number,
        evidence_fingerprint=evidence,
    )


def _find_last(past: Sequence[Attempt]) -> tuple[Attempt | None, Attempt | None, Attempt | None]:
    """Return a target's open attempt, its last that changes something and its last with an outcome, of any problem."""
    return (
        next((attempt for attempt in past if attempt.is_open), None),
        next((attempt for attempt in reversed(past) if attempt.is_mutating), None),
        next((attempt for attempt in reversed(past) if not attempt.is_open), None),
    )


_NO_LAST = (None, None, None)


def _make_desk(
    scene: Scene,
    book: Book,
    policy: Policy | None,
    numbers: Numbers,
    operators: Mapping[int, Operator],
    capabilities: Capabilities | None,
) -> _Desk:
    able = capabilities or Capabilities()
    valid = policy or NOTHING
    return _Desk(
        scene=scene,
        book=book,
        policy=replace(valid, protected=(*valid.protected, *able.self)) if able.self else valid,
        is_valid=policy is not None,
        numbers=numbers,
        operators=operators,
        offers={(offer.verb, offer.target): offer for offer in able.offers},
        collateral_limit=limit_collateral(scene, numbers),
        numbers_by_rule={rule.rule_id: numbers_of(rule, numbers) for rule in valid.rules},
        asks_of_targets=valid.asks_of_targets,
    )


def _count_needed(risk: Risk, numbers: Numbers) -> int:
    """Return how many different people must say yes; of the dangerous class never fewer than of others."""
    return max(numbers.approvals, numbers.dangerous_approvals) if risk is Risk.DANGEROUS else numbers.approvals
