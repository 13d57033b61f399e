"""What is read of an engine's answers: nothing else has a field, so that no secret can get any further (OBSERVER 0.2).

There is none for environment, command line, paths, health output or foreign labels. Of an error's text only that there is
one is kept.
"""

from typing import Any

import msgspec
from msgspec import field

IGNORED_PREFIXES = ("io.kubernetes.", "org.testcontainers")
BUILDER_PREFIX = "buildx_buildkit_"


class Filled:
    """Whether a text was there; the text itself is dropped while it is decoded."""

    __slots__ = ("is_filled",)

    def __init__(self, is_filled: bool = False) -> None:
        """Keep that alone."""
        self.is_filled = is_filled


class Labels(msgspec.Struct, frozen=True):
    """The labels that mean something here."""

    project: str | None = field(name="com.docker.compose.project", default=None)
    compose_service: str | None = field(name="com.docker.compose.service", default=None)
    number: str | None = field(name="com.docker.compose.container-number", default=None)
    oneoff: str | None = field(name="com.docker.compose.oneoff", default=None)
    config_hash: str | None = field(name="com.docker.compose.config-hash", default=None)
    depends_on: str | None = field(name="com.docker.compose.depends_on", default=None)
    swarm_service: str | None = field(name="com.docker.swarm.service.name", default=None)
    swarm_task: str | None = field(name="com.docker.swarm.task.name", default=None)
    declared_service: str | None = field(name="supervisor.service", default=None)
    declared_run: str | None = field(name="supervisor.run", default=None)
    ignore: str | None = field(name="supervisor.ignore", default=None)


class ListedHealth(msgspec.Struct, frozen=True):
    """The health of a list's line, from API 1.52 on."""

    status: str | None = field(name="Status", default=None)


class Listed(msgspec.Struct, frozen=True):
    """One line of `/containers/json`."""

    id: str = field(name="Id")
    names: list[str] | None = field(name="Names", default=None)
    image_id: str | None = field(name="ImageID", default=None)
    labels: msgspec.Raw = field(name="Labels", default_factory=lambda: msgspec.Raw(b"null"))
    state: str | None = field(name="State", default=None)
    status: str | None = field(name="Status", default=None)
    created: float | str | None = field(name="Created", default=None)
    health: ListedHealth | None = field(name="Health", default=None)


class Health(msgspec.Struct, frozen=True):
    """The health of an inspected container."""

    status: str | None = field(name="Status", default=None)


class InspectedState(msgspec.Struct, frozen=True):
    """The state of an inspected container."""

    status: str | None = field(name="Status", default=None)
    is_oom_killed: bool | None = field(name="OOMKilled", default=None)
    exit_code: int | None = field(name="ExitCode", default=None)
    error: Filled | None = field(name="Error", default=None)
    started_at: str | None = field(name="StartedAt", default=None)
    finished_at: str | None = field(name="FinishedAt", default=None)
    health: Health | None = field(name="Health", default=None)


class Healthcheck(msgspec.Struct, frozen=True):
    """How a health check is run, in nanoseconds; 0 is the engine's default."""

    interval: int | None = field(name="Interval", default=None)
    timeout: int | None = field(name="Timeout", default=None)
    start_period: int | None = field(name="StartPeriod", default=None)
    retries: int | None = field(name="Retries", default=None)


class InspectedConfig(msgspec.Struct, frozen=True):
    """The configuration of an inspected container."""

    healthcheck: Healthcheck | None = field(name="Healthcheck", default=None)


class Inspected(msgspec.Struct, frozen=True):
    """What is read of `/containers/<id>/json`."""

    id: str = field(name="Id")
    state: InspectedState = field(name="State")
    created: str | None = field(name="Created", default=None)
    image: str | None = field(name="Image", default=None)
    restart_count: int | None = field(name="RestartCount", default=None)
    config: InspectedConfig | None = field(name="Config", default=None)


class _Dropped:
    """A value that is dropped while it is decoded."""


def _hook(kind: type, value: Any) -> Any:
    return Filled(bool(value)) if kind is Filled else _Dropped()


_LISTED = msgspec.json.Decoder(list[Listed], dec_hook=_hook)
_INSPECTED = msgspec.json.Decoder(Inspected, dec_hook=_hook)
_LABELS = msgspec.json.Decoder(Labels | None)
_LABEL_NAMES = msgspec.json.Decoder(dict[str, _Dropped] | None, dec_hook=_hook)


def decode_list(data: bytes) -> list[Listed]:
    """Return the lines of a list; raises `msgspec.DecodeError`."""
    return _LISTED.decode(data)


def decode_inspect(data: bytes) -> Inspected:
    """Return what is read of an inspected container; raises `msgspec.DecodeError`."""
    return _INSPECTED.decode(data)


def decode_labels(listed: Listed) -> tuple[Labels, bool]:
    """Return the labels that mean something, and whether others say that a tool looks after the container itself."""
    raw = bytes(listed.labels)
    labels = _LABELS.decode(raw) or Labels()
    is_others = any(f'"{prefix}'.encode() in raw for prefix in IGNORED_PREFIXES)
    if is_others:
        is_others = any(name.startswith(IGNORED_PREFIXES) for name in _LABEL_NAMES.decode(raw) or ())
    return labels, is_others
