"""The tables of ACTIONS 9, 11 and 13.2 as plain values."""

from datetime import timedelta
from typing import Any

MODES = ["observe", "suggest", "approve", "auto"]
CLASSES = ["safe", "guarded", "dangerous"]
SEVERITIES = ["info", "warning", "error", "critical"]
CLASS_CEILING = {"safe": "auto", "guarded": "auto", "dangerous": "approve"}
VERB_CLASS = {
    "restart": "safe", "redeploy": "guarded", "cleanup": "guarded", "failover": "dangerous", "diagnostics": "safe",
}  # fmt: skip
BROKEN = {"missing_service", "unhealthy_service"}
CURES: dict[str, set[str]] = {
    "restart": BROKEN,
    "redeploy": BROKEN | {"failed_deployment"},
    "cleanup": {"node_pressure"},
    "failover": {"offline_node"},
    "diagnostics": set(),
}
TIMEOUT = {verb: timedelta(minutes=2 if verb in {"restart", "diagnostics"} else 10) for verb in CURES}
DEFAULT_LADDER = {
    "container_restart": ["restart", "restart", "redeploy", "diagnostics"],
    "redeploy": ["redeploy", "redeploy", "diagnostics"],
    "diagnostics": ["diagnostics"],
    "disk_cleanup": ["cleanup"],
    "failover_review": ["failover"],
}
REPAIR = ["restart", "redeploy", "diagnostics"]
FITS = {**DEFAULT_LADDER, "container_restart": REPAIR, "redeploy": REPAIR}
PROTECTED = ["*/control-plane", "*/runtime-supervisor", "*/supervisor", "*/observer", "*/executor", "*/*socket-proxy"]
LADDER_FAILURES = {"not_recovered", "worse", "unknown", "relapsed"}
NEUTRAL = {"explained", "superseded", "collected", "not_collected"}
S, M, H = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

NUMBERS: dict[str, Any] = {
    "automation": "auto", "act_world_ttl": 3 * M, "clock_skew": 60 * S, "max_unhealthy_share": "0.4",
    "max_unhealthy_min": 3, "max_offline_share": "0.34", "max_offline_min": 1, "storm_cooldown": 10 * M,
    "start_grace": 10 * M, "act_after": 60 * S, "act_after_worlds": 2, "settle": 30 * S, "confirm_span": 60 * S,
    "worse_span": 3 * M, "stable_for": 30 * M, "verify_within": 10 * M, "verify_grace": 15 * M, "cooldown": 30 * M,
    "cooldown_factor": 2, "cooldown_max": 6 * H, "no_effect_cooldown": 5 * M, "max_no_effect": 3, "timeout": None,
    "window_margin": None, "max_concurrent": 2, "rate_target": (4, 24 * H), "rate_node": (6, H), "rate_fleet": (6, H),
    "budget": (20, 24 * H), "rate_diagnostics": (10, H), "collateral_share": "0.25", "collateral_min": 3,
    "collateral_max": 10, "breaker_failures": 3, "breaker_node_failures": 2, "breaker_cooldown": 2 * H,
    "breaker_max": 24 * H, "approval_ttl": H, "approvals": 1, "dangerous_approvals": 1, "failover_after": 15 * M,
    "reject_hold": 24 * H, "max_hold": 720 * H, "max_override": 4 * H,
}  # fmt: skip
LONGEST_SPAN = 30 * M


def seconds(text: Any) -> timedelta:
    """Return the duration of `90s`, `15m`, `2h` or `3d`."""
    if isinstance(text, timedelta):
        return text
    return int(text[:-1]) * {"s": S, "m": M, "h": H, "d": 24 * H}[text[-1]]


def read_number(name: str, value: Any) -> Any:
    """Return one number of 11 as it is counted with."""
    default = NUMBERS[name]
    if isinstance(default, tuple) and isinstance(value, str):
        count, _, span = value.partition("/")
        return int(count), seconds(span)
    return seconds(value) if isinstance(default, timedelta) or name in {"timeout", "window_margin"} else value
