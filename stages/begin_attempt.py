"""Beginning an attempt: what its record holds of the moment that it was decided in (ACTIONS 13.3, 14.2)."""

from datetime import timedelta

from schemas.decision import Decision
from schemas.episode import Target, spell_target
from schemas.executor_record import AttemptNumbers, Basis, Started
from schemas.numbers import Numbers
from schemas.scene import Scene, look_at, standing_severity
from schemas.verb import TRAITS


def begin_attempt(decision: Decision, scene: Scene, numbers: Numbers, fence: int) -> Started:
    """Return the record of a start that was decided in a scene.

    `numbers` are those of the rule. The neighbours are those of the target, of a failover those of where it goes.
    ValueError for a decision that names no verb, intent or problem: nothing can begin on it.
    """
    if decision.verb is None or decision.intent_id is None or decision.problem_at is None:
        raise ValueError("a decision without a verb begins nothing")
    target = Target(decision.node, decision.service)
    watched = Target(decision.params["to"], decision.service) if "to" in decision.params else target
    asked = scene.asked.get(target)
    causes = {kind for advice in scene.advice if advice.target == target for kind in advice.causing_kinds}
    clean = (spell_target(one) for one in scene.neighbours.get(watched, ()) if look_at(scene, one).is_clean)
    return Started(
        intent_id=decision.intent_id,
        fence=fence,
        node=decision.node,
        service=decision.service,
        verb=decision.verb,
        params=dict(decision.params),
        number=decision.number,
        problem_at=decision.problem_at,
        step_hash=decision.step_hash,
        desired_hash=asked.desired_hash if asked else None,
        numbers=AttemptNumbers(
            settle=_seconds(numbers.settle),
            confirm_span=_seconds(numbers.confirm_span),
            worse_span=_seconds(numbers.worse_span),
            verify_within=_seconds(numbers.verify_within),
            verify_grace=_seconds(numbers.verify_grace),
            timeout=_seconds(TRAITS[decision.verb].timeout if numbers.timeout is None else numbers.timeout),
        ),
        basis=Basis(
            world_at=scene.world_at,
            causing_kinds=tuple(sorted(causes)),
            severity=standing_severity(scene, target),
            clean_neighbours=tuple(sorted(clean)),
        ),
    )


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
