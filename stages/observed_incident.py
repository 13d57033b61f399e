"""Observed incident: when badness becomes an incident, and when it is over (OBSERVER 2.6)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from schemas.episode import Target
from schemas.look_words import NODE_TRIGGERS, WORST_FIRST, WordClass
from schemas.observed import Evidence, Incident, Sighting

LEAST_LOOKS, LEAST_S = 2, 60.0
REOPEN_S = 30 * 60.0
KEEP_S, KEEP_COUNT = 7 * 86_400.0, 5_000
ACTIVE, RESOLVED = "active", "resolved"
REMOVED, RECOVERED = "removed_from_desired_state", "recovered"
_WORST_WORDS = (*WORST_FIRST, *NODE_TRIGGERS)


@dataclass(frozen=True, slots=True)
class Incidents:
    """All incidents by id, and what the looks say that have not made or ended one yet."""

    incidents: Mapping[str, Incident]
    evidence: Mapping[Target, Evidence]


def advance_incidents(
    before: Incidents, sightings: Iterable[Sighting], asked_for: Collection[Target], at: float
) -> Incidents:
    """Return the incidents after the looks that ended at this moment.

    One opens after two bad looks or a minute of badness, and ends after two good looks or a minute; what settles does
    neither, and what was not seen leaves all as it is. Within half an hour of its end a relapse reopens it. What the
    inventory does not ask for, or does not monitor, has none, and what it no longer asks for is resolved.
    """
    wanted = frozenset(asked_for)
    evidence = {target: known for target, known in before.evidence.items() if target in wanted}
    incidents = {incident.id: _withdraw(incident, wanted, at) for incident in before.incidents.values()}
    newest = {Target(one.node, one.service): one for one in sorted(incidents.values(), key=_order)}
    for sighting in sorted(sightings, key=lambda sighting: sighting.target):
        if sighting.target not in wanted or sighting.word_class is WordClass.SETTLING:
            continue
        was, last = evidence.get(sighting.target), newest.get(sighting.target)
        now = evidence[sighting.target] = _weigh(was, is_bad=sighting.word_class is WordClass.BAD, at=at)
        if now.is_bad:
            is_relapse = was is not None and not was.is_bad
            changed = _worsen(last, sighting, now, incidents, at, is_relapse=is_relapse)
        else:
            changed = _heal(last, now, at)
        if changed is not None:
            incidents[changed.id] = newest[sighting.target] = changed
    return Incidents(_keep(incidents, at), evidence)


def _order(incident: Incident) -> tuple[bool, float, str]:
    return incident.status == ACTIVE, incident.started_at, incident.id


def _withdraw(incident: Incident, wanted: frozenset[Target], at: float) -> Incident:
    if incident.status != ACTIVE or Target(incident.node, incident.service) in wanted:
        return incident
    return replace(incident, status=RESOLVED, resolved_at=at, resolution=REMOVED)


def _weigh(was: Evidence | None, *, is_bad: bool, at: float) -> Evidence:
    if was is None or was.is_bad is not is_bad:
        return Evidence(is_bad, 1, at)
    return Evidence(is_bad, was.looks + 1, was.since)


def _is_enough(evidence: Evidence, at: float) -> bool:
    return evidence.looks >= LEAST_LOOKS or at - evidence.since >= LEAST_S


def _worsen(
    last: Incident | None,
    sighting: Sighting,
    now: Evidence,
    incidents: Mapping[str, Incident],
    at: float,
    *,
    is_relapse: bool,
) -> Incident | None:
    """Return the incident that a bad look changes, reopens or makes; None where it is not enough for one yet."""
    if last is not None and last.status == ACTIVE:
        return replace(
            _blame_worst(last, sighting),
            detail=sighting.detail,
            last_occurrence=at,
            occurrence_count=last.occurrence_count + is_relapse,
        )
    if not _is_enough(now, at):
        return None
    if last is not None and last.resolution != REMOVED and at - (last.resolved_at or 0) <= REOPEN_S:
        return _reopen(last, sighting, at)
    return Incident(
        id=_unused_id(sighting.target, now.since, incidents),
        node=sighting.target.node,
        service=sighting.target.service,
        status=ACTIVE,
        severity=sighting.severity,
        trigger_type=sighting.trigger_type,
        word=sighting.word,
        started_at=now.since,
        last_occurrence=at,
        detail=sighting.detail,
    )


def _reopen(last: Incident, sighting: Sighting, at: float) -> Incident:
    return replace(
        last,
        status=ACTIVE,
        trigger_type=sighting.trigger_type,
        word=sighting.word,
        severity=sighting.severity,
        detail=sighting.detail,
        last_occurrence=at,
        occurrence_count=last.occurrence_count + 1,
        resolved_at=None,
        resolution=None,
    )


def _blame_worst(incident: Incident, sighting: Sighting) -> Incident:
    if incident.word is not None and _rank(incident.word) <= _rank(sighting.word):
        return incident
    return replace(incident, word=sighting.word, trigger_type=sighting.trigger_type)


def _rank(word: str) -> int:
    return _WORST_WORDS.index(word) if word in _WORST_WORDS else len(_WORST_WORDS)


def _unused_id(target: Target, at: float, incidents: Mapping[str, Incident]) -> str:
    second = int(at)
    while (name := f"inc-{second}-{target.node}-{target.service}") in incidents:
        second += 1
    return name


def _heal(last: Incident | None, now: Evidence, at: float) -> Incident | None:
    if last is None or last.status != ACTIVE or not _is_enough(now, at):
        return None
    return replace(last, status=RESOLVED, resolved_at=at, resolution=RECOVERED)


def _keep(incidents: Mapping[str, Incident], at: float) -> dict[str, Incident]:
    """Return the active ones, and of the others the newest, as long as they are kept."""
    young = [one for one in incidents.values() if one.status == ACTIVE or at - (one.resolved_at or at) < KEEP_S]
    kept = sorted(young, key=lambda one: (one.status == ACTIVE, one.last_occurrence, one.id))[-KEEP_COUNT:]
    return {one.id: one for one in sorted(kept, key=lambda one: (one.started_at, one.id))}
