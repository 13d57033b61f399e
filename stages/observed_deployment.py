"""Observed deployment: what was deployed, by what changed and by what hooks say, and how it went (OBSERVER 2.7)."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from schemas.episode import Target
from schemas.look_words import WORST_FIRST, WordClass
from schemas.observed import Container, Deployment, Hook, Service, Slot
from schemas.words import ALL

STARTED, COMPLETED, FAILED = "started", "completed", "failed"
OBSERVED, HOOK = "observed", "hook"
KEEP_S, KEEP_COUNT = 30 * 86_400.0, 20
HOOK_DEADLINE_S = 86_400.0
"""A hook that has not ended by then was killed."""
STEPS = {"start_failed": "start", "created": "start", "unhealthy": "healthcheck"}
"""The step that a bad word is about; any other word is about running."""


def advance_deployments(
    before: Mapping[str, Deployment],
    known: Mapping[Target, Service],
    seen: Iterable[Service],
    hooks: Collection[Hook],
    at: float,
    progress_deadline_s: float,
) -> dict[str, Deployment]:
    """Return the deployments after looks that ended at this moment.

    `known` holds the services before those looks, `seen` those that they showed. A known service whose containers are
    others now was deployed; one that is seen for the first time was not. A change in the time of a hook is the hook's.
    """
    deployments = dict(before) | {hook.id: _follow_hook(before.get(hook.id), hook, at) for hook in hooks}
    shown = {Target(service.node, service.service): service for service in seen}
    for target, service in sorted(shown.items()):
        old = known.get(target)
        if old is None or not old.slots or not service.slots or _ids(old.slots) == _ids(service.slots):
            continue
        deployments |= {one.id: one for one in _overdue(deployments, target, at, progress_deadline_s)}
        changed = _note_change(deployments, target, old, service, hooks, at)
        deployments[changed.id] = changed
    for deployment in list(deployments.values()):
        if deployment.status == STARTED and deployment.trigger == OBSERVED:
            target = Target(deployment.node, deployment.service)
            deployments[deployment.id] = _judge(deployment, shown.get(target), at, progress_deadline_s)
    return _keep(deployments, at)


def _overdue(
    deployments: Mapping[str, Deployment], target: Target, at: float, deadline_s: float
) -> Iterator[Deployment]:
    """Yield, as failed, what was under way for too long when the next change came."""
    for deployment in deployments.values():
        if _is_under_way(deployment, target) and at - deployment.started_at > deadline_s:
            yield _fail(deployment, at, "timeout", None, None)


def _ids(slots: Mapping[str, Slot]) -> set[str]:
    return {slot.id for slot in slots.values()}


def _images(slots: Mapping[str, Slot]) -> tuple[str, ...]:
    return tuple(sorted({slot.image for slot in slots.values() if slot.image}))


def _note_change(
    deployments: Mapping[str, Deployment],
    target: Target,
    old: Service,
    new: Service,
    hooks: Collection[Hook],
    at: float,
) -> Deployment:
    """Return the deployment that a change belongs to: a hook's, one under way, or a new one."""
    owner = next((hook for hook in hooks if _is_of(hook, target, old.last_seen, at)), None)
    under_way = next((one for one in deployments.values() if _is_under_way(one, target)), None)
    known = deployments[owner.id] if owner is not None else under_way
    first = known.slots if known is not None and known.slots else old.slots
    seen = {
        "change": _name_change(first, new.slots),
        "before": _images(first),
        "after": _images(new.slots),
        "slots": first,
    }
    if known is not None:
        return replace(known, **seen)  # type: ignore[arg-type]  # each key is a field of that type
    made = Deployment(
        id=_unused_id(target, at, deployments),
        node=target.node,
        service=target.service,
        status=STARTED,
        trigger=OBSERVED,
        started_at=_begun_at(old, new, at),
    )
    return replace(made, **seen)  # type: ignore[arg-type]  # as above


def _begun_at(old: Service, new: Service, at: float) -> float:
    """Return when the new containers began to run, between the two looks: a node's clock may be wrong."""
    known = _ids(old.slots)
    begun = [one.started_at for one in new.containers if one.id not in known and one.started_at is not None]
    return min(max(min(begun), old.last_seen), at) if begun else at


def _is_of(hook: Hook, target: Target, last_seen: float, at: float) -> bool:
    """Return whether the change may have come while the hook ran: it was seen by the first look after it."""
    is_target = hook.node == target.node and hook.service in {target.service, ALL}
    return is_target and hook.started_at <= at and (hook.ended_at is None or hook.ended_at >= last_seen)


def _is_under_way(deployment: Deployment, target: Target) -> bool:
    is_target = (deployment.node, deployment.service) == target
    return is_target and deployment.trigger == OBSERVED and deployment.status == STARTED


def _name_change(old: Mapping[str, Slot], new: Mapping[str, Slot]) -> str:
    shared = [(old[name], new[name]) for name in old if name in new]
    if any(a.image != b.image for a, b in shared) or (not shared and _images(old) != _images(new)):
        return "image"
    return "config" if any(a.config != b.config for a, b in shared) else "recreate"


def _unused_id(target: Target, at: float, deployments: Mapping[str, Deployment]) -> str:
    second = int(at)
    while (name := f"dep-{second}-{target.node}-{target.service}") in deployments:
        second += 1
    return name


def _judge(deployment: Deployment, service: Service | None, at: float, deadline_s: float) -> Deployment:
    """Return a deployment under way as its service shows it.

    A new container that is bad is its failure. What was bad before is none, nor a probe, which waits until they listen.
    """
    if service is not None and service.word_class is WordClass.BAD:
        old = _ids(deployment.slots)
        guilty = [one for one in service.containers if one.id and one.is_bad and one.id not in old]
        if guilty:
            worst = min(guilty, key=_badness)
            return _fail(deployment, at, STEPS.get(worst.word, "run"), worst.word, worst.exit_code)
    if service is not None and service.word_class is WordClass.GOOD and service.is_settled:
        return replace(deployment, status=COMPLETED, completed_at=at)
    return _fail(deployment, at, "timeout", None, None) if at - deployment.started_at > deadline_s else deployment


def _badness(container: Container) -> int:
    return WORST_FIRST.index(container.word) if container.word in WORST_FIRST else len(WORST_FIRST)


def _fail(deployment: Deployment, at: float, step: str, word: str | None, code: int | None) -> Deployment:
    told = {"step": step, "word": word, "exit_code": code}
    diagnostics = {name: value for name, value in told.items() if value is not None}
    return replace(deployment, status=FAILED, completed_at=at, diagnostics=diagnostics)


def _follow_hook(known: Deployment | None, hook: Hook, at: float) -> Deployment:
    """Return the deployment that a hook tells of; how it ended is the hook's to say."""
    made = known or Deployment(
        id=hook.id,
        node=hook.node,
        service=hook.service,
        status=STARTED,
        trigger=HOOK,
        started_at=hook.started_at,
    )
    if made.status != STARTED:
        return made
    if hook.ended_at is None:
        is_lost = at - hook.started_at > HOOK_DEADLINE_S
        return _fail(made, at, "timeout", None, None) if is_lost else made
    if hook.exit_code == 0:
        return replace(made, status=COMPLETED, completed_at=hook.ended_at)
    return _fail(made, hook.ended_at, hook.step or "run", None, hook.exit_code)


def _keep(deployments: Mapping[str, Deployment], at: float) -> dict[str, Deployment]:
    """Return those of the last thirty days, and of each service at least the last twenty."""
    ordered = sorted(deployments.values(), key=lambda one: (one.started_at, one.id))
    newer: dict[Target, int] = {}
    kept = []
    for deployment in reversed(ordered):
        target = Target(deployment.node, deployment.service)
        newer[target] = newer.get(target, 0) + 1
        if newer[target] <= KEEP_COUNT or at - deployment.started_at < KEEP_S:
            kept.append(deployment)
    return {deployment.id: deployment for deployment in reversed(kept)}
