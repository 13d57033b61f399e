"""Guards of a target: what is seen of it, said of it, and can be done to it."""

from schemas.candidate import Case
from schemas.canonical import spell_instant
from schemas.decision import Guard, make_hit
from schemas.episode import spell_target
from schemas.ledger_words import WHY_HUMAN, AttemptOutcome
from schemas.verb import TRAITS
from schemas.verification import qualifies
from schemas.words import ALL, FLEET, DriftKind
from stages.evaluate_guards.ground import Ground, Hits, Row


def _is_old(ground: Ground) -> bool:
    return ground.scene.as_of - ground.scene.world_at > ground.numbers.act_world_ttl


def _stale_world(case: Case, ground: Ground) -> Hits:
    scene = ground.scene
    if _is_old(ground):
        yield make_hit(Guard.STALE_WORLD, f"the world is of {spell_instant(scene.world_at)}", "a fresh world")
        return
    last = case.last_settled
    if last is not None and last.outcome is AttemptOutcome.UNKNOWN and not qualifies(scene, last, None):
        yield make_hit(
            Guard.STALE_WORLD, "the target was not seen since its last attempt", "a fresh world of the target"
        )


def _node_suspect(case: Case, ground: Ground) -> Hits:
    suspect = [node for node in case.candidate.nodes if node in ground.scene.suspect]
    if suspect and not ground.scene.is_observer_suspect:
        yield make_hit(Guard.NODE_SUSPECT, f"{suspect[0]} is suspect", f"the node {suspect[0]}")


def _protected(case: Case, _: Ground) -> Hits:
    if case.candidate.asking is not None and case.lowered_by == "protected":
        yield make_hit(Guard.PROTECTED, f"{spell_target(case.target)} is protected", "editing the policy")


def _held(case: Case, ground: Ground) -> Hits:
    names = (spell_target(case.target), f"{case.target.node}/{ALL}", f"{FLEET}/{ALL}")
    holds = [hold for hold in ground.book.holds_at(ground.scene.as_of) if hold.target in names]
    if holds:
        last = max(holds, key=lambda hold: hold.until)
        text = f"{last.by} holds {last.target}: {last.reason}"
        yield make_hit(Guard.HELD, text, f"supervisor release {last.target}", last.until)


def _acknowledged(case: Case, ground: Ground) -> Hits:
    answered = ground.scene.answered.get(case.target)
    if answered is not None and ground.scene.as_of < answered.until:
        text = f"{answered.owner} answers for it: {answered.reason}"
        yield make_hit(Guard.ACKNOWLEDGED, text, "the end of the acknowledgement", answered.until)


def _is_unable(ground: Ground) -> bool:
    return ground.able is None or not ground.able.counts_at(ground.scene.as_of)


def _not_allowed(case: Case, ground: Ground) -> Hits:
    if _is_unable(ground):
        yield make_hit(Guard.NOT_ALLOWED, "no executor said what it can do within 24 h", "a running executor")
    elif case.offer is None:
        text = f"the executor has no {case.verb} of {spell_target(case.target)}"
        yield make_hit(Guard.NOT_ALLOWED, text, "a line in executor.yaml")


def _may_be_unable(ground: Ground) -> bool:
    return _is_unable(ground) or any(case.offer is None for case in ground.cases)


def _not_verifiable(case: Case, _: Ground) -> Hits:
    if case.candidate.advice is None or case.offer is None or case.offer.reports_deployments:
        return
    cured = TRAITS[case.verb].cures.intersection(case.candidate.advice.causing_kinds)
    if cured == {DriftKind.FAILED_DEPLOYMENT}:
        text = "only a later deployment would show success, and the backend reports none"
        yield make_hit(Guard.NOT_VERIFIABLE, text, "reports_deployments in executor.yaml")


def _needs_human(case: Case, ground: Ground) -> Hits:
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


def _may_be_unverifiable(ground: Ground) -> bool:
    return any(DriftKind.FAILED_DEPLOYMENT in advice.causing_kinds for advice in ground.scene.advice)


def _may_need_human(ground: Ground) -> bool:
    if ground.book.attempts:
        return True
    return any(case.is_behind_ladder or (case.intent and case.intent.rejected_at) for case in ground.cases)


ROWS = (
    Row(Guard.STALE_WORLD, _stale_world, lambda ground: _is_old(ground) or bool(ground.book.attempts)),
    Row(Guard.NODE_SUSPECT, _node_suspect, lambda ground: bool(ground.scene.suspect)),
    Row(Guard.PROTECTED, _protected, lambda ground: bool(ground.book.requests)),
    Row(Guard.HELD, _held, lambda ground: bool(ground.book.holds)),
    Row(Guard.ACKNOWLEDGED, _acknowledged, lambda ground: bool(ground.scene.answered), spares_requests=True),
    Row(Guard.NOT_ALLOWED, _not_allowed, _may_be_unable),
    Row(Guard.NOT_VERIFIABLE, _not_verifiable, _may_be_unverifiable),
    Row(Guard.NEEDS_HUMAN, _needs_human, _may_need_human, spares_requests=True),
)
