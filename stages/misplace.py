"""Misplacing: what is missing in one place and runs in another, or under a name that is near (SEMANTICS 3 and 5)."""

import re

import polars as pl

from schemas.actual import Actual, Observed
from schemas.desired import Desired
from schemas.drift import DRIFT_ORDER, Drift, because, gather_drift, of_kind
from schemas.expressions import age_s, is_fresh, word
from schemas.frame import DataFrame
from schemas.joins import only, without
from schemas.rejected import is_fault
from schemas.rules import Rules
from schemas.words import ALL, DriftCause, DriftKind, Health, Severity

KEY = ["as_of", "node", "service"]
TOPOLOGY = "inventory/topology.yaml"
MOST_ASKED = 1000
MOST_NAMES = 1000
"""Of more names than these, none is held against another: a near name explains one mistake, not a fleet's."""
SHORTEST_EDITED = 5
MOST_EDITS = 2
_MARKS = re.compile(r"[-_.]")


def find_places(
    drift: DataFrame[Drift], desired: Desired, actual: Actual, observed: Observed, rules: Rules
) -> DataFrame[Drift]:
    """Return the drift with what is only misplaced told apart, with near names, and with the nodes nobody asks for.

    A missing service is misplaced where another desired node, which is not offline and whose inventory can be read
    and does not ask for it, has a healthy and fresh record of it.
    """
    strange = _strange_nodes(desired, actual)
    placed = _misplace(_drop_never(drift, actual), desired, observed, rules)
    named = _name_services(_name_nodes(placed, strange), observed)
    return Drift.validate(gather_drift([named, _unexpected_nodes(strange, desired)]).sort(DRIFT_ORDER))


def _drop_never(drift: pl.DataFrame, actual: Actual) -> pl.DataFrame:
    """Drop that a node was never seen, where no other one was."""
    if not (drift["cause"] == DriftCause.NEVER_SEEN).any():
        return drift
    dated = actual.nodes.drop_nulls("last_seen_at").select("as_of").unique().with_columns(has_times=pl.lit(True))
    is_never = pl.col("cause") == DriftCause.NEVER_SEEN
    told = drift.join(dated, on="as_of", how="left", maintain_order="left")
    return told.filter(~is_never | pl.col("has_times").fill_null(False)).drop("has_times")


def _misplace(drift: pl.DataFrame, desired: Desired, observed: Observed, rules: Rules) -> pl.DataFrame:
    missing = drift.filter(pl.col("kind") == DriftKind.MISSING_SERVICE)
    if missing.is_empty():
        return drift
    offline = drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE)
    bad_entries = desired.unread.filter(is_fault())
    elsewhere = (
        observed.services.filter(
            ~pl.col("is_desired") & (pl.col("health") == Health.HEALTHY) & is_fresh("last_seen_at", rules.service_ttl)
        )
        .pipe(only, missing, ["as_of", "service"])
        .pipe(only, desired.nodes.filter(pl.col("is_monitored") & pl.col("is_readable")), "node")
        .pipe(without, offline, ["as_of", "node"])
        .pipe(without, bad_entries, ["node", "service"])
        .group_by("as_of", "service")
        .agg(place=pl.col("node").unique().sort().str.join(", "))
    )
    if elsewhere.is_empty():
        return drift
    kind = word(DriftKind.MISPLACED_SERVICE)
    is_elsewhere = (pl.col("kind") == DriftKind.MISSING_SERVICE) & pl.col("place").is_not_null()
    return (
        drift.join(elsewhere, on=["as_of", "service"], how="left", maintain_order="left")
        .with_columns(
            kind=pl.when(is_elsewhere).then(kind).otherwise("kind"),
            detail=pl.when(is_elsewhere).then("place").otherwise("detail"),
        )
        .drop("place")
    )


def _strange_nodes(desired: Desired, actual: Actual) -> pl.DataFrame:
    """Return the records of nodes that no inventory names; none where the topology may name more."""
    is_open = TOPOLOGY in desired.unread.filter(is_fault())["file"]
    strange = without(actual.nodes, desired.nodes, "node")
    return strange.clear() if is_open else strange


def _name_nodes(drift: pl.DataFrame, strange: pl.DataFrame) -> pl.DataFrame:
    if strange.is_empty():
        return drift
    asked = drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE)
    return _name(drift, _pair(asked.select("as_of", "node"), strange, "node"), DriftKind.OFFLINE_NODE, "node")


def _name_services(drift: pl.DataFrame, observed: Observed) -> pl.DataFrame:
    """Name what is near a missing service: what its node runs, and nobody asks for."""
    asked = drift.filter(pl.col("kind") == DriftKind.MISSING_SERVICE).select(KEY)
    beside = observed.services.filter(~pl.col("is_desired")).pipe(only, asked, ["as_of", "node"])
    if asked.height > MOST_ASKED or beside.is_empty():
        return drift
    pairs = asked.join(beside.select("as_of", "node", other="service"), on=["as_of", "node"])
    return _name(
        drift, _near(pairs.head(MOST_ASKED * MOST_NAMES), "service"), DriftKind.MISSING_SERVICE, "node", "service"
    )


def _pair(asked: pl.DataFrame, others: pl.DataFrame, name: str) -> pl.DataFrame:
    if asked.height > MOST_ASKED or others.height > MOST_NAMES:
        return _near(asked.clear().with_columns(other=name), name)
    return _near(asked.join(others.select("as_of", other=name), on="as_of"), name)


def _near(pairs: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the near ones of pairs of names, together by what they are near."""
    is_near = pl.Series(
        [are_near(one, other) for one, other in pairs.select(name, "other").iter_rows()], dtype=pl.Boolean
    )
    keys = [column for column in pairs.columns if column != "other"]
    return pairs.filter(is_near).group_by(keys).agg(near=pl.col("other").unique().sort().str.join(", "))


def _name(drift: pl.DataFrame, near: pl.DataFrame, kind: DriftKind, *on: str) -> pl.DataFrame:
    if near.is_empty():
        return drift
    named = drift.join(near, on=["as_of", *on], how="left", maintain_order="left")
    return named.with_columns(
        nearby=pl.when(pl.col("kind") == kind).then(pl.coalesce("near", "nearby")).otherwise("nearby")
    ).drop("near")


def _unexpected_nodes(strange: pl.DataFrame, desired: Desired) -> pl.DataFrame:
    if strange.is_empty():
        return strange
    asked = strange.select("as_of", "node")
    near = _pair(asked, asked.select("as_of").unique().join(desired.nodes.select("node"), how="cross"), "node")
    found = strange.join(near, on=["as_of", "node"], how="left").select(
        "as_of",
        "node",
        service=pl.lit(ALL),
        cause=because(DriftCause.PLAIN),
        actual_ref=pl.format("nodes.json#{}", "key"),
        observed="status",
        observed_at="last_seen_at",
        age_s=age_s("last_seen_at"),
        nearby="near",
    )
    return of_kind(found, DriftKind.UNEXPECTED_NODE, Severity.INFO)


def are_near(one: str, other: str) -> bool:
    """Return whether two names may mean the same: alike but for marks and a number, a first label, or two edits."""
    if _bare(one) == _bare(other) or one.split(".", maxsplit=1)[0] == other or other.split(".", maxsplit=1)[0] == one:
        return True
    is_long = min(len(one), len(other)) >= SHORTEST_EDITED
    return is_long and abs(len(one) - len(other)) <= MOST_EDITS and _edits(one, other) <= MOST_EDITS


def _bare(name: str) -> str:
    return _MARKS.sub("", name).rstrip("0123456789") or name


def _edits(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row = row, [i]
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    return row[-1]
