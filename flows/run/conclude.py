"""What a run concluded, in the plain values that episodes are made of."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from itertools import islice, starmap
from typing import Any, TypeVar

import polars as pl

from flows.run.attention import Attention
from schemas.desired import Desired
from schemas.drift import EVIDENCE
from schemas.episode import Episode, Judged, Recommended, Target
from schemas.joins import only
from schemas.last_run import LastRun
from schemas.rejected import is_fault
from schemas.run import Judgement
from schemas.wait import Wait
from schemas.words import Action, DriftCause, DriftKind, EventType, HeldBy, Outcome, Severity, State

Word = TypeVar("Word", bound=StrEnum)

TOPOLOGY = "inventory/topology.yaml"
REMEMBERED_ROWS = 100
"""Recommendations that the checkpoint keeps, of those to act on first."""


def _by_text(words: type[Word]) -> dict[str, Word]:
    return {word.value: word for word in words}


_EVENT_TYPES, _ACTIONS, _SEVERITIES = _by_text(EventType), _by_text(Action), _by_text(Severity)
_KINDS, _HOLDERS = _by_text(DriftKind), _by_text(HeldBy)
"""Words by their text: to look one up takes a fraction of what its class takes."""


def to_judged(
    judgement: Judgement,
    desired: Desired,
    episodes: Iterable[Episode],
    as_of: datetime,
    *,
    input_fingerprint: str,
    rules_fingerprint: str,
    waits: Iterable[Wait] = (),
) -> Judged:
    """Return the run's conclusions; of drift and of desired services, only what open episodes and waits ask about.

    A fleet has a million services, and a handful of open episodes: nothing here grows with the former. The recommendations
    are without their evidence, for which few of them are asked.
    """
    waiting = {wait.target for wait in waits}
    open_targets = {episode.target for episode in episodes if episode.is_open} | waiting
    names = {"node": [target.node for target in open_targets], "service": [target.service for target in open_targets]}
    asked = pl.DataFrame(names, schema={"node": pl.String, "service": pl.String})
    services = only(desired.services, asked, ["node", "service"])
    nodes = desired.nodes.filter("is_monitored")
    is_wanted = pl.col("is_monitored") & pl.col("node").is_in(nodes["node"].implode())
    faults = desired.unread.filter(is_fault())
    drift = judgement.drift.join(asked, on=["node", "service"], how="semi")
    is_old = pl.col("cause") == DriftCause.OLD
    is_unjudged = pl.col("cause") == DriftCause.UNJUDGED
    return Judged(
        as_of=as_of,
        recommendations=tuple(_bare_by_run(judgement).get(as_of, ())),
        drift=_drift_by_target(drift),
        monitored=_targets(services.filter(is_wanted)),
        unmonitored=_targets(services.filter(~is_wanted)),
        nodes=frozenset(nodes["node"]),
        unmonitored_nodes=frozenset(desired.nodes.filter(~pl.col("is_monitored"))["node"]),
        unreadable_nodes=frozenset(nodes.filter(~pl.col("is_readable"))["node"]),
        bad_entries=_targets(faults.drop_nulls("service").join(nodes, on="node", how="semi")),
        unjudged_nodes=frozenset(judgement.drift.filter(is_unjudged)["node"]),
        unread_dependencies=_targets(services.filter(~pl.col("has_readable_dependencies"))),
        expired=_targets(drift.filter(is_old)),
        is_topology_readable=TOPOLOGY not in faults["file"],
        is_world_stale=DriftKind.STALE_WORLD in judgement.drift["kind"].unique().to_list(),
        input_fingerprint=input_fingerprint,
        rules_fingerprint=rules_fingerprint,
    )


def to_recommended(judgement: Judgement) -> tuple[Recommended, ...]:
    """Return the recommendations of a batch of one, each with the evidence of the drifts that cause it."""
    return next(iter(recommended_by_run(judgement).values()), ())


def recommended_by_run(judgement: Judgement) -> dict[datetime, tuple[Recommended, ...]]:
    """Return the recommendations of each run of a batch that has some, each with its evidence."""
    return {as_of: tuple(rows) for as_of, rows in give_evidence(_bare_by_run(judgement), judgement.drift).items()}


def give_evidence(
    recommended: Mapping[datetime, Iterable[Recommended]], drift: pl.DataFrame
) -> dict[datetime, list[Recommended]]:
    """Return the recommendations of runs with what is said of each drift that causes one."""
    rows = [(as_of, row) for as_of, of_run in recommended.items() for row in of_run]
    wanted = {(as_of, drift_id) for as_of, row in rows for drift_id in row.drift_ids}
    evidence = _evidence(drift, wanted) if wanted else {}
    found: dict[datetime, list[Recommended]] = {}
    for as_of, row in rows:
        said = tuple(evidence.get((as_of, drift_id), {}) for drift_id in row.drift_ids)
        found.setdefault(as_of, []).append(row._replace(evidence=said))
    return found


def _evidence(
    drift: pl.DataFrame, wanted: Collection[tuple[datetime, str]]
) -> dict[tuple[datetime, str], dict[str, Any]]:
    names = ("drift_id", "kind", *EVIDENCE)
    asked = pl.DataFrame([*wanted], schema=drift.select("as_of", "drift_id").schema, orient="row")
    rows = drift.select("as_of", *names).join(asked, on=["as_of", "drift_id"], how="semi")
    return {
        (as_of, row[0]): {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for as_of, *row in rows.iter_rows()
    }


def _bare_by_run(judgement: Judgement) -> dict[datetime, list[Recommended]]:
    """Return the recommendations of each run that has some, without their evidence."""
    found: dict[datetime, list[Recommended]] = {}
    rows = judgement.recommendations
    words: dict[str, Iterable[Any]] = {
        "event_type": [_EVENT_TYPES[word] for word in rows["event_type"]],
        "action": [_ACTIONS[word] for word in rows["action"]],
        "severity": [_SEVERITIES[word] for word in rows["severity"]],
        "causing_kinds": [tuple([_KINDS[kind] for kind in kinds]) for kinds in rows["causing_kinds"].to_list()],
        "drift_ids": map(tuple, rows["drift_ids"].to_list()),
        "root_causes": map(tuple, rows["root_causes"].to_list()),
    }
    names = [name for name in Recommended._fields if name in rows.columns]
    values = (words[name] if name in words else rows[name].to_list() for name in names)
    recommended = starmap(Recommended, zip(*values, strict=True))
    for size, as_of in rows["as_of"].rle().struct.unnest().iter_rows():
        found.setdefault(as_of, []).extend(islice(recommended, size))
    return found


def _drift_by_target(drift: pl.DataFrame) -> dict[Target, dict[DriftKind, HeldBy | None]]:
    found: dict[Target, dict[DriftKind, HeldBy | None]] = {}
    for node, service, kind, held_by in drift.select("node", "service", "kind", "held_by").iter_rows():
        found.setdefault(Target(node, service), {})[_KINDS[kind]] = _HOLDERS[held_by] if held_by else None
    return found


def _targets(services: pl.DataFrame) -> frozenset[Target]:
    return frozenset(map(Target._make, services.select("node", "service").iter_rows()))


def remember_run(judgement: Judgement, attention: Attention, outcome: Outcome, as_of: datetime) -> LastRun:
    """Return what the checkpoint keeps of the run, for whoever asks for it without the frames."""
    summary = attention.summary.row(0, named=True)
    counts = {name: value for name, value in summary.items() if name.endswith("_count")}
    short = ("recommendation_id", "event_type", "action", "severity", "node", "service", "reason", "blast_radius")
    rows = judgement.recommendations.head(REMEMBERED_ROWS).select(short).to_dicts()
    groups = judgement.drift.group_by("kind", "severity", pl.col("held_by").is_not_null()).len().sort(pl.all())
    advice = judgement.recommendations.group_by("event_type", "action", "severity").len().sort(pl.all())
    return LastRun(
        as_of=as_of,
        outcome=outcome,
        state=State(summary["state"]),
        world_at=summary["world_at"],
        counts={**counts, "acknowledged_count": attention.acknowledged.acknowledged.height},
        recommendations=tuple({**row, "acknowledgement": attention.describe(row)} for row in rows),
        drift_counts=tuple(groups.iter_rows()),
        recommendation_counts=tuple(advice.iter_rows()),
    )
