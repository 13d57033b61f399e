"""Observing: the records of containers and services as the services that the inventory knows (SEMANTICS 2)."""

from collections.abc import Callable

import polars as pl

from schemas.actual import Actual, Deployment, Incident, Observed, ObservedService, UnseenService, WellService
from schemas.desired import Desired
from schemas.expressions import health, is_aged, is_one_of, word
from schemas.frame import columns, dtypes, empty
from schemas.joins import look_up, only, without
from schemas.rules import Rules
from schemas.words import Health, RunMode

KEY = ["as_of", "node", "service"]
REPLICA = r"^(.+)[-_](\d+)$"
NAMED, REPLICATED = 1, 2
"""How a name that is not its own is a service's: its entry gives it, or it is that of a replica; the first counts."""
Divide = Callable[[pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]]
"""Which of the records go on one by one, and the counts of those that do not."""
SAID = ["status", "last_seen_at", "since_at", "key", "problem"]


def observe_services(desired: Desired, actual: Actual, rules: Rules) -> Observed:
    """Return each desired service that has a record, each record that is no desired service's, and what is of them.

    A record under a service's own name counts alone; without one those under the names of its entry, of which each
    that is not there counts as absent; without these its replicas, where number 1 is among them. A name that two
    services claim is nobody's. Several records are rolled up to the worst. Sorted by snapshot, node and service.
    """
    return _observe(desired, actual, rules, lambda records: (records, empty(WellService)))


def observe_amiss(desired: Desired, actual: Actual, rules: Rules) -> Observed:
    """Return what `observe_services` does, where what is plainly well is counted by nodes: of a fleet, that is most of it."""
    return _observe(desired, actual, rules, lambda records: _set_well_apart(records, desired, rules))


def _observe(desired: Desired, actual: Actual, rules: Rules, divide: Divide) -> Observed:
    known = desired.services.select("node", "service", "run", "is_monitored", is_desired=pl.lit(True)).with_row_index(
        "place"
    )
    read, set_aside = _records(actual)
    marked = look_up(read, known, ["node", "service"])
    unseen = _list_unseen(marked.select("as_of", "place"), known, actual.snapshots["as_of"].sort())
    rest, well = divide(marked)
    records = pl.concat([rest, look_up(set_aside, known, ["node", "service"])], rechunk=True).drop(
        "is_monitored", "place"
    )
    others = records.filter(pl.col("is_desired").is_null()).with_columns(
        name="service", run=word(RunMode.SERVICE), is_desired=pl.lit(False)
    )
    names = [others, *(_names(rows) for rows in (actual.deployments, actual.incidents))]
    claims = _claim(desired, pl.concat([frame.select("node", "name") for frame in names]).unique())
    counted = _count(others, pl.concat([read.select(KEY), set_aside.select(KEY)]), claims)
    alone = _observe_alone(_without(records, counted), rules)
    rolled = _roll_up(counted, claims, known, rules)
    observed = alone if rolled.is_empty() else pl.concat([alone, rolled]).sort(KEY, maintain_order=True)
    services = ObservedService.validate(observed)
    names_of = claims, _first_replicas(claims, others)
    return Observed(
        services,
        WellService.validate(well),
        UnseenService.validate(unseen),
        Deployment.validate(_own(actual.deployments, *names_of).sort(*KEY, "file_order")),
        Incident.validate(
            _reassign(_own(actual.incidents, *names_of), _own(actual.services, *names_of)).sort(*KEY, "key")
        ),
    )


def _list_unseen(seen: pl.DataFrame, known: pl.DataFrame, moments: pl.Series) -> pl.DataFrame:
    """Return of each snapshot the known services that are not among those seen, which are told by their place."""
    moment = moments.search_sorted(seen["as_of"]).cast(pl.Int64)
    found = (moment * known.height + seen["place"]).drop_nulls()
    is_unseen = pl.Series([True]).new_from_index(0, moments.len() * known.height).scatter(found, False)
    places = is_unseen.arg_true()
    services = known.select("node", "service")[places % known.height]
    return services.select(moments[places // known.height].alias("as_of"), "node", "service")


def _set_well_apart(records: pl.DataFrame, desired: Desired, rules: Rules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the records without those that are plainly well, and of each node how many these are."""
    planned = desired.maintenance.select("node", "service").drop_nulls().unique().with_columns(is_planned=pl.lit(True))
    is_well = (
        pl.col("is_monitored").fill_null(False)
        & pl.col("is_planned").is_null()
        & is_one_of("status", rules.healthy_words)
        & ~is_aged("last_seen_at", rules.service_ttl)
    )
    divided = look_up(records, planned, ["node", "service"]).with_columns(is_well=is_well).drop("is_planned")
    is_dated_well = pl.col("is_well") & pl.col("last_seen_at").is_not_null()
    counts = (
        divided.group_by("as_of", "node", maintain_order=True)
        .agg(count=pl.col("is_well").sum(), fresh_count=is_dated_well.sum())
        .filter(pl.col("count") > 0)
    )
    return divided.filter(~pl.col("is_well")).drop("is_well"), counts


def _without(records: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """Return the records that count for no service of another name, in order; none set aside that is nobody's."""
    if counted.height or records["problem"].null_count() < records.height:
        kept = (
            records.select(*KEY, "is_desired", "problem")
            .with_row_index("row")
            .filter(pl.col("is_desired").is_not_null() | pl.col("problem").is_null())
            .pipe(without, counted.select("as_of", "node", service="name"), KEY)
        )
        # A stable sort is one that makes use of rows which are in order already.
        records = records.select(pl.all().gather(kept.select(*KEY, "row").sort(KEY, maintain_order=True)["row"]))
    return records.with_columns(pl.col("is_desired").fill_null(False), pl.col("run").fill_null(RunMode.SERVICE))


def _records(actual: Actual) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the records, and those that were set aside and say what they are of."""
    read = actual.services.select(*KEY, *SAID[:-1], problem=pl.lit(None, pl.String))
    rejected = actual.rejected.filter((pl.col("file") == "services.json") & pl.col("service").is_not_null())
    if rejected.is_empty():
        return read, read.clear()
    first = rejected.sort("key", "reason").unique(KEY, keep="first", maintain_order=True)
    set_aside = without(first, actual.services, KEY)
    unknown = {name: pl.lit(None, kind) for name, kind in read.schema.items() if name in ("status", *SAID[1:3])}
    return read, set_aside.select(*KEY, **unknown, key="key", problem="reason")


def _names(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("node", name="service").unique()


def _claim(desired: Desired, names: pl.DataFrame) -> pl.DataFrame:
    """Return which service each name is of, where it is no service's own and exactly one claims it.

    Columns: node, service, name, tier, and of a replica its number.
    """
    own = desired.services.select("node", name="service")
    strangers = without(names, own, ["node", "name"])
    given = (
        only(desired.names, desired.services, ["node", "service"])
        .pipe(without, own, ["node", "name"])
        .select("node", "service", "name", tier=NAMED, number=pl.lit(None, pl.Int64))
    )
    numbered = strangers.select(
        "node",
        "name",
        base=pl.col("name").str.extract(REPLICA, 1),
        number=pl.col("name").str.extract(REPLICA, 2).cast(pl.Int64, strict=False),
    ).drop_nulls("base")
    if given.is_empty() and numbered.is_empty():
        return given
    replicas = numbered.join(_bases(desired, numbered), on=["node", "base"]).select(
        "node", "service", "name", tier=REPLICATED, number="number"
    )
    claims = pl.concat([given, replicas]).sort("tier").unique(["node", "service", "name"], keep="first")
    return claims.filter(pl.col("service").n_unique().over("node", "name") == 1).sort("node", "service", "name")


def _bases(desired: Desired, numbered: pl.DataFrame) -> pl.DataFrame:
    """Return what may stand before a replica's number, for the services of the nodes where something does."""
    asked = only(desired.services.select("node", "service", "stack"), numbered, "node")
    services = asked.cast({"stack": pl.String})
    bases = numbered.select("node", "base").unique()
    is_qualified = pl.col("service").str.starts_with(pl.concat_str("stack", pl.lit("-")))
    short = pl.when(is_qualified).then(pl.col("service").str.slice(pl.col("stack").str.len_chars() + 1))
    stacked = services.drop_nulls("stack").with_columns(short=short.otherwise("service"))
    spelled = [
        stacked.select("node", "service", base=pl.concat_str("stack", pl.lit(mark), name))
        for mark in ("-", "_")
        for name in ("short", "service")
    ]
    spellings = [services.select("node", "service", base="service"), *spelled]
    return pl.concat(only(one, bases, ["node", "base"]) for one in spellings).unique()


def _count(others: pl.DataFrame, own: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Return the records that count for a service of another name, with `owner`, the tier and the number."""
    claimed = others.join(claims.rename({"service": "owner"}), on=["node", "name"])
    if claimed.is_empty():
        return claimed
    group = ["as_of", "node", "owner"]
    free = without(claimed, own.rename({"service": "owner"}), group)
    is_first = (pl.col("number") == 1).fill_null(False).any().over(*group, "tier")
    usable = free.filter((pl.col("tier") == NAMED) | is_first)
    return usable.filter(pl.col("tier") == pl.col("tier").min().over(group))


def _observe_alone(records: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return a row for each record that is all of its service."""
    observed = records.with_columns(health=_health(rules)).with_columns(
        healthy_count=(pl.col("health") == Health.HEALTHY).cast(pl.UInt32),
        container_count=pl.lit(1, pl.UInt32),
        containers=pl.lit(None, pl.String),
    )
    return observed.select(columns(ObservedService))


def _health(rules: Rules) -> pl.Expr:
    unreadable = word(Health.UNREADABLE)
    return pl.when(pl.col("problem").is_not_null()).then(unreadable).otherwise(health("status", "run", rules))


def _roll_up(counted: pl.DataFrame, claims: pl.DataFrame, known: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return a row for each service that is known by its containers: the worst of them, and how many are healthy."""
    if counted.is_empty():
        return pl.DataFrame(schema=dtypes(ObservedService))
    records = counted.with_columns(service="owner", is_there=pl.lit(True)).drop("run", "is_desired", "owner", "number")
    whole = (
        pl.concat([records, _absent(records, claims)], how="diagonal")
        .join(known, on=["node", "service"])
        .with_columns(health=pl.when("is_there").then(_health(rules)).otherwise(word(Health.UNHEALTHY)))
        .sort(*KEY, "health", "is_there", "name", descending=[False] * 4 + [True, False])
    )
    is_worst = pl.col("health") == pl.col("health").first()
    since = pl.when(pl.col("since_at").filter(is_worst).null_count() == 0).then(
        pl.col("since_at").filter(is_worst).min()
    )
    is_healthy = pl.col("health") == Health.HEALTHY
    said = pl.when("is_there").then(pl.col("status").fill_null("unreadable")).otherwise(pl.lit("no record"))
    bad = pl.format("{}: {}", "name", said).filter(~is_healthy).str.join(", ")
    rolled = whole.group_by(KEY, maintain_order=True).agg(
        pl.col("health", "status", "problem", "is_desired", "key").first(),
        last_seen_at=pl.col("last_seen_at").max(),
        since_at=since,
        healthy_count=is_healthy.sum().cast(pl.UInt32),
        container_count=pl.len().cast(pl.UInt32),
        bad=bad,
    )
    counts = pl.format("{} of {} containers healthy", "healthy_count", "container_count")
    words = pl.when(pl.col("bad") != "").then(pl.format("{} ({})", counts, "bad")).otherwise(counts)
    several = pl.when(pl.col("container_count") > 1).then(words)
    return rolled.with_columns(containers=several).select(columns(ObservedService))


def _absent(records: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each name of an entry that has no record, where another of its names has one."""
    given = claims.filter(pl.col("tier") == NAMED).select("node", "service", "name")
    known = records.filter(pl.col("tier") == NAMED).select(KEY).unique()
    missing = known.join(given, on=["node", "service"]).join(records, on=["as_of", "node", "name"], how="anti")
    return missing.with_columns(is_there=pl.lit(False))


def _first_replicas(claims: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Return the services that have a replica of number 1 in a snapshot; without one, no name is that of a replica."""
    if claims.is_empty():
        return claims
    numbered = others.select("as_of", "node", "name").join(claims, on=["node", "name"])
    firsts = numbered.filter((pl.col("tier") == REPLICATED) & (pl.col("number") == 1))
    return firsts.select("as_of", "node", owner="service", has_first=pl.lit(True)).unique()


def _own(rows: pl.DataFrame, claims: pl.DataFrame, firsts: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of containers as those of their services."""
    if claims.is_empty():
        return rows
    owners = claims.select("node", "tier", service="name", owner="service")
    owned = rows.join(owners, on=["node", "service"], how="left", maintain_order="left").join(
        firsts, on=["as_of", "node", "owner"], how="left", maintain_order="left"
    )
    is_its = (pl.col("tier") == NAMED) | pl.col("has_first")
    return owned.with_columns(service=pl.when(is_its).then("owner").otherwise("service")).select(rows.columns)


def _reassign(incidents: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Give an incident that records name to one of these: to its own service, or else the first by name."""
    named = records.drop_nulls("incident_id").select(*KEY, key="incident_id")
    if named.is_empty() or incidents.is_empty():
        return incidents
    first = named.sort("node", "service").unique(["as_of", "key"], keep="first", maintain_order=True)
    moved = (
        incidents.join(named, on=[*KEY, "key"], how="anti")
        .join(first.rename({"node": "first_node", "service": "first_service"}), on=["as_of", "key"])
        .with_columns(node="first_node", service="first_service")
        .select(incidents.columns)
    )
    return pl.concat([incidents.join(moved, on=["as_of", "key"], how="anti"), moved])
