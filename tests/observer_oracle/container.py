"""One container as it is listed and inspected, and its word (OBSERVER 2.1)."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.observer_oracle.words import BAD, GOOD, SETTLING, Json, M, hit, read_time

COMPOSE, SWARM = "com.docker.compose.", "com.docker.swarm."


@dataclass
class Seen:
    """One container of one look."""

    id: str
    name: str
    state: str
    image: str | None = None
    health: str = ""
    exit_code: int | None = None
    has_error: bool = False
    oom: bool = False
    restarts: int | None = None
    created: float | None = None
    started: float | None = None
    finished: float | None = None
    check: Json | None = None
    labels: dict[str, str] = field(default_factory=dict)
    starts: int = 0
    word: str = ""
    cls: str = ""
    notes: set[str] = field(default_factory=set)

    def compose(self, name: str) -> str | None:
        return self.labels.get(COMPOSE + name) or None

    @property
    def slot(self) -> tuple[str, ...]:
        """The place that one container at a time fills (2.3.1)."""
        if self.compose("project") and self.compose("service"):
            return str(self.compose("project")), str(self.compose("service")), self.compose("container-number") or "1"
        swarm, task = self.labels.get(SWARM + "service.name"), self.labels.get(SWARM + "task.name") or ""
        if swarm and task.startswith(f"{swarm}."):
            return swarm, task.removeprefix(f"{swarm}.").split(".")[0]
        return (self.name,)

    @property
    def group(self) -> str:
        """What it is one of several of."""
        return self.compose("service") or self.labels.get(SWARM + "service.name") or self.name


def read(line: Json, inspect: Json | None) -> Seen:
    """Read a container; where its inspect is not to be had the line of the list stands in (6.29)."""
    seen = _read_line(line)
    if inspect is None:
        hit("6.29 the list's line stands in")
        return seen
    state, config = inspect.get("State") or {}, inspect.get("Config") or {}
    seen.state = (state.get("Status") or seen.state).lower()
    if not line.get("Health"):
        seen.health = ((state.get("Health") or {}).get("Status") or "").lower()
    seen.exit_code = state.get("ExitCode")
    seen.has_error = bool(state.get("Error"))
    seen.oom = bool(state.get("OOMKilled"))
    seen.restarts = inspect.get("RestartCount")
    seen.created = read_time(inspect.get("Created")) or seen.created
    seen.started = read_time(state.get("StartedAt"))
    seen.finished = read_time(state.get("FinishedAt"))
    seen.image = inspect.get("Image") or seen.image
    seen.check = config.get("Healthcheck")
    return seen


def _read_line(line: Json) -> Seen:
    text = line.get("Status") or ""
    names = sorted((name.lstrip("/") for name in line.get("Names") or []), key=lambda name: (name.count("/"), name))
    code = re.match(r"(?:Exited|Restarting) \((\d+)\)", text)
    bracket = re.search(r"\((healthy|unhealthy|health: starting)\)", text)
    labels = {key: value for key, value in (line.get("Labels") or {}).items() if isinstance(value, str)}
    name = names[0] if names else line["Id"][:12]
    if COMPOSE + "service" in labels and (renamed := re.fullmatch(r"[0-9a-f]{12}_(.+)", name)):
        hit("2.3.1 the name that Compose gives while it replaces")
        name = renamed[1]
    return Seen(
        id=line["Id"],
        name=name,
        state=(line.get("State") or "").lower(),
        image=line.get("ImageID"),
        health=_listed_health(line) or (bracket[1].removeprefix("health: ") if bracket else ""),
        exit_code=int(code[1]) if code else None,
        created=line.get("Created"),
        labels=labels,
    )


def _listed_health(line: Json) -> str:
    """Return the health that a list has from API 1.52 on, which is newer than an inspection."""
    if line.get("Health"):
        hit("4 the health of the list")
    return ((line.get("Health") or {}).get("Status") or "").lower()


def is_counted(one: Seen) -> bool:
    """Return whether a container is anybody's (2.1, last line)."""
    labels = one.labels
    rules = {
        "oneoff": (one.compose("oneoff") or "").lower() == "true",
        "ignore": (labels.get("supervisor.ignore") or "").lower() == "true",
        "kubernetes": any(key.startswith("io.kubernetes.") for key in labels),
        "testcontainers": any(key.startswith("org.testcontainers") for key in labels),
        "buildkit": one.name.startswith("buildx_buildkit_"),
    }
    for name, holds in rules.items():
        if holds:
            hit(f"2.1 not counted: {name}")
    return not any(rules.values())


def budget(check: Json | None) -> float:
    """Return how long a check may say `starting`."""
    nano = 1_000_000_000
    given = check or {}
    period = (given.get("StartPeriod") or 0) / nano
    interval, timeout = (given.get("Interval") or 30 * nano) / nano, (given.get("Timeout") or 30 * nano) / nano
    return min(max(period + (interval + timeout) * (given.get("Retries") or 3) + 30, M), 10 * M)


@dataclass
class Round:
    """What a container's word needs beside it."""

    now: float
    """The node's own clock."""
    is_job: bool
    replaces: bool
    every: float | None


def judge(one: Seen, at: Round) -> None:
    """Set a container's word and class: the first row of the table that holds."""
    rows = {
        "running": _running,
        "paused": lambda *_: ("paused", BAD),
        "restarting": _restarting,
        "created": _created,
        "exited": _exited,
        "removing": _removing,
        "dead": lambda *_: ("dead", BAD),
    }
    rule = rows.get(one.state, _other)
    one.word, one.cls = rule(one, at)
    hit(f"2.1 {_describe(one, is_known=rule is not _other)}")


def _describe(one: Seen, *, is_known: bool) -> str:
    """Return the row of the table that decided."""
    if not is_known:
        return "any other: as it is"
    has_health = one.state in {"running", "paused"} and one.word != "crash_looping"
    return f"{one.state}{f', health {one.health or None}' if has_health else ''}: {one.word} ({one.cls})"


def _running(one: Seen, at: Round) -> tuple[str, str]:
    if one.starts >= 4:
        return "crash_looping", BAD
    if one.health == "unhealthy":
        return "unhealthy", BAD
    if one.health == "starting":
        if one.started is None or at.now - one.started < budget(one.check):
            return "starting", SETTLING
        one.notes.add("health_check_idle")
    return "healthy", GOOD


def _restarting(one: Seen, at: Round) -> tuple[str, str]:
    return ("crash_looping" if one.starts >= 4 or (one.restarts or 0) >= 3 else "restarting"), BAD


def _created(one: Seen, at: Round) -> tuple[str, str]:
    if one.has_error or one.exit_code:
        return "start_failed", BAD
    if at.replaces:
        return "replacing", SETTLING
    return "created", SETTLING if one.created is None or at.now - one.created < 10 * M else BAD


def _exited(one: Seen, at: Round) -> tuple[str, str]:
    if at.is_job and not one.exit_code and at.every and one.finished and at.now - one.finished > 1.5 * at.every:
        return "job_overdue", BAD
    if at.is_job:
        return ("job_failed", BAD) if one.exit_code else ("completed", GOOD)
    if one.oom:
        return "oom_killed", BAD
    if one.exit_code == 0:
        one.notes.add("declare_job")
    return "exited", BAD


def _removing(one: Seen, at: Round) -> tuple[str, str]:
    """What is removed has mostly just ended; of what never ran nothing tells since when."""
    return "removing", SETTLING if one.finished is None or at.now - one.finished < M else BAD


def _other(one: Seen, at: Round) -> tuple[str, str]:
    one.notes.add("unknown_state")
    return one.state or "unknown", BAD


def waits_for(labels: dict[str, Any]) -> set[str]:
    """Return the compose services that a container waits for to complete."""
    found = set()
    for part in (labels.get(COMPOSE + "depends_on") or "").split(","):
        name, _, rest = part.partition(":")
        if rest.partition(":")[0] == "service_completed_successfully":
            found.add(name.strip())
    return found
