"""The last run as Prometheus metrics, from the checkpoint alone: no frame is needed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from flows.ledger.checkpoint import Known
from flows.telling.outbox import Waiting
from schemas.last_run import LastRun
from schemas.words import State

PREFIX = "supervisor"
Counts = Mapping[tuple[str, ...], int]


def to_metrics(known: Known, waiting: Waiting | None = None) -> bytes:
    """Return the Prometheus text format; ages are given as moments, since the text may be read much later."""
    registry = CollectorRegistry()
    registry.register(_LastRunCollector(known, waiting))
    return generate_latest(registry)


class _LastRunCollector(Collector):
    def __init__(self, known: Known, waiting: Waiting | None) -> None:
        self._known, self._waiting = known, waiting

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give each family once; without a run, those that say so."""
        run, attempt = self._known.last_run, self._known.last_attempt
        yield _gauge("runs", "Runs that were committed.", self._known.generation)
        yield _gauge("last_attempt_skipped", "The newest run came to no conclusion.", attempt is not None)
        if attempt is not None:
            yield _moment("last_attempt", "The newest run, without conclusions.", attempt.as_of)
        if run is not None:
            yield from _of_run(run)
            yield from self._episodes()
        if self._waiting is not None:
            yield _gauge("notifications_waiting", "Messages that are not sent yet.", self._waiting.messages)
            yield _gauge("notifications_failed", "Those of them that an address did not take.", self._waiting.failed)
        view = (self._known.acting or {}).get("view")
        if isinstance(view, Mapping):
            yield from _of_acting(view)

    def _episodes(self) -> Iterator[GaugeMetricFamily]:
        episodes = [episode for episode in self._known.episodes.values() if episode.is_open]
        counts: Counts = Counter((str(episode.action), str(episode.severity)) for episode in episodes)
        yield _counts("open_episodes", "Open episodes.", ["action", "severity"], counts)


def _of_acting(view: Mapping[str, Any]) -> Iterator[GaugeMetricFamily]:
    """Give what the last run left to be seen of acting; nothing where that is off."""
    counts: Counts = {(phase,): int(count) for phase, count in view["counts"].items()}
    yield _counts("actions", "Actions that have not ended.", ["phase"], counts)
    yield _gauge("automation_halted", "An operator keeps automation off everything.", view["halted"] is not None)
    yield _gauge("holds", "Targets that an operator keeps automation off.", len(view["holds"]))
    yield _gauge("breakers_open", "Breakers that keep a node, or the fleet, at rest.", len(view["breakers"]))


def _of_run(run: LastRun) -> Iterator[GaugeMetricFamily]:
    states: Counts = {(str(state),): int(state == run.state) for state in State}
    yield _counts("state", "The fleet's state: 1 for the one that it is in.", ["state"], states)
    yield _moment("last_run", "The last run with conclusions.", run.as_of)
    if run.state_since is not None:
        yield _moment("state_since", "Since when the fleet is in its state.", run.state_since)
    if run.world_at is not None:
        yield _moment("world", "The world's own time.", run.world_at)
        age_s = (run.as_of - run.world_at).total_seconds()
        yield _gauge("world_age_seconds", "The world's age at the last run.", max(age_s, 0))
    yield _gauge("last_run_partial", "A part of the inventory could not be read.", run.outcome == "partial")
    if "well_service_count" in run.counts:
        yield _gauge("services_asked", "Services that are asked for.", run.counts["asked_service_count"])
        yield _gauge("services_as_asked", "Those of them that are as asked.", run.counts["well_service_count"])
    drift: Counts = {(kind, severity, str(held).lower()): n for kind, severity, held, n in run.drift_counts}
    yield _counts("drift", "Differences.", ["kind", "severity", "held_back"], drift)
    advice: Counts = {(event, action, severity): n for event, action, severity, n in run.recommendation_counts}
    yield _counts("recommendations", "Recommendations.", ["event_type", "action", "severity"], advice)
    yield _gauge("acknowledged", "Recommendations that are acknowledged.", run.counts.get("acknowledged_count", 0))
    yield _gauge("waits", "Drifts that must last longer to open an episode.", len(run.waits))
    yield _gauge("rejected_records", "World records set aside.", run.counts.get("rejected_count", 0))
    doubtful = run.counts.get("unreadable_timestamp_count", 0)
    yield _gauge("unreadable_timestamps", "Times of the world that cannot be read, or lie in the future.", doubtful)
    taken = GaugeMetricFamily(
        f"{PREFIX}_stage_duration_seconds", "How long a step of the last run took.", labels=["stage"]
    )
    for stage, taken_s in run.taken_s.items():
        taken.add_metric([stage], taken_s)
    yield taken


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", meaning, value=float(value))


def _moment(name: str, meaning: str, moment: datetime) -> GaugeMetricFamily:
    return _gauge(f"{name}_timestamp_seconds", meaning, moment.timestamp())


def _counts(name: str, meaning: str, labels: list[str], counts: Mapping[tuple[str, ...], int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", meaning, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family
