"""The guard of what a rule or a verb needs: another instance, a quiet time, space, a node that is down for sure."""

from datetime import datetime, timedelta

from schemas.candidate import Case
from schemas.decision import Guard, GuardHit, make_hit
from schemas.episode import Target, spell_target
from schemas.policy import Need
from schemas.verb import Verb
from schemas.verification import is_foreign
from schemas.words import ALL, Action
from stages.evaluate_guards.ground import Ground, Hits, Row

RECENT = timedelta(minutes=30)
"""A deployment is recent for so long."""


def _needs(case: Case, ground: Ground) -> Hits:
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


def _needs_other_instance(case: Case, ground: Ground) -> Hits:
    others = ground.scene.healthy_on.get(case.target.service, frozenset()) - {case.target.node}
    if not others - ground.scene.offline:
        yield _need(Need.OTHER_INSTANCE_HEALTHY, "another healthy instance")


def _needs_no_incident(case: Case, ground: Ground) -> Hits:
    if case.target in ground.scene.incidents:
        yield _need(Need.NO_OPEN_INCIDENT, "no open incident")


def _needs_no_deployment(case: Case, ground: Ground) -> Hits:
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


def _needs_disk(case: Case, ground: Ground) -> Hits:
    if case.verb in _ON_DISK and case.candidate.nodes[-1] in ground.scene.disk_pressed:
        yield _need("disk", f"space on the disk of {case.candidate.nodes[-1]}")


def _needs_failover_after(case: Case, ground: Ground) -> Hits:
    episodes = ground.scene.episodes.get(Target(case.target.node, ALL), ())
    reviews = (episode.opened_at for episode in episodes if episode.action is Action.FAILOVER_REVIEW)
    since = min(reviews, default=None)
    until = None if since is None else since + case.numbers.failover_after
    if until is None or ground.scene.as_of < until:
        yield _need("failover_after", f"{case.target.node} must be offline for longer", until)


def _needs_attest_down(case: Case, ground: Ground) -> Hits:
    entry = ground.policy.failover_of(spell_target(case.target)) if ground.policy else None
    if entry is None or not entry.singleton:
        return
    attested = ground.book.attested.get(case.target.node)
    shown = ground.scene.shown.get(Target(case.target.node, ALL))
    last_seen_at = shown.last_seen_at if shown else None
    if attested is None or (last_seen_at is not None and attested.at <= last_seen_at):
        yield _need("attest_down", f"somebody who swears that {case.target.node} is down")


def _may_need(ground: Ground) -> bool:
    return any((case.rule and case.rule.needs) or case.verb in _ON_DISK for case in ground.cases)


ROWS = (Row(Guard.NEEDS, _needs, _may_need),)
