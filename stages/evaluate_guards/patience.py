"""Guards of patience: what flaps, is too young, came up just now or is being acted on is let be."""

from schemas.candidate import Case
from schemas.canonical import spell_instant
from schemas.decision import Guard, make_hit
from stages.evaluate_guards.ground import Ground, Hits, Row


def _flapping(case: Case, ground: Ground) -> Hits:
    until = ground.scene.flapping.get(case.target)
    if until is not None and ground.scene.as_of < until and not case.attempts:
        yield make_hit(Guard.FLAPPING, "it flaps: find the cause first", "time", until)


def _act_after(case: Case, ground: Ground) -> Hits:
    advice, scene = case.candidate.advice, ground.scene
    if advice is None:
        return
    episodes = scene.episodes.get(advice.target, ())
    opened = [episode.opened_at for episode in episodes if episode.action is advice.action]
    row = ground.memory.seen.get(case.target)
    worlds = row.worlds if row else 0
    wanted = case.numbers.act_after_worlds
    until = opened[0] + case.numbers.act_after if opened else None
    if until is None or scene.as_of < until or worlds < wanted:
        text = f"it stands in {worlds} of {wanted} worlds" + (f", since {spell_instant(opened[0])}" if opened else "")
        yield make_hit(Guard.ACT_AFTER, text, "time, and further worlds", None if worlds < wanted else until)


def _may_be_young(ground: Ground) -> bool:
    scene, seen = ground.scene, ground.memory.seen
    opened_at = max((episode.opened_at for row in scene.episodes.values() for episode in row), default=scene.as_of)
    worlds = min((row.worlds for row in seen.values()), default=0)
    for numbers in {id(case.numbers): case.numbers for case in ground.cases}.values():
        if scene.as_of < opened_at + numbers.act_after or worlds < numbers.act_after_worlds:
            return True
    return not all(_is_known(case, ground) for case in ground.cases)


def _is_known(case: Case, ground: Ground) -> bool:
    """Return whether it was recommended before, and was so in the last world."""
    advice = case.candidate.advice
    for episode in ground.scene.episodes.get(case.target, ()):
        if advice and episode.action is advice.action:
            return case.target in ground.memory.seen
    return False


def _start_grace(case: Case, ground: Ground) -> Hits:
    memory, grace = ground.memory, ground.numbers.start_grace
    node_since = memory.node_since.get(case.candidate.nodes[-1])
    if node_since is None or memory.fleet_since is None:
        yield make_hit(Guard.START_GRACE, "the node is not up", "the node")
        return
    rest = memory.rest.get(case.target)
    latest = max(memory.fleet_since, node_since, rest or node_since)
    if ground.scene.as_of < latest + grace:
        text = f"a gap, a return or a maintenance ended at {spell_instant(latest)}"
        yield make_hit(Guard.START_GRACE, text, "time", latest + grace)


def _may_be_in_grace(ground: Ground) -> bool:
    memory = ground.memory
    nodes = {case.candidate.nodes[-1] for case in ground.cases}
    if memory.fleet_since is None or not nodes <= memory.node_since.keys():
        return True
    latest = max((memory.fleet_since, *memory.node_since.values(), *memory.rest.values()))
    return ground.scene.as_of < latest + ground.numbers.start_grace


def _busy_itself(case: Case, _: Ground) -> Hits:
    if case.open_attempt is not None:
        text = f"{case.open_attempt.verb} since {spell_instant(case.open_attempt.started_at)} waits for its outcome"
        yield make_hit(Guard.BUSY_ITSELF, text, "its outcome")


ROWS = (
    Row(
        Guard.FLAPPING,
        _flapping,
        lambda ground: bool(ground.scene.flapping),
        is_for_mutating=True,
        spares_requests=True,
    ),
    Row(Guard.ACT_AFTER, _act_after, _may_be_young, spares_requests=True),
    Row(Guard.START_GRACE, _start_grace, _may_be_in_grace, spares_requests=True),
    Row(Guard.BUSY_ITSELF, _busy_itself, lambda ground: bool(ground.book.attempts)),
)
