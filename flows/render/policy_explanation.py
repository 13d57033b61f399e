"""What a policy says of one target: as JSON (ACTIONS 12.8), and on the screen."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import typer

from flows.ledger.actions.decision_form import dump_decision
from flows.render.lacks import say_lack
from flows.text.escape import show
from flows.text.spoken import said, spoken_moment, spoken_target, spoken_within
from flows.views.policy_explain import PolicyExplanation
from flows.views.policy_lacks import GuardLine, find_earliest, find_offer, list_guards, list_missing
from schemas.canonical import spell_instant
from schemas.decision import Decision
from schemas.episode import spell_target
from schemas.problem import count_failures, count_no_effect


def to_document(found: PolicyExplanation) -> dict[str, Any]:
    """Return all of it as plain values."""
    return {
        "v": 1,
        "as_of": spell_instant(found.as_of),
        "world_at": spell_instant(found.world_at),
        "target": spell_target(found.target),
        "assumed": found.assumed,
        "recommendation": _recommendation(found),
        "rules": [{"rule_id": row.rule_id, "matches": row.fails is None, "fails": row.fails} for row in found.lines],
        "ceilings": [{"name": row.name, "mode": row.mode, "matches": row.matches} for row in found.ceilings],
        "decision": dump_decision(found.decision) if found.decision else None,
        "guards": [_guard(row) for row in list_guards(found)] if found.decision else [],
        "would_run": _would_run(found),
        "earliest": _spell(find_earliest(found)),
        "problem": _problem(found),
        "missing": list(list_missing(found)),
    }


def _recommendation(found: PolicyExplanation) -> dict[str, Any] | None:
    advice = found.candidate.advice if found.candidate else None
    if advice is None:
        return None
    return {
        "recommendation_id": advice.recommendation_id,
        "action": advice.action,
        "event_type": advice.event_type,
        "severity": advice.severity,
        "causing_kinds": sorted(advice.causing_kinds),
    }


def _guard(row: GuardLine) -> dict[str, Any]:
    hit = row.hit
    return {
        "number": row.number,
        "guard": row.guard,
        "fails": hit is not None,
        "verdict": str(hit.verdict) if hit else None,
        "until": _spell(hit.until) if hit else None,
        "text": hit.text if hit else "",
        "unblocked_by": hit.unblocked_by if hit else None,
        "asks": row.asks,
        "overridable": row.overridable,
    }


def _would_run(found: PolicyExplanation) -> dict[str, Any] | None:
    offer, decision = find_offer(found), found.decision
    if offer is None or decision is None:
        return None
    return {
        "verb": offer.verb,
        "params": dict(decision.params),
        "backend": found.backend,
        "step_hash": offer.step_hash,
    }


def _problem(found: PolicyExplanation) -> dict[str, Any] | None:
    problem = found.book.problems.get(found.target)
    if problem is None:
        return None
    clean = found.memory.clean.get(found.target)
    return {
        "problem_at": spell_instant(problem.problem_at),
        "attempts": len(problem.attempts),
        "ladder_failures": count_failures(problem.attempts),
        "no_effect": count_no_effect(problem.attempts),
        "clean_s": int(clean.seconds) if clean else 0,
        "escalated": problem.escalated is not None,
    }


def _spell(moment: datetime | None) -> str | None:
    return None if moment is None else spell_instant(moment)


def to_lines(found: PolicyExplanation) -> Iterator[str]:
    """Return the screen: what would be done, by which rule, all that is missing, what holds it back, until when."""
    yield typer.style(show(spoken_target(*found.target)), bold=True) + _supposed(found)
    decision = found.decision
    if decision is None:
        yield f"nothing is recommended that a policy could decide about{_why_nothing(found)}"
        return
    if decision.verb is None:
        yield f"nothing would be done: {show(spoken_within(decision.reason), limit=1000)}"
        return
    yield from _verdict(decision)
    yield from _lines_of_rules(found)
    yield from _lines_of_guards(found)
    missing, earliest = list_missing(found), find_earliest(found)
    yield f"missing: {', '.join(map(say_lack, missing)) or 'nothing'}"
    if earliest is not None:
        yield f"earliest: {spoken_moment(earliest)}"


def _supposed(found: PolicyExplanation) -> str:
    return f"  if it were {said(found.assumed)}, and had been for long" if found.assumed else ""


def _why_nothing(found: PolicyExplanation) -> str:
    """Return what keeps a recommendation away: a world that is too old, a node that is away, what holds drift back."""
    scene, target = found.scene, found.target
    held = sorted({said(row.held_by) for row in scene.findings.get(target, ()) if row.held_by is not None})
    if scene.is_world_stale:
        return f": the world is of {spoken_moment(found.world_at)}, too old to conclude anything from"
    return f": its drift is held back ({', '.join(held)})" if held else ""


def _verdict(decision: Decision) -> Iterator[str]:
    until = f" until {spoken_moment(decision.until)}" if decision.until else ""
    by = decision.decided_by if decision.decided_by == decision.rule_id else said(decision.decided_by)
    verdict = typer.style(str(decision.verdict), bold=True)
    yield f"{said(decision.verb)}: {verdict}, by {show(by)}{until}; mode {decision.mode}, attempt {decision.number}"
    yield f"  {show(spoken_within(decision.reason), limit=1000)}"


def _lines_of_rules(found: PolicyExplanation) -> Iterator[str]:
    for row in found.lines:
        yield f"rule {show(row.rule_id)}: {'decides' if row.fails is None else f'{said(row.fails)} does not match'}"
    if found.lines and found.lines[-1].fails is not None:
        yield "no rule matches"
    for ceiling in found.ceilings:
        if ceiling.matches:
            reason = f": {show(ceiling.reason)}" if ceiling.reason else ""
            yield f"{ceiling.name} lowers to at most {ceiling.mode}{reason}"


def _lines_of_guards(found: PolicyExplanation) -> Iterator[str]:
    for row in list_guards(found):
        if row.hit is not None:
            until = f", until {spoken_moment(row.hit.until)}" if row.hit.until else ""
            unblocked = show(row.hit.unblocked_by, limit=500)
            passes = f", or --override {row.guard}" if row.overridable else ""
            text = show(spoken_within(row.hit.text), limit=500)
            yield f"{row.hit.verdict} {show(said(row.guard))}: {text}{until}; unblocked by {unblocked}{passes}"
