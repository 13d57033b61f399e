"""The numbers and words of SEMANTICS, as one dictionary; durations in seconds."""

from datetime import timedelta
from typing import Any

MINUTE, HOUR = 60, 3600

RULES: dict[str, Any] = {
    "world_ttl": 15 * MINUTE,
    "node_ttl": 5 * MINUTE,
    "node_ttl_intermittent": 60 * MINUTE,
    "service_ttl": 15 * MINUTE,
    "clock_tolerance": 5 * MINUTE,
    "mass_drift_min": 5,
    "mass_drift_share": 0.5,
    "mass_offline_min": 3,
    "mass_offline_span": 60 * MINUTE,
    "node_drift_min": 2,
    "deployment_window": 24 * HOUR,
    "max_deployment_failures": 3,
    "max_restarts": 5,
    "progress_deadline": 10 * MINUTE,
    "reminder_interval": 24 * HOUR,
    "report_unexpected": False,
    "match_short_names": True,
    "naive_timezone": "UTC",
    "refreshes": False,
    "compose": True,
    "profiles": [],
    "ignore_hosts": ["_*", ".*"],
    "no_cleanup_nodes": [],
    "maintenance": [],
    "node_alias_map": {},
    "healthy_words": {"ok", "healthy", "running", "up", "active"},
    "settling_words": {"starting"},
    "looping_words": {"restarting", "crash_looping"},
    "completed_words": {"completed", "complete", "finished", "done", "success", "succeeded", "exited (0)"},
    "unhealthy_words": {
        *("unhealthy", "exited", "dead", "down", "stopped", "failed", "error", "crashed", "paused", "created"),
        *("removing", "degraded", "inactive", "offline", "unreachable", "start_failed", "oom_killed", "job_failed"),
        *("job_overdue", "skipped", "masked", "load_failed"),
    },
    "online_words": {"online", "active", "ready", "up", "ok", "healthy"},
    "offline_words": {"offline", "down", "dead", "failed", "error", "stopped", "not ready", "not_ready", "notready"},
    "pressure_words": {"high", "critical", "true"},
    "failed_words": {
        *("failed", "failure", "error", "errored", "crashed", "cancelled", "canceled", "aborted", "rolled_back"),
        *("timeout", "timed_out"),
    },
    "in_flight_words": {"started", "running", "in_progress", "pending"},
    "succeeded_words": {"completed", "success", "succeeded"},
    "closed_words": {"resolved", "closed"},
    "restart_triggers": {"containers_not_running", "mqtt_unreachable"},
    "no_redeploy_triggers": {"disk_usage_high", "disk_full", "image_pull_failed"},
}


def settled(given: dict[str, Any] | None) -> dict[str, Any]:
    """Return the rules with what was given in their place; a duration may be a `timedelta`."""
    rules = {**RULES, **(given or {})}
    return {name: value.total_seconds() if isinstance(value, timedelta) else value for name, value in rules.items()}
