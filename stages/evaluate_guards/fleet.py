"""Guards of the fleet, which hold back all cases alike: its policy, ledger, clock, observer, halts and storms."""

from schemas.canonical import spell_instant
from schemas.decision import Guard, make_hit
from schemas.numbers import Numbers
from schemas.scene import Scene, limit_of
from stages.evaluate_guards.ground import Ground, Hits


def find_fleet_hits(ground: Ground) -> Hits:
    """Yield those that fail."""
    for find in (_policy_invalid, _ledger_broken, _clock_behind, _halted, _observer_suspect, _too_many, _storm):
        yield from find(ground)


def _policy_invalid(ground: Ground) -> Hits:
    if ground.policy is None:
        yield make_hit(Guard.POLICY_INVALID, ground.policy_fault, "mending the policy")


def _ledger_broken(ground: Ground) -> Hits:
    if ground.book.broken is not None:
        yield make_hit(Guard.LEDGER_BROKEN, ground.book.broken, "supervisor actions verify")


def _clock_behind(ground: Ground) -> Hits:
    scene = ground.scene
    latest = max(scene.world_at, ground.book.newest_at or scene.world_at)
    if latest > scene.as_of + ground.numbers.clock_skew:
        yield make_hit(Guard.CLOCK_BEHIND, f"something was written at {spell_instant(latest)}", "setting the clock")


def _halted(ground: Ground) -> Hits:
    halt = ground.book.last_halt_at(ground.scene.as_of)
    if halt is not None:
        text = f"halted by {halt.by} since {spell_instant(halt.at)}: {halt.reason}"
        yield make_hit(Guard.HALTED, text, "supervisor resume", halt.until)


def _observer_suspect(ground: Ground) -> Hits:
    if ground.scene.is_observer_suspect:
        yield make_hit(Guard.OBSERVER_SUSPECT, "the observer is suspect", "the observer")


def _too_many(ground: Ground) -> Hits:
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


def _storm(ground: Ground) -> Hits:
    storm_at, scene = ground.memory.storm_at, ground.scene
    fails_now = bool(_describe_storm(scene, ground.numbers))
    until = None if storm_at is None else storm_at + ground.numbers.storm_cooldown
    if fails_now or (until is not None and scene.as_of < until):
        text = "too many were in trouble at once" + (f", last at {spell_instant(storm_at)}" if storm_at else "")
        yield make_hit(Guard.STORM, text, "time", None if fails_now else until)
