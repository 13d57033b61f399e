"""Decisions: what each case comes to, by one table (ACTIONS 13.5)."""

from collections.abc import Iterable
from datetime import datetime

from schemas.candidate import Candidate, Weighed
from schemas.decision import Decision, Guard, GuardHit, Verdict
from schemas.episode import Target
from schemas.scene import Scene
from schemas.verb import TRAITS, Mode, Verb
from schemas.words import ALL

_UNASKED = frozenset({Mode.OBSERVE, Mode.SUGGEST})
"""Modes in which guards say nothing."""
_LABELS = {
    Verdict.START: "may start",
    Verdict.ASK: "asks for a yes",
    Verdict.SUGGEST: "is suggested",
    Verdict.OBSERVE: "is only observed",
}


def conclude_cases(
    weighed: Iterable[Weighed], candidates: Iterable[Candidate], scene: Scene, *, is_policy_valid: bool
) -> tuple[Decision, ...]:
    """Return the decisions, by (node, service, verb, recommendation); a candidate without a ladder comes to none."""
    decisions = [_conclude(row, scene, is_policy_valid) for row in weighed]
    decisions += [_no_verb(candidate, scene) for candidate in candidates if not candidate.ladder]
    return tuple(sorted(decisions, key=_order))


def _order(decision: Decision) -> tuple[str, str, str, str, int]:
    verb = decision.verb or ""
    return decision.node, decision.service, verb, decision.recommendation_id or "", decision.requested or 0


def _no_verb(candidate: Candidate, scene: Scene) -> Decision:
    advice = candidate.advice
    return Decision(
        as_of=scene.as_of,
        node=candidate.target.node,
        service=candidate.target.service,
        recommendation_id=advice.recommendation_id if advice else None,
        recommended_action=advice.action if advice else None,
        verb=None,
        params={},
        rule_id=None,
        mode=Mode.OBSERVE,
        risk=None,
        verdict=Verdict.NONE,
        decided_by="no_verb",
        until=None,
        unblocked_by=None,
        reason="nothing that can be run answers to this recommendation",
        intent_id=None,
        number=1,
    )


def _conclude(row: Weighed, scene: Scene, is_policy_valid: bool) -> Decision:
    case = row.case
    verdict, decided_by, counting = _judge(row, is_policy_valid)
    advice, asking = case.candidate.advice if case.candidate.asking is None else None, case.candidate.asking
    first = counting[0] if counting else None
    return Decision(
        as_of=scene.as_of,
        node=case.target.node,
        service=case.target.service,
        recommendation_id=advice.recommendation_id if advice else None,
        recommended_action=advice.action if advice else None,
        verb=case.verb,
        params=case.candidate.params,
        rule_id=case.rule.rule_id if case.rule else None,
        mode=case.mode,
        risk=case.risk,
        verdict=verdict,
        decided_by=decided_by,
        until=_until(counting),
        unblocked_by=first.unblocked_by if first else None,
        reason=first.text
        if first
        else f"{case.verb} of {case.target.node}/{case.target.service} {_LABELS.get(verdict, verdict)}",
        intent_id=case.intent_id,
        number=case.number,
        guards=row.hits,
        requested=asking.n if asking else None,
        problem_at=case.problem_at,
        evidence_fingerprint=case.evidence_fingerprint,
        action_id=_name_action(case.verb, case.target, scene),
        approvals=case.approvals,
        step_hash=case.offer.step_hash if case.offer else None,
        place=row.place,
        lowered_by=case.lowered_by,
    )


def _judge(row: Weighed, is_policy_valid: bool) -> tuple[Verdict, str, tuple[GuardHit, ...]]:
    """Return the verdict, who decided it, and the guards that count for it: the first line of the table that applies."""
    case, is_requested = row.case, row.case.candidate.asking is not None
    if not is_policy_valid:
        return Verdict.REFUSE, "policy_invalid", _named(row.hits, Guard.POLICY_INVALID)
    if case.rule is None:
        return Verdict.OBSERVE, "no_rule", ()
    rule_id = "requested" if is_requested else case.rule.rule_id
    if case.mode in _UNASKED:
        verdict = Verdict.REFUSE if is_requested else Verdict(case.mode)
        return verdict, case.lowered_by or rule_id, ()
    is_asking = case.mode is Mode.APPROVE and not case.is_approved
    counting = tuple(hit for hit in row.hits if hit.keeps_from_asking) if is_asking else row.hits
    if counting:
        return counting[0].verdict, counting[0].name, counting
    return (Verdict.ASK, "approval", ()) if is_asking else (Verdict.START, rule_id, ())


def _named(hits: tuple[GuardHit, ...], guard: Guard) -> tuple[GuardHit, ...]:
    return tuple(hit for hit in hits if hit.guard is guard)


def _until(counting: tuple[GuardHit, ...]) -> datetime | None:
    """Return the latest of their moments; none where one of them has none."""
    if not counting:
        return None
    moments = [hit.until for hit in counting if hit.guard is not Guard.APPROVAL]
    return None if None in moments else max((moment for moment in moments if moment is not None), default=None)


def _name_action(verb: Verb, target: Target, scene: Scene) -> str:
    prefix = TRAITS[verb].action_prefix
    if target.service == ALL:
        return f"{prefix}{target.node}"
    mark = scene.shared_names.get(target)
    return f"{prefix}{target.node}-{target.service}" + (f"~{mark}" if mark else "")
