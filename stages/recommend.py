"""Recommendations: what to do about each target whose drift stands for itself (SEMANTICS 5)."""

import re
from functools import cache
from typing import Any, NamedTuple

import polars as pl

from schemas.desired import Desired
from schemas.drift import REPAIRABLE, Drift
from schemas.expressions import place, spoken_age, target, word
from schemas.frame import DataFrame, columns, empty
from schemas.identity import shared_names, tell_apart
from schemas.joins import look_up
from schemas.recommendation import Explained, Recommendation, RootCause, surroundings
from schemas.rules import Rules
from schemas.wording import fill, findings
from schemas.words import ALL, FLEET, Action, Circumstance, DriftCause, DriftKind, EventType, Severity

TARGET = ["as_of", "node", "service"]
MOST_NAMED = 6

_K, _C, _A, _S = DriftKind, Circumstance, Action, Severity
_BLOCKED, _REQUIRED, _RECOMMENDED = (
    EventType.RECONCILE_BLOCKED,
    EventType.RECONCILE_REQUIRED,
    EventType.RECONCILE_RECOMMENDED,
)
_DOUBT = "check the observer before acting on anything it reports"
_LOOK = "find the cause before deploying again"
_NODE = (
    "look at the node first (power, network, docker, disk), then at the observer, then at each by itself; or nothing was"
    " deployed there yet"
)
_RECORD = "check what the observer writes for it"
_UNASKED = "add it to the inventory, or remove it"


class Decision(NamedTuple):
    """One line of the decision table."""

    kind: DriftKind
    circumstance: Circumstance
    event_type: EventType
    action: Action
    decided_severity: Severity | None
    """Null: the drift's."""
    todo: str
    """What the action asks of the operator, behind what is wrong."""
    unblocked_by: str | None = None
    """For a blocked one: what ends the block."""


# In SEMANTICS 5's order: for each target the first line that applies decides.
DECISIONS: list[Decision] = [
    Decision(_K.STALE_WORLD, _C.PLAIN, _BLOCKED, _A.OBSERVER_REVIEW, None, _DOUBT, "a fresh world"),
    Decision(
        _K.OBSERVER_SUSPECT, _C.PLAIN, _BLOCKED, _A.OBSERVER_REVIEW, None, _DOUBT, "an observation of what is gone"
    ),
    Decision(
        _K.OFFLINE_NODE,
        _C.PLAIN,
        _REQUIRED,
        _A.FAILOVER_REVIEW,
        None,
        "bring it back, or move its services to another node",
    ),
    Decision(
        _K.NODE_SUSPECT, _C.PLAIN, _BLOCKED, _A.NODE_REVIEW, None, _NODE, "one of its services that is well again"
    ),
    *(
        Decision(
            kind,
            _C.WAITING,
            _BLOCKED,
            _A.DELAYED_DEPLOYMENT,
            _S.ERROR,
            "deploy it once {causes} is back",
            "{causes} available again",
        )
        for kind in REPAIRABLE
    ),
    Decision(
        _K.FAILED_DEPLOYMENT, _C.EXHAUSTED, _BLOCKED, _A.DIAGNOSTICS, _S.CRITICAL, _LOOK, "a deployment that succeeds"
    ),
    Decision(_K.UNHEALTHY_SERVICE, _C.LOOPING, _BLOCKED, _A.DIAGNOSTICS, _S.ERROR, _LOOK, "a healthy status"),
    *(
        Decision(kind, _C.UNFIT, _BLOCKED, _A.DIAGNOSTICS, _S.ERROR, _LOOK, "the end of the incident")
        for kind in (_K.MISSING_SERVICE, _K.UNHEALTHY_SERVICE)
    ),
    Decision(_K.UNHEALTHY_SERVICE, _C.RESTARTABLE, _REQUIRED, _A.CONTAINER_RESTART, _S.ERROR, "restart its container"),
    Decision(_K.MISSING_SERVICE, _C.PLAIN, _REQUIRED, _A.REDEPLOY, _S.ERROR, "redeploy it"),
    Decision(_K.UNHEALTHY_SERVICE, _C.PLAIN, _REQUIRED, _A.REDEPLOY, _S.ERROR, "redeploy it"),
    Decision(_K.FAILED_DEPLOYMENT, _C.PLAIN, _RECOMMENDED, _A.REDEPLOY, _S.WARNING, "redeploy it"),
    Decision(
        _K.MISPLACED_SERVICE,
        _C.PLAIN,
        _RECOMMENDED,
        _A.PLACEMENT_REVIEW,
        _S.ERROR,
        "move it, or ask for it where it runs",
    ),
    Decision(_K.NODE_PRESSURE, _C.DISK, _RECOMMENDED, _A.DISK_CLEANUP, _S.WARNING, "clean it up"),
    Decision(
        _K.NODE_PRESSURE,
        _C.UNTOUCHABLE,
        _RECOMMENDED,
        _A.INCIDENT_REVIEW,
        _S.WARNING,
        "look for what can go: nobody cleans this node by rote (no_cleanup_nodes)",
    ),
    Decision(_K.NODE_PRESSURE, _C.PLAIN, _RECOMMENDED, _A.NODE_REVIEW, _S.WARNING, "look for what takes it"),
    Decision(_K.UNREADABLE_OBSERVATION, _C.PLAIN, _RECOMMENDED, _A.OBSERVER_REVIEW, _S.WARNING, _RECORD),
    Decision(_K.STALE_OBSERVATION, _C.PLAIN, _RECOMMENDED, _A.OBSERVER_REVIEW, _S.WARNING, _RECORD),
    Decision(
        _K.UNRESOLVED_INCIDENT, _C.PLAIN, _RECOMMENDED, _A.INCIDENT_REVIEW, None, "review the incident and close it"
    ),
    Decision(
        _K.EMPTY_INVENTORY,
        _C.PLAIN,
        _RECOMMENDED,
        _A.INVENTORY_REVIEW,
        _S.WARNING,
        "see whether its services were lost from the inventory",
    ),
    Decision(_K.UNEXPECTED_SERVICE, _C.PLAIN, _RECOMMENDED, _A.INVENTORY_REVIEW, _S.INFO, _UNASKED),
    Decision(_K.UNEXPECTED_NODE, _C.PLAIN, _RECOMMENDED, _A.INVENTORY_REVIEW, _S.INFO, _UNASKED),
]

UNEXPECTED = [DriftKind.UNEXPECTED_SERVICE, DriftKind.UNEXPECTED_NODE]


def recommend(
    drift: DataFrame[Drift],
    root_causes: DataFrame[RootCause],
    explained: DataFrame[Explained],
    desired: Desired,
    rules: Rules,
) -> DataFrame[Recommendation]:
    """Return at most one recommendation for each target of each snapshot, in the order to act on.

    Drift that is held back gives none, nor does a failed deployment that has left the window. The severity is the
    highest of the decision's and of the target's drifts that are not held back. What is unexpected is recommended
    for review where `report_unexpected` is on. Where two targets of the inventory would share an id, each is told apart.
    """
    is_quiet = pl.col("cause") == DriftCause.OLD
    if not rules.report_unexpected:
        is_quiet |= pl.col("kind").is_in(UNEXPECTED)
    standing = drift.filter(pl.col("held_by").is_null() & ~is_quiet)
    if standing.is_empty():
        return Recommendation.validate(empty(Recommendation))
    decided = _decide(_circumstances(standing, _causes(root_causes, drift), rules))
    blast = explained.group_by(TARGET).agg(blast_radius=pl.len().cast(pl.UInt32))
    recommended = (
        _name(decided, desired)
        .pipe(look_up, blast, TARGET)
        .pipe(look_up, _unread_dependencies(desired), ["node", "service"])
        .join(findings(), on=["kind", "cause"], how="left")
        .with_columns(pl.col("blast_radius").fill_null(0), pl.col("root_causes").fill_null([]))
    )
    return Recommendation.validate(_in_order(_say(recommended)))


def _decide(drift: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each target: the first line of the table that applies, and what it rests on."""
    return (
        drift.join(_decisions(), on=["kind", "circumstance"], how="left")
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


@cache
def _decisions() -> pl.DataFrame:
    schema: dict[str, Any] = {
        "kind": pl.Enum(DriftKind),
        "circumstance": pl.Enum(Circumstance),
        "event_type": pl.Enum(EventType),
        "action": pl.Enum(Action),
        "decided_severity": pl.Enum(Severity),
        "todo": pl.String,
        "unblocked_by": pl.String,
    }
    return pl.DataFrame(DECISIONS, schema=schema, orient="row").with_row_index("rank")


def _causes(root_causes: pl.DataFrame, drift: pl.DataFrame) -> pl.DataFrame:
    """Return the root causes of each target, and how they are spoken of."""
    if root_causes.is_empty():
        spoken_of: dict[str, pl.DataType] = {"root_causes": pl.List(pl.String), "causes": pl.String()}
        return pl.DataFrame(schema={**root_causes.select(TARGET).schema, **spoken_of})
    is_full = pl.col("cause").is_in([DriftCause.DISK, DriftCause.DISK_AND_MEMORY]) & pl.col("held_by").is_null()
    disks = drift.filter((pl.col("kind") == DriftKind.NODE_PRESSURE) & is_full).select(
        "as_of", cause_node="node", cause_service=pl.lit(ALL), is_disk=pl.lit(True)
    )
    is_fleet = pl.col("cause_node") == FLEET
    spoken = (
        pl.when(is_fleet)
        .then(pl.lit("an observation that can be trusted"))
        .when("is_disk")
        .then(pl.format("the disk of {}", "cause_node"))
        .otherwise(place("cause_node", "cause_service"))
    )
    return (
        root_causes.join(disks, on=["as_of", "cause_node", "cause_service"], how="left")
        .with_columns(spoken=spoken)
        .group_by(TARGET)
        .agg(
            root_causes=target("cause_node", "cause_service").unique().sort(),
            causes=_listed(pl.col("spoken").unique().sort()),
        )
    )


def _listed(names: pl.Expr) -> pl.Expr:
    more = names.len().cast(pl.Int64) - MOST_NAMED
    first = names.head(MOST_NAMED).str.join(" and ")
    return pl.when(more > 0).then(pl.format("{} and {} more", first, more)).otherwise(first)


def _circumstances(standing: pl.DataFrame, causes: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Say what of a drift's surroundings the decision depends on; root causes stay with those that wait."""
    is_waiting = pl.col("kind").is_in(REPAIRABLE) & pl.col("root_causes").is_not_null()
    is_disk = pl.col("cause").is_in([DriftCause.DISK, DriftCause.DISK_AND_MEMORY])
    circumstance = (
        pl.when(is_waiting)
        .then(word(Circumstance.WAITING))
        .when(is_disk & _matches(rules.no_cleanup_nodes))
        .then(word(Circumstance.UNTOUCHABLE))
        .when(is_disk)
        .then(word(Circumstance.DISK))
        .otherwise("circumstance")
    )
    return look_up(surroundings(standing, rules), causes, TARGET).with_columns(circumstance=circumstance)


def _matches(globs: frozenset[str]) -> pl.Expr:
    """Return whether the node's name matches one of the globs: `*` and `?` only."""
    escaped = (re.escape(glob.lower()).replace(r"\*", ".*").replace(r"\?", ".") for glob in sorted(globs))
    pattern = "|".join(f"(?:{glob})" for glob in escaped)
    return pl.col("node").str.contains(f"^(?:{pattern})$") if globs else pl.lit(False)


def _name(decided: pl.DataFrame, desired: Desired) -> pl.DataFrame:
    is_waiting = pl.col("action") == Action.DELAYED_DEPLOYMENT
    action = pl.col("action").cast(pl.String).str.replace_all("_", "-")
    named = decided.with_columns(
        pl.when(is_waiting).then("root_causes"),
        recommendation_id=pl.concat_str(action, pl.lit("-"), "node", pl.lit("-"), "service"),
    )
    return tell_apart(named, shared_names(desired))


def _unread_dependencies(desired: Desired) -> pl.DataFrame:
    unread = desired.services.filter(~pl.col("has_readable_dependencies"))
    return unread.select("node", "service", has_unread_dependencies=pl.lit(True))


def _in_order(recommended: pl.DataFrame) -> pl.DataFrame:
    return (
        recommended.with_columns(is_of_node=pl.col("node") != FLEET)
        .sort(
            "as_of",
            "is_of_node",
            "event_type",
            "severity",
            "blast_radius",
            "recommendation_id",
            "node",
            descending=[False, False, False, True, True, False, False],
        )
        .select(columns(Recommendation))
    )


def _say(recommended: pl.DataFrame) -> pl.DataFrame:
    """Write the sentences, from the templates and the evidence."""
    is_open = pl.col("has_unread_dependencies").fill_null(False) & pl.col("kind").is_in(REPAIRABLE)
    unread = pl.when(is_open).then(pl.lit("; its dependencies could not be read")).otherwise(pl.lit(""))
    causes = pl.col("causes")
    wrong = fill("wrong", **_words())
    # Saying a duration takes a dozen steps: once for each, not once for each template that has a place for it.
    aged = recommended.with_columns(age=spoken_age(pl.col("age_s")), limit=spoken_age(pl.col("limit_s")))
    return aged.with_columns(
        reason=pl.format("{}{}; {}.", wrong, unread, fill("todo", causes=causes)),
        unblocked_by=fill("unblocked_by", causes=causes),
    )


def _words() -> dict[str, pl.Expr]:
    """Return what the evidence says in words; what comes from outside comes last, so that it is never a template."""
    age = pl.col("age")
    failures = pl.col("consecutive_failures")
    says = pl.format("its status is '{}'", pl.col("observed").fill_null("null"))
    return {
        "node": pl.col("node"),
        "service": pl.col("service"),
        "place": place(),
        "seen": pl.when(age.is_not_null()).then(pl.format(", last seen {} ago", age)),
        "since": pl.when(age.is_not_null()).then(pl.format(" for {}", age)),
        "age": age,
        "limit": pl.col("limit"),
        "in_a_row": pl.when(failures > 1).then(pl.format(" {} times in a row", failures)),
        "near": pl.when(pl.col("nearby").is_not_null()).then(
            pl.format("; the world has {}, which nobody asks for", "nearby")
        ),
        "asked": pl.when(pl.col("nearby").is_not_null()).then(pl.format("; it asks for {}", "nearby")),
        "incident": pl.col("incident_id"),
        "more": pl.when(pl.col("detail").is_not_null()).then(pl.format("; {}", "detail")),
        "said": pl.coalesce("detail", says),
        "status": pl.col("observed").fill_null("null"),
        "detail": pl.col("detail"),
    }
