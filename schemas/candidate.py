"""Candidates: what might be done, and what policy makes of it before guards are asked (ACTIONS 13.2)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.attempt import Attempt, Intent
from schemas.book import Asking
from schemas.decision import GuardHit
from schemas.episode import Target
from schemas.executor_record import Offer
from schemas.ledger_words import AttemptOutcome, EscalationReason
from schemas.match import Subject
from schemas.numbers import Numbers
from schemas.policy import Rule
from schemas.problem import Problem, count_no_effect
from schemas.scene import Advice, Asked, NodeTraits, Scene
from schemas.verb import Mode, Risk, Verb

NO_PARAMS: Mapping[str, str] = {}
_ASKED, _NODE = Asked(), NodeTraits()


class Candidate(NamedTuple):
    """One target that something is recommended or requested for; without a ladder nothing can be done by a verb."""

    target: Target
    advice: Advice | None = None
    asking: Asking | None = None
    """The request by hand that it is about."""
    ladder: tuple[Verb, ...] = ()
    """The default one, fitted; of a request its verb."""
    params: Mapping[str, str] = NO_PARAMS

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it would occupy; of a failover both."""
        return (self.target.node, self.params["to"]) if "to" in self.params else (self.target.node,)


class Case(NamedTuple):
    """One candidate with the rule, the mode and the identities that it has in this run."""

    candidate: Candidate
    target: Target
    verb: Verb
    ladder: tuple[Verb, ...]
    position: int
    """Its place in the ladder, from 0; at or behind the end a person is needed."""
    rule: Rule | None
    risk: Risk
    mode: Mode
    lowered_by: str | None
    """What made the mode lower than the rule's."""
    numbers: Numbers
    """Those of the rule."""
    problem: Problem | None
    """The open one."""
    problem_at: datetime
    """When it began, or would have."""
    attempts: tuple[Attempt, ...]
    """Those of the problem."""
    offer: Offer | None
    evidence_fingerprint: str
    intent_id: str
    intent: Intent | None
    """What the ledger knows of it."""
    approvals: int
    """How many different people must say yes."""
    is_approved: bool
    overrides: frozenset[str] = frozenset()
    """Guards that somebody passes for it."""
    open_attempt: Attempt | None = None
    """That of its target."""
    last_mutating: Attempt | None = None
    """The target's last, of any problem."""

    last_settled: Attempt | None = None
    """The target's last whose outcome is known, of any problem."""

    @property
    def number(self) -> int:
        """The attempt within the problem that it would be."""
        return len(self.attempts) + 1

    @property
    def is_behind_ladder(self) -> bool:
        """All verbs of the ladder were tried."""
        return self.position >= len(self.ladder)

    def why_human(self, max_no_effect: int) -> EscalationReason | None:
        """Return why a person is needed; None where none is."""
        settled = [attempt for attempt in self.attempts if not attempt.is_open]
        if settled and settled[-1].outcome is AttemptOutcome.WORSE:
            return EscalationReason.WORSE
        if count_no_effect(self.attempts) >= max_no_effect:
            return EscalationReason.NO_EFFECT
        return EscalationReason.LADDER_END if self.is_behind_ladder else None

    def rejection_ends_at(self, hold: timedelta) -> datetime | None:
        """Return until when a person's no to this intent holds; None where nobody said no."""
        rejected_at = self.intent.rejected_at if self.intent else None
        return None if rejected_at is None else rejected_at + hold


class Weighed(NamedTuple):
    """One case with all guards that fail, in their order."""

    case: Case
    hits: tuple[GuardHit, ...] = ()
    place: int | None = None
    """Its place among those that start in this run, from 0; None where it does not."""


def describe_subject(candidate: Candidate, scene: Scene) -> Subject:
    """Return what lines of a policy are matched against; a request by hand has nothing of a recommendation."""
    target = candidate.target
    asked, node = scene.asked.get(target, _ASKED), scene.nodes.get(target.node, _NODE)
    until = scene.flapping.get(target)
    advice = candidate.advice if candidate.asking is None else None
    return Subject(
        action=advice.action if advice else None,
        event_type=advice.event_type if advice else None,
        drift_kind=advice.causing_kinds if advice else (),
        severity=advice.severity if advice else None,
        node=target.node,
        service=target.service,
        role=_lower(asked.role),
        exposure=_lower(asked.exposure),
        deployment_model=_lower(asked.deployment_model),
        node_role=tuple(role.lower() for role in node.roles) if node.roles else (),
        connectivity=node.connectivity,
        flapping=until is not None and scene.as_of < until,
        blast_radius=advice.blast_radius if advice else None,
        consecutive_failures=advice.consecutive_failures if advice else None,
    )


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
