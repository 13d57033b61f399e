"""The words and numbers of OBSERVER, and the reading of its times."""

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
GOOD, SETTLING, BAD = "good", "settling", "bad"
S, M, H, D = 1.0, 60.0, 3600.0, 86400.0

# 2.3, with what its list leaves out where it is kin
WORST = (
    "start_failed", "oom_killed", "crash_looping", "dead", "job_failed", "failed", "exited", "load_failed", "masked",
    "inactive", "skipped", "job_overdue", "created", "paused", "restarting", "removing", "http_unreachable",
    "tcp_unreachable", "mqtt_unreachable", "unhealthy", "degraded",
)  # fmt: skip
# 2.6
TRIGGERS = {
    **dict.fromkeys(("exited", "dead", "created", "paused", "start_failed"), "containers_not_running"),
    **dict.fromkeys(("restarting", "crash_looping"), "crash_loop"),
    "unhealthy": "healthcheck_failing",
    "oom_killed": "out_of_memory",
    "job_failed": "job_failed",
    "job_overdue": "job_failed",
    **dict.fromkeys(("failed", "inactive", "skipped", "masked", "load_failed"), "unit_failed"),
    "http_unreachable": "http_unreachable",
    "tcp_unreachable": "tcp_unreachable",
    "mqtt_unreachable": "mqtt_unreachable",
}
HARD = {"permission", "auth", "host_key", "tls", "protocol", "config"}
SOFT = {"timeout", "refused", "reset", "no_route", "dns", "socket", "engine_down"}
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

reached: Counter[str] = Counter()
"""How often each rule decided something."""


def hit(rule: str) -> None:
    reached[rule] += 1


def read_time(text: Any) -> float | None:
    """Return the moment that an engine wrote; none where it is never or no time."""
    if not isinstance(text, str):
        return None
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if not found or text.startswith("0001-"):
        return None
    base = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00")).astimezone(UTC)
    return base.timestamp() + float("0" + (found[2] or ".0"))


def make_name(text: str) -> str | None:
    """Return a name as the world may bear it."""
    name = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).lstrip("._-").rstrip("-")
    return name if NAME.fullmatch(name) and name != "all" else None
