"""Doubt: what the world as a whole says against its observer, whatever it says of one node (SEMANTICS 3)."""

import polars as pl

from schemas.actual import Actual, Observed
from schemas.desired import Desired
from schemas.doubt import Doubt, Doubted, DoubtRule
from schemas.drift import DRIFT_ORDER, Drift, because, gather_drift, of_kind
from schemas.expressions import is_known_word, seconds, word
from schemas.frame import DataFrame, complete, dtypes
from schemas.joins import look_up, only, without
from schemas.planned import Planned
from schemas.rules import Rules
from schemas.run import WorldTime
from schemas.words import ALL, FLEET, DriftCause, DriftKind, Health, Severity

NODE = ["as_of", "node"]
KEY = [*NODE, "service"]
UNSEEN = [
    DriftKind.MISSING_SERVICE,
    DriftKind.MISPLACED_SERVICE,
    DriftKind.UNREADABLE_OBSERVATION,
    DriftKind.STALE_OBSERVATION,
]
WITHOUT_RECORD = [DriftKind.MISSING_SERVICE, DriftKind.MISPLACED_SERVICE]
OUT_OF_SIGHT = [DriftCause.UNOBSERVABLE, DriftCause.UNJUDGED]
MOST_NAMED = 5
SAID: dict[str, pl.DataType] = {"as_of": pl.Datetime("us", "UTC"), "rule": pl.Enum(DoubtRule), "said": pl.String()}
"""What is said against the observer of a snapshot, and by which rule."""


def doubt_observer(
    drift: DataFrame[Drift],
    desired: Desired,
    actual: Actual,
    observed: Observed,
    planned: DataFrame[Planned],
    world_times: DataFrame[WorldTime],
    rules: Rules,
) -> Doubted:
    """Return the drift of all nodes with the stale worlds and the suspect observers, and what is doubted of each.

    Only this needs the whole fleet at once; nothing here looks at what holds back what.
    """
    to_see = _to_see(drift, desired, actual, observed, planned)
    services = _doubt_services(to_see, actual, rules)
    nodes = _doubt_nodes(drift, desired, actual, planned, rules)
    words = _doubt_words(to_see, rules)
    said = pl.concat([services, nodes.said, words.drop("word")])
    suspects = _suspects(said, to_see)
    found = [drift, _stale_worlds(world_times, rules), suspects]
    doubts = pl.concat([complete(frame, Doubt) for frame in (services, nodes.doubted, words)])
    return Doubted(
        Drift.validate(gather_drift(found).sort(DRIFT_ORDER)),
        Doubt.validate(doubts.sort("as_of", "rule", "node", "word", nulls_last=False)),
    )


class _Nodes:
    """What is said against the observer of nodes, and of which nodes."""

    def __init__(self, said: pl.DataFrame, doubted: pl.DataFrame) -> None:
        self.said, self.doubted = said, doubted


def _stale_worlds(world_times: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    stale = world_times.filter(pl.col("world_age_s") > seconds(rules.world_ttl)).select(
        "as_of",
        node=pl.lit(FLEET),
        service=pl.lit(ALL),
        actual_ref="world_ref",
        observed_at="world_at",
        age_s="world_age_s",
        limit_s=seconds(rules.world_ttl),
    )
    return of_kind(stale, DriftKind.STALE_WORLD, Severity.CRITICAL)


def _to_see(
    drift: pl.DataFrame, desired: Desired, actual: Actual, observed: Observed, planned: pl.DataFrame
) -> pl.DataFrame:
    """Return the services to be seen of each snapshot, whether each is seen, and what its record says.

    They are those with a record, and those that are a drift because they have none: a job may have none. Those of a
    node that are plainly well are one row, with how many they are.
    """
    hidden = drift.filter(
        (pl.col("kind") == DriftKind.OFFLINE_NODE) | ((pl.col("service") == ALL) & pl.col("cause").is_in(OUT_OF_SIGHT))
    )
    monitored = desired.nodes.select("node", "is_monitored").filter("is_monitored")
    visible = monitored.join(actual.snapshots.select("as_of"), how="cross").pipe(without, hidden, NODE)
    unseen = drift.filter(pl.col("kind").is_in(UNSEEN)).select(KEY).unique().with_columns(is_unseen=pl.lit(True))
    missing = drift.filter(pl.col("kind").is_in(WITHOUT_RECORD)).select(*KEY, is_desired=pl.lit(True))
    records = observed.services.select(*KEY, "health", "status", "is_desired")
    well = observed.well.select(*NODE, "count", health=word(Health.HEALTHY), is_desired=pl.lit(True))
    unmonitored = desired.services.select("node", "service", "is_monitored").filter(~pl.col("is_monitored"))
    # Marked first and left out at once: each step that leaves some out would be a copy of all others.
    return (
        pl.concat([records, missing, well], how="diagonal")
        .pipe(look_up, unmonitored, ["node", "service"])
        .pipe(look_up, visible.select(*NODE, is_visible=pl.lit(True)), NODE)
        .pipe(look_up, unseen, KEY)
        .filter(pl.col("is_desired") & pl.col("is_monitored").is_null() & pl.col("is_visible"))
        .select(*KEY, "health", "status", pl.col("is_unseen").fill_null(False), pl.col("count").fill_null(1))
        .pipe(_unplanned, planned)
    )


def _unplanned(rows: pl.DataFrame, planned: pl.DataFrame) -> pl.DataFrame:
    """Return the services, or the nodes, without those for which a window is open."""
    if planned.is_empty():
        return rows
    fleet, nodes = planned.filter(pl.col("node").is_null()), planned.filter(pl.col("service").is_null())
    left = rows.join(fleet, on="as_of", how="anti").join(nodes, on=NODE, how="anti")
    return left.join(planned, on=KEY, how="anti") if "service" in rows.columns else left


def _is_mass(count: str, total: str, least: int, rules: Rules) -> pl.Expr:
    return (pl.col(count) >= least) & (pl.col(count) / pl.col(total) >= rules.mass_drift_share)


def _is_all(count: str, total: str) -> pl.Expr:
    return (pl.col(count) == pl.col(total)) & (pl.col(total) >= 2)


def _doubt_services(to_see: pl.DataFrame, actual: Actual, rules: Rules) -> pl.DataFrame:
    """Return (a), (b) and (c): as_of, rule and what is said."""
    counted = to_see.group_by("as_of").agg(count=pl.col("is_unseen").sum(), total=pl.col("count").sum())
    recorded = actual.services.select("as_of").unique()
    gone = pl.format("{} of {} monitored services are not to be seen", "count", "total")
    mass = _of_several_nodes(counted.filter(_is_mass("count", "total", rules.mass_drift_min, rules)), to_see)
    every = counted.filter(_is_all("count", "total"))
    silent = without(counted, recorded, "as_of")
    if mass.is_empty() and every.is_empty() and silent.is_empty():
        return pl.DataFrame(schema=SAID)
    nothing = pl.format("services.json has no usable record, and {} monitored services are to be seen", "total")
    return pl.concat(
        [
            mass.select("as_of", rule=word(DoubtRule.MASS_UNSEEN), said=gone),
            without(every, mass, "as_of").select("as_of", rule=word(DoubtRule.ALL_UNSEEN), said=gone),
            silent.select("as_of", rule=word(DoubtRule.NO_SERVICES), said=nothing),
        ]
    )


def _of_several_nodes(counted: pl.DataFrame, to_see: pl.DataFrame) -> pl.DataFrame:
    """Return the counts without those of one node's services, where services of others are seen."""
    nodes = only(to_see, counted, "as_of").group_by("as_of", "node").agg(pl.col("is_unseen").any())
    is_of_one = (pl.col("is_unseen").sum() == 1) & (pl.len() > 1)
    return without(counted, nodes.group_by("as_of").agg(is_of_one=is_of_one).filter("is_of_one"), "as_of")


def _doubt_nodes(drift: pl.DataFrame, desired: Desired, actual: Actual, planned: pl.DataFrame, rules: Rules) -> _Nodes:
    """Return (d) and (e), and the nodes that they doubt: those that they are drawn from and intermittent ones alike."""
    gone = _gone(drift, desired)
    wanted = desired.nodes.filter("is_monitored").select("node", "is_intermittent", "has_readable_capabilities")
    known = only(actual.nodes, wanted, "node")
    lost = without(actual.snapshots.filter(pl.lit(wanted.height > 0)), known, "as_of")
    if gone.is_empty() and lost.is_empty():
        return _Nodes(pl.DataFrame(schema=SAID), pl.DataFrame(schema=dtypes(Doubt)).select(*NODE, "rule"))
    lost = lost.join(_strangers(actual), on="as_of", how="left")
    is_steady = ~pl.col("is_intermittent") & pl.col("has_readable_capabilities")
    asked = wanted.filter(is_steady).join(actual.snapshots.select("as_of"), how="cross").pipe(_unplanned, planned)
    counting = _counting(asked, gone, known, rules)
    counted = (
        _count_silent(counting, rules)
        .join(lost, on="as_of", how="anti")
        .pipe(look_up, _in_doubt(gone, actual), ["as_of"])
    )
    silent = [counting.filter("is_gone"), only(gone, wanted.filter(~is_steady), "node")]
    doubted = [
        *(
            rows.join(counted, on="as_of", how="semi").select(*NODE, rule=word(DoubtRule.MASS_OFFLINE))
            for rows in silent
        ),
        only(gone, lost, "as_of").select(*NODE, rule=word(DoubtRule.NO_NODES)),
    ]
    return _Nodes(pl.concat([_say_lost(lost), _say_silent(counted)]), pl.concat(doubted).unique())


def _counting(asked: pl.DataFrame, gone: pl.DataFrame, known: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the nodes that count in (e), with whether each is gone: all but those that died long before the newest did."""
    steady = (
        asked.join(gone.select(*NODE, "observed_at", is_gone=pl.lit(True)), on=NODE, how="left")
        .join(known.select(*NODE, "last_seen_at"), on=NODE, how="left")
        .with_columns(pl.col("is_gone").fill_null(False))
    )
    newest = pl.col("last_seen_at").filter(pl.col("is_gone")).max().over("as_of")
    dead_for_long = (newest - pl.col("last_seen_at")).dt.total_microseconds() / 1e6 > seconds(rules.mass_offline_span)
    return steady.with_columns(newest=newest).filter(~(pl.col("is_gone") & dead_for_long.fill_null(False)))


def _count_silent(counting: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return a row for each snapshot in which too many nodes are gone at once."""
    return (
        counting.group_by("as_of")
        .agg(
            count=pl.col("is_gone").sum(),
            total=pl.len(),
            newest=pl.col("newest").max(),
            names=pl.col("node").filter("is_gone").sort(),
        )
        .filter(_is_mass("count", "total", rules.mass_offline_min, rules) | _is_all("count", "total"))
    )


def _say_lost(lost: pl.DataFrame) -> pl.DataFrame:
    has_strangers = pl.col("strangers").list.len() > 0
    only_of = pl.when(has_strangers).then(pl.format(", only of {}", _listed("strangers"))).otherwise(pl.lit(""))
    said = pl.concat_str(pl.lit("nodes.json has no usable record of any node that is asked for"), only_of)
    return lost.select("as_of", rule=word(DoubtRule.NO_NODES), said=said)


def _say_silent(counted: pl.DataFrame) -> pl.DataFrame:
    since = pl.concat_str(pl.lit(" since "), pl.col("newest").dt.strftime("%H:%M"))
    said = pl.format(
        "{} of {} nodes are silent{} ({}): power or network there, or the observer's way to them{}",
        "count",
        "total",
        pl.when(pl.col("newest").is_not_null()).then(since).otherwise(pl.lit("")),
        _listed("names"),
        pl.col("in_doubt").fill_null(""),
    )
    return counted.select("as_of", rule=word(DoubtRule.MASS_OFFLINE), said=said)


def _in_doubt(gone: pl.DataFrame, actual: Actual) -> pl.DataFrame:
    """Return how many of these nodes were seen at a time that is in doubt, in words, with one of these times."""
    times = actual.doubtful.filter((pl.col("file") == "nodes.json") & (pl.col("field") == "last_seen"))
    said = times.select("as_of", "value", actual_ref=pl.format("nodes.json#{}", "key"))
    by_time = gone.filter(pl.col("cause") == DriftCause.DOUBTFUL_TIME).join(said, on=["as_of", "actual_ref"])
    counted = by_time.sort("node").group_by("as_of").agg(pl.len(), pl.col("node").first(), pl.col("value").first())
    words = pl.format("; of {} the time is in doubt, such as '{}' of {}: check that clock", "len", "value", "node")
    return counted.select("as_of", in_doubt=words)


def _strangers(actual: Actual) -> pl.DataFrame:
    """Return what the records of nodes are of, as far as it is told."""
    set_aside = actual.rejected.filter(pl.col("file") == "nodes.json").select("as_of", "key")
    named = pl.concat([actual.nodes.select("as_of", key="node"), set_aside])
    return named.group_by("as_of").agg(strangers=pl.col("key").unique().sort())


def _gone(drift: pl.DataFrame, desired: Desired) -> pl.DataFrame:
    """Return the nodes that are offline otherwise than by their own word, or unclear otherwise than by never."""
    is_off = (pl.col("kind") == DriftKind.OFFLINE_NODE) & (pl.col("cause") != DriftCause.BY_WORD)
    is_unclear = (
        (pl.col("kind") == DriftKind.UNREADABLE_OBSERVATION)
        & (pl.col("service") == ALL)
        & (pl.col("cause") != DriftCause.NEVER_SEEN)
    )
    return drift.filter(is_off | is_unclear).pipe(only, desired.nodes, "node")


def _listed(names: str) -> pl.Expr:
    """Return the first names of a list in words, and how many more there are."""
    more = pl.col(names).list.len().cast(pl.Int64) - MOST_NAMED
    first = pl.col(names).list.head(MOST_NAMED).list.join(", ")
    return pl.when(more > 0).then(pl.format("{} and {} more", first, more)).otherwise(first)


def _doubt_words(to_see: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return (f): one word that no list knows, and that too many services say."""
    is_readable = pl.col("health").is_not_null() & (pl.col("health") != Health.UNREADABLE)
    strange = to_see.filter(is_readable & pl.col("status").is_not_null() & ~is_known_word("status", rules))
    if strange.is_empty():
        return pl.DataFrame(schema={**SAID, "word": pl.String})
    said = pl.format(
        "{} of {} services say '{}', which no list of words knows; if it is a good one, add it to healthy_words,"
        " else to unhealthy_words",
        "count",
        "total",
        "status",
    )
    return (
        strange.group_by("as_of", "status")
        .agg(count=pl.len())
        .join(to_see.filter(is_readable).group_by("as_of").agg(total=pl.col("count").sum()), on="as_of")
        .filter(_is_mass("count", "total", rules.mass_drift_min, rules) | _is_all("count", "total"))
        .select("as_of", rule=word(DoubtRule.UNKNOWN_WORD), said=said, word="status")
    )


def _suspects(said: pl.DataFrame, to_see: pl.DataFrame) -> pl.DataFrame:
    """Return one finding for each snapshot with a doubt, whichever rules it follows from."""
    if said.is_empty():
        return said
    counts = to_see.group_by("as_of").agg(
        missing_count=pl.col("is_unseen").sum().cast(pl.UInt32), monitored_count=pl.col("count").sum()
    )
    of_nodes = pl.col("rule").is_in([DoubtRule.NO_NODES, DoubtRule.MASS_OFFLINE])
    file = pl.when(of_nodes.all()).then(pl.lit("nodes.json")).otherwise(pl.lit("services.json"))
    suspects = (
        said.sort("as_of", "rule", "said")
        .group_by("as_of", maintain_order=True)
        .agg(detail=pl.col("said").str.join("; "), actual_ref=file)
        .join(counts, on="as_of", how="left")
        .with_columns(node=pl.lit(FLEET), service=pl.lit(ALL), cause=because(DriftCause.PLAIN))
    )
    return of_kind(suspects, DriftKind.OBSERVER_SUSPECT, Severity.CRITICAL)
