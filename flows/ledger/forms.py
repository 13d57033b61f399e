"""How what one run leaves to the next looks as JSON: typed, so that anything that is not as we write it is refused."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from schemas.episode import Episode
from schemas.wait import Wait
from schemas.words import Action, DriftKind, EventType, Outcome, Severity, State

Whole = Annotated[int, msgspec.Meta(ge=0)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Form = TypeVar("Form", bound=msgspec.Struct)
Value = TypeVar("Value")


class EpisodeForm(msgspec.Struct, frozen=True, rename={"recommendation_id": "id", "event_type": "type"}):
    """An `Episode`, with its fields in their order."""

    recommendation_id: str
    event_type: EventType
    action: Action
    severity: Severity
    node: str
    service: str
    causing_kinds: tuple[DriftKind, ...]
    is_open: bool
    opened_at: Instant
    last_event_at: Instant
    seq: Whole
    openings: tuple[Instant, ...]
    root_causes: tuple[str, ...] | None = None


class AcknowledgementForm(msgspec.Struct, frozen=True, kw_only=True):
    """An `Acknowledgement`."""

    node: str
    service: str
    owner: str
    reason: str
    acknowledged_at: Instant
    until: Instant


class RunForm(msgspec.Struct, frozen=True, kw_only=True):
    """A `LastRun`; what earlier versions did not write has a default."""

    as_of: Instant
    outcome: Outcome
    state: State
    state_since: Instant | None
    world_at: Instant | None
    counts: dict[str, Whole]
    recommendations: tuple[dict[str, Any], ...]
    input_fingerprint: str
    inventory: str = ""
    drift_counts: tuple[tuple[str, str, bool, Whole], ...] = ()
    recommendation_counts: tuple[tuple[str, str, str, Whole], ...] = ()
    taken_s: dict[str, float] = msgspec.field(default_factory=dict)
    waits: tuple[Wait, ...] = ()
    settling: tuple[tuple[str, str, Instant], ...] = ()


class AttemptForm(msgspec.Struct, frozen=True, kw_only=True):
    """A `LastAttempt`, and the generation of the run that it came after."""

    generation: Whole
    as_of: Instant
    outcome: Outcome
    reason: str


class KnownForm(msgspec.Struct, frozen=True, kw_only=True):
    """What is `Known` after a run; a checkpoint holds its text."""

    action_seq: Whole | UnsetType = UNSET
    """Unset with `acting` where acting was never on, so that a checkpoint without it is byte for byte what it was."""
    acting: dict[str, Any] | UnsetType | None = UNSET
    generation: Whole
    head: str | None
    episodes: tuple[EpisodeForm, ...]
    last_run: RunForm | None


class PendingForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is about to write."""

    events: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]
    after: msgspec.Raw


class CheckpointForm(msgspec.Struct, frozen=True, kw_only=True):
    """A `Checkpoint`."""

    serial: Whole
    log: str
    position: tuple[Whole, str, str]
    known: msgspec.Raw
    pending: PendingForm | None


def write_episode(episode: Episode) -> EpisodeForm:
    """Return the form of an episode, of which there are tens of thousands."""
    moments = (episode.opened_at, episode.last_event_at, *episode.openings)
    if all(at.tzinfo is UTC for at in moments):
        return EpisodeForm(*episode)
    return to_form(EpisodeForm, episode)


def read_episode(form: EpisodeForm) -> Episode:
    """Return the episode that `write_episode` gave the form of."""
    return Episode._make(msgspec.structs.astuple(form))


def to_form(form: type[Form], value: object, **other: object) -> Form:
    """Return the form of a value: its fields of the same names, moments in UTC, and `other` in place of some."""
    same = {name: _in_utc(getattr(value, name)) for name in form.__struct_fields__ if name not in other}
    return form(**same, **other)


def of_form(kind: type[Value], form: msgspec.Struct, **other: object) -> Value:
    """Return the value that `to_form` gave the form of."""
    return kind(**{**msgspec.structs.asdict(form), **other})


def _in_utc(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(_in_utc, value)) if value and not isinstance(value[0], str) else value
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not UTC else value
