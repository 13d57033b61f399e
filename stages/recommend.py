"""Recommendations: what to do about each target whose drift stands for itself (SEMANTICS 5)."""

import polars as pl
from pandera.typing.polars import DataFrame

from schemas.drift import Drift
from schemas.expressions import has_any, place, spoken_age, target
from schemas.frame import columns
from schemas.recommendation import Recommendation, RootCause
from schemas.rules import Rules
from schemas.words import ALL, FLEET, Action, DriftKind, EventType, HeldBy, Severity

TARGET = ["as_of", "node", "service"]

PLAIN, EXHAUSTED, WAITING, RESTARTABLE = "plain", "exhausted", "waiting", "restartable"

_BLOCKED, _REQUIRED, _RECOMMENDED = (
    EventType.RECONCILE_BLOCKED,
    EventType.RECONCILE_REQUIRED,
    EventType.RECONCILE_RECOMMENDED,
)
_REPAIRABLE = [DriftKind.MISSING_SERVICE, DriftKind.UNHEALTHY_SERVICE, DriftKind.FAILED_DEPLOYMENT]

# In SEMANTICS 5's order: for each target the first line that applies decides. A line without a severity of its own
# takes the drift's.
DECISIONS: list[tuple[DriftKind, str, EventType, Action, Severity | None]] = [
    (DriftKind.STALE_WORLD, PLAIN, _BLOCKED, Action.OBSERVER_REVIEW, None),
    (DriftKind.OBSERVER_SUSPECT, PLAIN, _BLOCKED, Action.OBSERVER_REVIEW, None),
    (DriftKind.OFFLINE_NODE, PLAIN, _REQUIRED, Action.FAILOVER_REVIEW, Severity.CRITICAL),
    (DriftKind.FAILED_DEPLOYMENT, EXHAUSTED, _BLOCKED, Action.DIAGNOSTICS, Severity.CRITICAL),
    (DriftKind.MISSING_SERVICE, WAITING, _BLOCKED, Action.DELAYED_DEPLOYMENT, Severity.ERROR),
    (DriftKind.UNHEALTHY_SERVICE, WAITING, _BLOCKED, Action.DELAYED_DEPLOYMENT, Severity.ERROR),
    (DriftKind.FAILED_DEPLOYMENT, WAITING, _BLOCKED, Action.DELAYED_DEPLOYMENT, Severity.ERROR),
    (DriftKind.UNHEALTHY_SERVICE, RESTARTABLE, _REQUIRED, Action.CONTAINER_RESTART, Severity.ERROR),
    (DriftKind.MISSING_SERVICE, PLAIN, _REQUIRED, Action.REDEPLOY, Severity.ERROR),
    (DriftKind.UNHEALTHY_SERVICE, PLAIN, _REQUIRED, Action.REDEPLOY, Severity.ERROR),
    (DriftKind.FAILED_DEPLOYMENT, PLAIN, _RECOMMENDED, Action.REDEPLOY, Severity.WARNING),
    (DriftKind.UNREADABLE_OBSERVATION, PLAIN, _RECOMMENDED, Action.OBSERVER_REVIEW, Severity.WARNING),
    (DriftKind.UNRESOLVED_INCIDENT, PLAIN, _RECOMMENDED, Action.INCIDENT_REVIEW, None),
    (DriftKind.UNEXPECTED_SERVICE, PLAIN, _RECOMMENDED, Action.INVENTORY_REVIEW, Severity.INFO),
]


def recommend(drift: DataFrame[Drift], root_causes: DataFrame[RootCause], rules: Rules) -> DataFrame[Recommendation]:
    """Return at most one recommendation for each target of each snapshot, in the order to act on.

    Drift that is held back gives none. The severity is the highest of the decision's and of the target's drifts
    that are not held back. An unexpected service is recommended for review where `report_unexpected` is on.
    """
    standing = drift.filter(pl.col("held_by").is_null())
    if not rules.report_unexpected:
        standing = standing.filter(pl.col("kind") != DriftKind.UNEXPECTED_SERVICE)
    causes = root_causes.group_by(TARGET).agg(
        root_causes=target("cause_node", "cause_service").unique().sort(),
        root_places=place("cause_node", "cause_service").unique().sort(),
    )
    decided = (
        _circumstances(standing, causes, rules)
        .join(_decisions(), on=["kind", "circumstance"], how="left")
        .sort(*TARGET, "rank", "severity", "incident_id", descending=[False] * 4 + [True, False])
        .group_by(TARGET, maintain_order=True)
        .agg(
            pl.all().exclude("severity", "decided_severity", "kind", "drift_id").first(),
            pl.col("kind").first(),
            severity=pl.max_horizontal(
                pl.col("severity").to_physical().max(), pl.col("decided_severity").first().to_physical()
            ),
            causing_kinds=pl.col("kind").cast(pl.String).unique().sort(),
            drift_ids=pl.col("drift_id").sort(),
        )
        .with_columns(severity=pl.col("severity").cat.to(pl.Enum(Severity)))
    )
    recommended = (
        _name(decided)
        .join(_blast_radius(drift, decided), on=TARGET, how="left")
        .with_columns(pl.col("blast_radius").fill_null(0).cast(pl.UInt32), pl.col("root_causes").fill_null([]))
    )
    return Recommendation.validate(_in_order(recommended.with_columns(reason=_reason(), unblocked_by=_unblocked_by())))


def _decisions() -> pl.DataFrame:
    return pl.DataFrame(
        DECISIONS,
        schema={
            "kind": pl.Enum(DriftKind),
            "circumstance": pl.String,
            "event_type": pl.Enum(EventType),
            "action": pl.Enum(Action),
            "decided_severity": pl.Enum(Severity),
        },
        orient="row",
    ).with_row_index("rank")


def _circumstances(standing: pl.DataFrame, causes: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Say what of a drift's surroundings the decision depends on; root causes stay with those that wait."""
    kind = pl.col("kind")
    is_exhausted = (kind == DriftKind.FAILED_DEPLOYMENT) & (
        pl.col("consecutive_failures") >= rules.max_deployment_failures
    )
    is_waiting = kind.is_in(_REPAIRABLE) & pl.col("root_causes").is_not_null()
    has_restart_trigger = has_any(
        pl.col("trigger_type").is_in(sorted(rules.restart_triggers)).fill_null(False), *TARGET
    )
    circumstance = (
        pl.when(is_exhausted)
        .then(pl.lit(EXHAUSTED))
        .when(is_waiting)
        .then(pl.lit(WAITING))
        .when((kind == DriftKind.UNHEALTHY_SERVICE) & has_restart_trigger)
        .then(pl.lit(RESTARTABLE))
        .otherwise(pl.lit(PLAIN))
    )
    return standing.join(causes, on=TARGET, how="left").with_columns(circumstance=circumstance)


def _name(decided: pl.DataFrame) -> pl.DataFrame:
    is_waiting = pl.col("action") == Action.DELAYED_DEPLOYMENT
    action = pl.col("action").cast(pl.String).str.replace_all("_", "-")
    return decided.with_columns(
        pl.when(is_waiting).then("root_causes"),
        recommendation_id=pl.concat_str(action, pl.lit("-"), "node", pl.lit("-"), "service"),
    )


def _blast_radius(drift: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """Count the other targets that each target explains: by waiting for it, or by being held back under it."""
    held = drift.filter(pl.col("held_by").is_not_null() & (pl.col("held_by") != HeldBy.DEPLOYMENT_IN_FLIGHT))
    suspects = drift.filter((pl.col("kind") == DriftKind.OBSERVER_SUSPECT) & (pl.col("node") == FLEET))
    is_fleet_wide = (pl.col("held_by") == HeldBy.STALE_WORLD) | (
        (pl.col("held_by") == HeldBy.OBSERVER_SUSPECT) & pl.col("has_fleet_suspect")
    )
    explained = held.join(suspects.select("as_of", has_fleet_suspect=pl.lit(True)), on="as_of", how="left").select(
        "as_of",
        node=pl.when(is_fleet_wide.fill_null(False)).then(pl.lit(FLEET)).otherwise("node"),
        service=pl.lit(ALL),
        explained=target(),
    )
    waiting = (
        decided.filter(pl.col("action") == Action.DELAYED_DEPLOYMENT)
        .select("as_of", explained=target(), cause=pl.col("root_causes"))
        .explode("cause")
    )
    ends = pl.col("cause").str.splitn("/", 2).struct
    caused = waiting.select("as_of", node=ends.field("field_0"), service=ends.field("field_1"), explained="explained")
    return (
        pl.concat([explained, caused])
        .filter(pl.col("explained") != target())
        .group_by(TARGET)
        .agg(blast_radius=pl.col("explained").n_unique())
    )


def _in_order(recommended: pl.DataFrame) -> pl.DataFrame:
    return recommended.select(columns(Recommendation)).sort(
        "as_of",
        "event_type",
        "severity",
        "blast_radius",
        "recommendation_id",
        "node",
        descending=[False, False, True, True, False, False],
    )


def _what_is_wrong() -> pl.Expr:
    """Return the finding in words, from its evidence."""
    kind = pl.col("kind")
    age = spoken_age(pl.col("age_s"))
    status = pl.col("observed").fill_null("null")
    seen = pl.when(pl.col("age_s").is_not_null()).then(pl.format(", last seen {} ago", age)).otherwise(pl.lit(""))
    counts = pl.format("{} of {} monitored services", "missing_count", "monitored_count")
    failures = pl.col("consecutive_failures")
    in_a_row = pl.when(failures > 1).then(pl.format(" {} times in a row", failures)).otherwise(pl.lit(""))
    since = pl.when(pl.col("age_s").is_not_null()).then(pl.format(" for {}", age)).otherwise(pl.lit(""))
    return (
        pl.when(kind == DriftKind.STALE_WORLD)
        .then(pl.format("the world is {} old, more than the {} allowed", age, spoken_age(pl.col("limit_s"))))
        .when((kind == DriftKind.OBSERVER_SUSPECT) & (pl.col("node") == FLEET))
        .then(pl.format("{} are missing from services.json at once", counts))
        .when(kind == DriftKind.OBSERVER_SUSPECT)
        .then(pl.format("{} of {} are missing from services.json at once", counts, "node"))
        .when((kind == DriftKind.OFFLINE_NODE) & pl.col("actual_ref").is_null())
        .then(pl.format("{} is offline: nodes.json has no record of it", "node"))
        .when((kind == DriftKind.OFFLINE_NODE) & pl.col("limit_s").is_not_null())
        .then(
            pl.format(
                "{} is offline: last seen {} ago, more than the {} allowed", "node", age, spoken_age(pl.col("limit_s"))
            )
        )
        .when(kind == DriftKind.OFFLINE_NODE)
        .then(pl.format("{} is offline: its status is '{}'{}", "node", status, seen))
        .when(kind == DriftKind.MISSING_SERVICE)
        .then(pl.format("{} is missing: services.json has no record of it", place()))
        .when(kind == DriftKind.UNHEALTHY_SERVICE)
        .then(pl.format("{} is unhealthy: its status is '{}'{}", place(), status, seen))
        .when(kind == DriftKind.FAILED_DEPLOYMENT)
        .then(pl.format("{} failed to deploy{}, last {} ago", place(), in_a_row, age))
        .when(kind == DriftKind.UNREADABLE_OBSERVATION)
        .then(pl.format("the observation of {} cannot be read: {}", place(), status))
        .when(kind == DriftKind.UNRESOLVED_INCIDENT)
        .then(pl.format("incident {} of {} is open{}", "incident_id", place(), since))
        .otherwise(pl.format("{} runs, but no inventory asks for it", place()))
    )


def _what_to_do() -> pl.Expr:
    """Return what the action asks of the operator."""
    action = pl.col("action")
    causes = pl.col("root_places").list.join(" and ")
    return (
        pl.when(pl.col("kind") == DriftKind.UNREADABLE_OBSERVATION)
        .then(pl.lit("check what the observer writes for it"))
        .when(action == Action.OBSERVER_REVIEW)
        .then(pl.lit("check the observer before acting on anything it reports"))
        .when(action == Action.FAILOVER_REVIEW)
        .then(pl.lit("bring it back, or move its services to another node"))
        .when(action == Action.DIAGNOSTICS)
        .then(pl.lit("find the cause before deploying again"))
        .when(action == Action.DELAYED_DEPLOYMENT)
        .then(pl.format("deploy it once {} is back", causes))
        .when(action == Action.CONTAINER_RESTART)
        .then(pl.lit("restart its container"))
        .when(action == Action.REDEPLOY)
        .then(pl.lit("redeploy it"))
        .when(action == Action.INCIDENT_REVIEW)
        .then(pl.lit("review the incident and close it"))
        .otherwise(pl.lit("add it to the inventory, or remove it from the node"))
    )


def _reason() -> pl.Expr:
    wrong = _what_is_wrong()
    is_word = pl.col("kind").is_in(
        [DriftKind.STALE_WORLD, DriftKind.UNREADABLE_OBSERVATION, DriftKind.UNRESOLVED_INCIDENT]
    )
    begun = pl.when(is_word).then(wrong.str.slice(0, 1).str.to_uppercase() + wrong.str.slice(1)).otherwise(wrong)
    return pl.format("{}; {}.", begun, _what_to_do())


def _unblocked_by() -> pl.Expr:
    action = pl.col("action")
    causes = pl.col("root_places").list.join(" and ")
    return (
        pl.when(action == Action.DELAYED_DEPLOYMENT)
        .then(pl.format("{} available again", causes))
        .when(action == Action.DIAGNOSTICS)
        .then(pl.lit("a deployment that succeeds"))
        .when(pl.col("kind") == DriftKind.STALE_WORLD)
        .then(pl.lit("a fresh world"))
        .when(pl.col("kind") == DriftKind.OBSERVER_SUSPECT)
        .then(pl.lit("an observation of the missing services"))
    )
