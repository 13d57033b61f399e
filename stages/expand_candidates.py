"""Candidates: the targets that recommendations and requests are about (ACTIONS 13.2)."""

from collections.abc import Iterator, Mapping

from schemas.book import Book
from schemas.candidate import Candidate
from schemas.episode import Target
from schemas.policy import Failover, Policy
from schemas.scene import Advice, Scene
from schemas.verb import Verb, fit_ladder
from schemas.words import Action


def expand_candidates(scene: Scene, book: Book, policy: Policy | None) -> tuple[Candidate, ...]:
    """Return a candidate for each recommendation, for each service that may move, and for each request in force.

    A `failover_review` becomes one for each desired service of its node that has an entry and a place to go; without any, it
    stays one for people. A policy that is not valid knows of no failover. What the run does not judge has no candidate.
    """
    failovers: dict[str, list[Failover]] = {}
    for entry in policy.failovers if policy else ():
        failovers.setdefault(entry.target.partition("/")[0], []).append(entry)
    candidates: list[Candidate] = []
    for advice in scene.advice:
        target = advice.target
        if target in scene.unjudged:
            continue
        if advice.action is Action.FAILOVER_REVIEW:
            candidates.extend(_expand(advice, scene, failovers))
        else:
            candidates.append(Candidate(target, advice, ladder=_fit(advice)))
    return (*candidates, *_requested(scene, book))


def _fit(advice: Advice) -> tuple[Verb, ...]:
    return fit_ladder((), advice.action, advice.causing_kinds)


def _expand(advice: Advice, scene: Scene, failovers: Mapping[str, list[Failover]]) -> Iterator[Candidate]:
    ladder = _fit(advice)
    entries = sorted(failovers.get(advice.node, ()), key=lambda entry: entry.target)
    moves = [(entry, _find_place(entry, scene)) for entry in entries]
    found = [(_target(entry), to) for entry, to in moves if to is not None and scene.is_asked(_target(entry))]
    if not found or not ladder:
        yield Candidate(target=advice.target, advice=advice)
    for target, to in found if ladder else ():
        yield Candidate(target=target, advice=advice, ladder=ladder, params={"to": to})


def _target(entry: Failover) -> Target:
    node, _, service = entry.target.partition("/")
    return Target(node, service)


def _find_place(entry: Failover, scene: Scene) -> str | None:
    """Return where it may go; None where it is healthy already at one of the places, or none is up."""
    service = entry.target.partition("/")[2]
    shown = (scene.shown.get(Target(node, service)) for node in entry.to)
    if any(there is not None and there.is_healthy for there in shown):
        return None
    down = scene.offline | scene.suspect
    return next((node for node in entry.to if node not in down and node in scene.nodes), None)


def _requested(scene: Scene, book: Book) -> Iterator[Candidate]:
    for asking in book.requests:
        is_over = asking.is_over or asking.request.ends_at <= scene.as_of
        target = asking.target
        if not is_over and target not in scene.unjudged and scene.is_asked(target):
            request = asking.request
            advice = next((advice for advice in scene.advice if advice.target == target), None)
            yield Candidate(
                target=target, advice=advice, asking=asking, ladder=(request.verb,), params=dict(request.params)
            )
