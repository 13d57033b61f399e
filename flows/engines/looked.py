"""What a look brings home, as it also travels in a part: names, ids, states, codes and moments, and nothing else."""

import msgspec

from schemas.look_words import ReasonClass


class SeenContainerRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One container; moments are Unix seconds on the node's clock. The columns are those of `SeenContainer`."""

    container_id: str
    name: str
    state: str
    image_id: str | None = None
    project: str | None = None
    compose_service: str | None = None
    number: str | None = None
    config_hash: str | None = None
    declared_service: str | None = None
    declared_run: str | None = None
    swarm_service: str | None = None
    awaited: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """The services of its project that it depends on; of use to `--init` alone."""
    is_oneoff: bool = False
    is_ignored: bool = False
    health: str | None = None
    exit_code: int | None = None
    is_oom_killed: bool = False
    has_error: bool = False
    restart_count: int | None = 0
    """None where it is not known: of what could not be inspected only the list tells, which has no count."""
    health_budget_s: float | None = None
    created_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None


class SeenUnitRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One unit; the columns are those of `SeenUnit`."""

    unit: str
    load_state: str
    active_state: str
    sub_state: str = ""
    result: str = ""
    type: str = ""
    has_timer: bool = False
    is_condition_failed: bool = False
    exit_status: int | None = None
    restart_count: int = 0
    changed_at: float | None = None
    triggered_at: float | None = None


class SeenProbeRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer to a probe; the columns are those of `SeenProbe`."""

    service: str
    address: str
    scheme: str
    is_ok: bool
    detail: str | None = None


class SourceLook(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one engine, systemd, or the probes said, or why they did not."""

    source: str
    reason_class: ReasonClass | None = None
    reason: str = ""
    kind: str = ""
    """`docker` or `podman`, where it is an engine."""
    version: str = ""
    api: str = ""
    skew_s: float | None = None
    is_partial: bool = False
    containers: tuple[SeenContainerRow, ...] = ()
    units: tuple[SeenUnitRow, ...] = ()
    probes: tuple[SeenProbeRow, ...] = ()


class Pressure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether disk or memory are nearly used up; None where nothing measures it."""

    disk: bool | None = None
    memory: bool | None = None


class RawLook(msgspec.Struct, frozen=True, omit_defaults=True):
    """One look at one node: what each of its sources said."""

    node: str
    ended_at: float
    took_ms: int = 0
    sources: tuple[SourceLook, ...] = ()
    pressure: Pressure = Pressure()
    offset_s: float = 0.0
    """What to add to `ended_at` for the node's clock, where a part brought the look; its engines' skew comes on top."""
    part: str = ""
    """What tells one part from another: its boot and number."""
    is_idle: bool = False
    """There is no newer part, and it is too early to call that silence: nothing follows from this."""
