"""Drift: one difference between desired and actual, with its evidence."""

from typing import Annotated

import polars as pl

from schemas.expressions import word
from schemas.frame import Frame, Instant, columns, empty, field
from schemas.words import DriftCause, DriftKind, HeldBy, Severity


class Drift(Frame):
    """One difference between desired and actual in one snapshot; a target in agreement has no row."""

    as_of: Instant
    drift_id: str
    """`<kind>-<node>-<service>`, `_` of the kind written as `-`, and behind it the incident where there is one."""
    kind: Annotated[pl.Enum, DriftKind]
    node: str
    service: str
    cause: Annotated[pl.Enum, DriftCause]
    """What of its kind's conditions it follows from."""
    severity: Annotated[pl.Enum, Severity]
    held_by: Annotated[pl.Enum, HeldBy] = field(nullable=True)
    """What explains it; null where it stands for itself."""
    desired_ref: str = field(nullable=True)
    """Where the inventory asks for the target: `hosts/piha/services.yaml:30`."""
    actual_ref: str = field(nullable=True)
    """Where the world shows it: `services.json#piha/mosquitto`."""
    observed: str = field(nullable=True)
    """What the world says: a status, an incident's status, the reason that a record was set aside."""
    observed_at: Instant = field(nullable=True)
    """When: last seen, deployed or started."""
    age_s: pl.Float64 = field(nullable=True)
    """From `observed_at` to `as_of`, in seconds, never negative."""
    limit_s: pl.Float64 = field(nullable=True)
    """The age that the rule allows, where the rule is about an age, in seconds."""
    missing_count: pl.UInt32 = field(nullable=True)
    monitored_count: pl.UInt32 = field(nullable=True)
    """How many monitored services were looked for where the observer is suspect, and how many are missing."""
    consecutive_failures: pl.UInt32 = field(nullable=True)
    """The run of failed deployments since the last success."""
    incident_id: str = field(nullable=True)
    trigger_type: str = field(nullable=True)
    occurrence_count: pl.Int64 = field(nullable=True)
    """How often its incident occurred."""
    detail: str = field(nullable=True)
    """What else it rests on, in words: the nodes that have it, the containers that are not healthy, what is gone."""
    nearby: str = field(nullable=True)
    """Names that are near its own, which the world has and no inventory asks for (or the other way round)."""

    class Config(Frame.Config):
        """The frame's name in messages, and what makes a row one of its kind."""

        name = "drift"
        unique = ["as_of", "kind", "node", "service", "incident_id"]


EVIDENCE = [
    "desired_ref",
    "actual_ref",
    "observed",
    "observed_at",
    "age_s",
    "limit_s",
    "missing_count",
    "monitored_count",
    "consecutive_failures",
    "incident_id",
    "trigger_type",
    "occurrence_count",
    "detail",
    "nearby",
]
"""The columns that say where a drift comes from; an output groups them under `evidence`."""

REPAIRABLE = [DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE, DriftKind.FAILED_DEPLOYMENT]
"""The kinds that a deployment would end, and that wait for what the service depends on."""

WAITING = [
    *REPAIRABLE,
    DriftKind.MISPLACED_SERVICE,
    DriftKind.UNREADABLE_OBSERVATION,
    DriftKind.STALE_OBSERVATION,
]
"""The kinds of which it counts whether the service waits for others: also what runs elsewhere, for those of its own node
that wait for it, and what is unclear, where a node is suspected."""

UNAVAILABLE = [DriftKind.MISSING_SERVICE, DriftKind.MISPLACED_SERVICE, DriftKind.UNHEALTHY_SERVICE]
"""The kinds that make others wait for a service; one that is misplaced makes only those of its own node wait."""

DRIFT_ORDER = ["as_of", "node", "service", "kind", "incident_id"]
"""What every frame of drift is sorted by."""


def of_kind(rows: pl.DataFrame, kind: DriftKind, severity: Severity | pl.Expr) -> pl.DataFrame:
    """Return the rows with the kind and the severity that their findings have."""
    level = word(severity) if isinstance(severity, Severity) else severity
    return rows.with_columns(kind=word(kind), severity=level)


def held(held_by: HeldBy) -> pl.Expr:
    """Return what holds back as a literal of its column."""
    return word(held_by)


def because(cause: DriftCause) -> pl.Expr:
    """Return the cause as a literal of its column."""
    return word(cause)


def gather_drift(found: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the findings of all kinds as drift, each with its id, and null where a kind has no such evidence."""
    found = [rows for rows in found if rows.height]
    if not found:
        return empty(Drift)
    drift = pl.concat([empty(Drift), *found], how="diagonal").select(columns(Drift))
    drift = drift.with_columns(pl.col("cause").fill_null(DriftCause.PLAIN))
    name = pl.col("kind").cast(pl.String).str.replace_all("_", "-")
    incident = pl.when(pl.col("incident_id").is_not_null()).then(pl.format("-{}", "incident_id")).otherwise(pl.lit(""))
    return drift.with_columns(drift_id=pl.concat_str(name, pl.lit("-"), "node", pl.lit("-"), "service", incident))
