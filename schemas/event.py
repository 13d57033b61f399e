"""The event: the documented envelope and our payload, as a model that the published JSON Schema is made from.

What writes events does not import this module, so that it needs no pydantic; a test holds every line against it.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.words import Action, DriftKind, EventType, Resolution, Severity, Transition

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 in hex")]
Name = Annotated[str, Field(min_length=1)]


class Before(BaseModel):
    """What an open episode was before the event."""

    model_config = ConfigDict(extra="forbid")

    type: EventType
    severity: Severity
    causing_kinds: list[DriftKind]


class Payload(BaseModel):
    """Everything that the envelope has no field for."""

    model_config = ConfigDict(extra="forbid")

    truncated: Literal[True] = Field(True, description="only where the event was longer than 64 KiB, and lost parts")
    sha256: Digest = Field("0" * 64, description="of the whole event, only where it is truncated")
    event_id: Digest = Field(description="the same for the same change, whichever attempt wrote it")
    recommendation_id: Name = Field(description="action, node and service: stable across runs and machines")
    transition: Transition
    resolution: Resolution | None = Field(description="why the episode ended; null unless it did")
    action: Action
    reason: str = Field(description="a sentence for people; no code reads it")
    unblocked_by: str | None = Field(description="for a blocked recommendation: what ends the block")
    causing_kinds: list[DriftKind]
    drift_ids: list[str]
    root_causes: list[str]
    blast_radius: int = Field(ge=0, description="how many other targets it explains")
    evidence: list[dict[str, Any]] = Field(description="where each fact comes from")
    before: Before | None = Field(description="the open episode before the event; null where there was none")
    opened_at: datetime
    as_of: datetime = Field(description="the moment that ages were judged at")
    seq: int = Field(ge=1, description="counts the events of one action on one target; a gap is a lost event")
    input_fingerprint: str
    rules_fingerprint: str
    previous: Digest | None = Field(description="the SHA-256 of our previous event's line; null for the first")


class Event(BaseModel):
    """One line of the event log that the runtime supervisor wrote."""

    model_config = ConfigDict(extra="forbid")

    source: Literal["runtime-supervisor"]
    timestamp: datetime = Field(description="ISO 8601, UTC")
    node: Name = Field(description="the node concerned; fleet for the whole fleet")
    service: Name = Field(description="the service; all for a finding about the node")
    type: EventType
    severity: Severity
    correlation_id: Name = Field(description="links related events: the recommendation's id")
    payload: Payload


def event_schema() -> dict[str, Any]:
    """Return the published JSON Schema, as `schemas/event.schema.json` holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Event.model_json_schema()}
    for name in ("truncated", "sha256"):
        del schema["$defs"]["Payload"]["properties"][name]["default"]
    return schema
