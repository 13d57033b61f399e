"""The rules' numbers and word lists (SEMANTICS 2 to 7), with their defaults."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, TypeGuard

from schemas.duration import LONGEST, parse_duration
from schemas.setting import STRICT, Bound, Check, Form, Read, setting
from schemas.wait import Patience
from schemas.window import parse_window
from schemas.words import DriftKind

_RUNS = re.compile(r"(\d{1,4}) runs?")
_HALF = re.compile("[\ud800-\udfff]")
"""Half a surrogate pair: what Python makes of a byte of the environment that is no UTF-8."""


def split_words(given: object) -> object:
    """Return the list that a text such as `ok, healthy` names, or that one number is; anything else as it is.

    ValueError for a text that is no UTF-8.
    """
    if any(isinstance(one, str) and _HALF.search(one) for one in (given if isinstance(given, list) else [given])):
        raise ValueError("expected UTF-8, found a byte or an escape that is none")
    if isinstance(given, str):
        return [word.strip() for word in given.split(",") if word.strip()]
    return [given] if isinstance(given, int) and not isinstance(given, bool) else given


def _are_texts(given: object) -> TypeGuard[Collection[str]]:
    return isinstance(given, list | tuple | set | frozenset) and all(isinstance(one, str) for one in given)


def _lowered(given: object) -> object:
    words = split_words(given)
    return frozenset(word.strip().lower() for word in words) if _are_texts(words) else words


def parse_patience(value: object) -> object:
    """Return a `Patience` for `3 runs`, or for a duration as `parse_duration` reads it."""
    if isinstance(value, Patience):
        return value
    runs = _RUNS.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if runs is not None:
        return Patience(run_count=int(runs[1]))
    duration = parse_duration(value)
    if not isinstance(duration, timedelta) or duration < timedelta(0):
        raise ValueError("expected a duration such as 10m, or a number of runs such as '3 runs'")
    return Patience(duration=duration)


def spell_patience(patience: Patience) -> str:
    """Return it as settings write it."""
    return f"{patience.run_count} runs" if patience.run_count else f"{patience.duration.total_seconds():g}s"


def _named(given: object) -> object:
    names = split_words(given)
    return frozenset(names) if _are_texts(names) else names


def _readable_windows(given: tuple[dict[str, object], ...]) -> tuple[dict[str, object], ...]:
    for window in given:
        parse_window(window)
    return given


def refuse_truth(given: object) -> object:
    """Refuse true and false, which would count as 1 and 0."""
    if isinstance(given, bool):
        raise ValueError(f"expected a number, found {str(given).lower()}")
    return given


Duration = Annotated[timedelta, Read(parse_duration), Read(refuse_truth), Bound(ge=timedelta(0), le=LONGEST)]
Words = Annotated[frozenset[str], Read(_lowered)]
Names = Annotated[frozenset[str], Read(_named)]
Count = Annotated[int, Read(refuse_truth), Bound(ge=1)]
Windows = Annotated[tuple[dict[str, object], ...], Check(_readable_windows)]
OpenAfter = dict[DriftKind, Annotated[Patience, Form(parse_patience, spell_patience)]]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Every number and word list that a judgement depends on; the defaults are SEMANTICS'."""

    __pydantic_config__ = STRICT

    world_ttl: Duration = setting(timedelta(minutes=15), "a world older than this is stale")
    node_ttl: Duration = setting(timedelta(minutes=5), "a node not seen for longer is offline")
    node_ttl_intermittent: Duration = setting(timedelta(minutes=60), "the same for an intermittent node")
    service_ttl: Duration = setting(timedelta(minutes=15), "a healthy record not seen for longer is stale; 0: never")
    clock_tolerance: Duration = setting(timedelta(minutes=5), "a time further in the future is doubtful")
    refreshes: bool | None = setting(
        None, "the observer writes every record anew each time (else as runtime-summary.json says)"
    )
    mass_drift_min: Count = setting(5, "services not to be seen from which the observer itself is suspect")
    mass_drift_share: Annotated[float, Read(refuse_truth), Bound(gt=0.0, le=1.0)] = setting(
        0.5, "and their share of those to be seen; of nodes alike"
    )
    node_drift_min: Count = setting(2, "services of a node, all broken, that make the node suspect")
    mass_offline_min: Count = setting(3, "nodes gone at once from which the observer itself is suspect")
    mass_offline_span: Duration = setting(
        timedelta(minutes=60), "a node not seen for so long before these is dead since longer"
    )
    deployment_window: Duration = setting(timedelta(hours=24), "a failed deployment counts this long")
    max_deployment_failures: Count = setting(3, "consecutive failures after which to stop and diagnose")
    progress_deadline: Duration = setting(timedelta(minutes=10), "a deployment in flight has this long")
    max_restarts: Count = setting(5, "occurrences of an incident after which to stop and diagnose")
    report_unexpected: bool = setting(False, "recommend a review of services that no inventory asks for")
    reminder_interval: Duration = setting(timedelta(hours=24), "repeat an unchanged event; 0: never")

    healthy_words: Words = setting(
        frozenset({"ok", "healthy", "running", "up", "active"}), "what a healthy service's status says"
    )
    online_words: Words = setting(
        frozenset({"online", "active", "ready", "up", "ok", "healthy"}), "what an online node's status says"
    )
    offline_words: Words = setting(
        frozenset({"offline", "down", "dead", "failed", "error", "stopped", "not ready", "not_ready", "notready"}),
        "what a node's status says that is known to be off",
    )
    silent_words: Words = setting(
        frozenset({"unreachable", "unknown", "disconnected", "lost"}),
        "what a node's status says that nobody could reach",
    )
    settling_words: Words = setting(frozenset({"starting"}), "a service that is about to be healthy")
    looping_words: Words = setting(
        frozenset({"restarting", "crash_looping"}), "a service that starts and fails again and again"
    )
    completed_words: Words = setting(
        frozenset({"completed", "complete", "finished", "done", "success", "succeeded", "exited (0)"}),
        "a job that is done; of no other service is this healthy",
    )
    unhealthy_words: Words = setting(
        frozenset(
            {
                *("unhealthy", "exited", "exited (n)", "dead", "down", "stopped", "failed", "error", "crashed"),
                *("paused", "created", "removing", "degraded", "inactive", "offline", "unreachable", "start_failed"),
                *("oom_killed", "job_failed", "job_overdue", "skipped", "masked", "load_failed"),
            }
        ),
        "what an unhealthy service's status says; a word that no list knows is unhealthy too",
    )
    failed_words: Words = setting(
        frozenset(
            {
                *("failed", "failure", "error", "errored", "crashed", "cancelled", "canceled", "aborted"),
                *("rolled_back", "timeout", "timed_out"),
            }
        ),
        "a deployment failed",
    )
    in_flight_words: Words = setting(
        frozenset({"started", "running", "in_progress", "pending"}), "a deployment is in flight"
    )
    succeeded_words: Words = setting(frozenset({"completed", "success", "succeeded"}), "a deployment succeeded")
    closed_words: Words = setting(frozenset({"resolved", "closed"}), "an incident is over")
    restart_triggers: Words = setting(
        frozenset({"containers_not_running", "mqtt_unreachable"}),
        "incidents that ask for a restart, not a redeploy",
    )
    no_redeploy_triggers: Words = setting(
        frozenset({"disk_usage_high", "disk_full", "image_pull_failed"}),
        "incidents that a redeploy makes worse",
    )
    no_cleanup_nodes: Names = setting(frozenset(), "nodes (globs) whose disk nobody cleans without a look")

    match_short_names: bool = setting(True, "a world's node name is known by its first label as well")
    naive_timezone: str = setting("UTC", "the zone of times and windows that name none")
    maintenance: Windows = setting((), "windows (days, from, to, dates, zone) in which the fleet may be away")
    profiles: Names = setting(frozenset(), "compose profiles whose services are asked for")
    compose: bool = setting(True, "read a node's compose files beside its services.yaml")
    ignore_hosts: Names = setting(frozenset({"_*", ".*"}), "folders (globs) under hosts/ that are no nodes")


@dataclass(frozen=True, kw_only=True)
class PastRules:
    """The numbers that the past is read by; no judgement depends on them."""

    __pydantic_config__ = STRICT

    longest_span: Duration = setting(timedelta(minutes=30), "a run speaks for the time after it this long")
    flapping_openings: Count = setting(3, "openings of one drift that make it flap")
    flapping_window: Duration = setting(timedelta(hours=24), "within this time")
