"""A decision as values of JSON (ACTIONS 13.5)."""

from datetime import datetime

from schemas.canonical import spell_instant
from schemas.decision import Decision


def dump_decision(decision: Decision) -> dict[str, object]:
    """Return all of it, with the guards that fail."""
    return {
        "as_of": spell_instant(decision.as_of),
        "node": decision.node,
        "service": decision.service,
        "recommendation_id": decision.recommendation_id,
        "recommended_action": decision.recommended_action,
        "verb": decision.verb,
        "params": dict(decision.params),
        "rule_id": decision.rule_id,
        "mode": str(decision.mode),
        "class": decision.risk,
        "verdict": str(decision.verdict),
        "decided_by": decision.decided_by,
        "until": _spell(decision.until),
        "unblocked_by": decision.unblocked_by,
        "reason": decision.reason,
        "intent_id": decision.intent_id,
        "number": decision.number,
        "guards": [
            {"guard": hit.name, "verdict": str(hit.verdict), "until": _spell(hit.until), "text": hit.text}
            for hit in decision.guards
        ],
    }


def dump_verdict(decision: Decision | None) -> dict[str, object] | None:
    """Return in short what it comes to; None for none."""
    if decision is None:
        return None
    return {"verdict": str(decision.verdict), "decided_by": decision.decided_by, "until": _spell(decision.until)}


def _spell(moment: datetime | None) -> str | None:
    return None if moment is None else spell_instant(moment)
