"""Blocking: what each broken service cannot do without, one step of its chain (SEMANTICS 5)."""

import polars as pl

from schemas.actual import ObservedService
from schemas.drift import UNAVAILABLE, WAITING, Drift
from schemas.frame import DataFrame, columns, empty
from schemas.link import CYCLE, DONE, NAME, Block, Links
from schemas.words import ALL, DependencyScope, DriftCause, DriftKind, Health

NODE = ["as_of", "node"]
TARGET = [*NODE, "service"]
MOST_INSTANCES = 100
"""Of a name with more instances that are gone, so many stand for all: one that comes back is enough. A thousand causes of a
thousand services are a million that nobody reads."""


def find_blocks(drift: DataFrame[Drift], links: Links, observed: DataFrame[ObservedService]) -> DataFrame[Block]:
    """Return what blocks each service that drifted: its unavailable dependencies, or their offline nodes.

    An external dependency is available when one instance is, so that its instances stand behind its name. Services of
    one cycle do not block each other; what blocks one unavailable member from outside blocks them all, so that their
    blocks stand behind the cycle. Drift counts whether it is held back or not: a dependency that is being deployed is
    not there yet.
    """
    if links.links.is_empty():
        return Block.validate(empty(Block))
    instances = _judge_instances(drift, links, observed)
    waiting = _waiting(drift, links)
    needs = waiting.join(links.links, on=["node", "service"]).join(links.cycles, on=["node", "service"], how="left")
    found = [_local(needs, instances), *_external(needs, instances)]
    blocks = pl.concat(found).unique()
    return Block.validate(_through_cycles(blocks, drift, links).sort(columns(Block)))


def _waiting(drift: pl.DataFrame, links: Links) -> pl.DataFrame:
    """Return the services that may wait for something: those that drifted, and members of cycles on offline nodes."""
    is_waiting = pl.col("kind").is_in(WAITING) & (pl.col("cause") != DriftCause.OLD)
    offline = drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE).select(NODE)
    stranded = offline.join(links.cycles, on="node").select(TARGET)
    return pl.concat([drift.filter(is_waiting).select(TARGET), stranded]).unique()


def _judge_instances(drift: pl.DataFrame, links: Links, observed: pl.DataFrame) -> pl.DataFrame:
    """Return every instance in every snapshot: whether its node is offline, and whether it is unavailable there."""
    broken = drift.filter(pl.col("kind").is_in(UNAVAILABLE)).select(*TARGET, "kind", "held_by")
    offline = drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE).select(*NODE, is_offline=pl.lit(True))
    records = observed.filter(~pl.col("is_desired")).select(*TARGET, "health")
    judged = (
        links.instances.join(drift.select("as_of").unique(), how="cross")
        .join(broken, on=TARGET, how="left")
        .join(offline, on=NODE, how="left")
        .join(records, on=TARGET, how="left")
        .join(links.cycles, on=["node", "service"], how="left")
        .filter(~pl.col("is_open") | pl.col("health").is_not_null())
        .with_columns(pl.col("is_offline").fill_null(False))
    )
    is_sick = ~pl.col("health").is_in([Health.HEALTHY, Health.UNREADABLE])
    is_broken = (pl.col("is_monitored") & pl.col("kind").is_not_null()) | (pl.col("is_open") & is_sick)
    is_elsewhere = (pl.col("kind") == DriftKind.MISPLACED_SERVICE).fill_null(False)
    is_down = pl.col("is_offline") | is_broken.fill_null(False)
    return judged.select(
        "as_of",
        "is_job",
        "cycle",
        cause_node="node",
        dependency="service",
        cause_service=pl.when("is_offline").then(pl.lit(ALL)).otherwise("service"),
        is_held=pl.col("held_by").is_not_null(),
        is_down=is_down,
        is_down_for_others=is_down & ~is_elsewhere,
    )


def _local(needs: pl.DataFrame, instances: pl.DataFrame) -> pl.DataFrame:
    nearby = needs.filter(pl.col("scope") == DependencyScope.LOCAL).join(
        instances,
        left_on=["as_of", "node", "dependency"],
        right_on=["as_of", "cause_node", "dependency"],
        suffix="_there",
    )
    blocking = nearby.with_columns(cause_node="node").filter(pl.col("is_down") & _counts())
    return blocking.select(columns(Block))


def _counts() -> pl.Expr:
    """Return whether an instance can block: no job but for who waits for it, and none of the same cycle."""
    is_fellow = (pl.col("cycle") == pl.col("cycle_there")).fill_null(False)
    return (~pl.col("is_job") | pl.col("is_completion")) & ~is_fellow


def _external(needs: pl.DataFrame, instances: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the steps to names of which no instance is available, and from these to the instances.

    A member of a cycle that has an instance of the name has its own steps to the instances that are not of its cycle.
    A name leads back into one cycle at most, so that what is looked at does not multiply.
    """
    wanted = needs.filter(pl.col("scope") != DependencyScope.LOCAL)
    is_awaited = pl.col("is_down_for_others") & ~pl.col("is_job")  # a job is as good as there, for who does not wait
    usable = pl.concat(
        [
            instances.with_columns(is_awaited.alias("is_down_for_others"), is_completion=pl.lit(False)),
            instances.with_columns(is_completion=pl.lit(True)),
        ]
    ).join(wanted, on=["as_of", "dependency", "is_completion"], how="semi")
    by_name = ["as_of", "dependency", "is_completion"]
    lost = usable.filter(pl.col("is_down_for_others").all().over(by_name))
    waiting = wanted.join(lost, on=by_name, how="semi")
    name = pl.when("is_completion").then(pl.lit(DONE)).otherwise(pl.lit(NAME))
    own = [*by_name, "cycle"]
    circular = waiting.join(lost, on=own, how="semi")
    beyond = _some(circular.select(own).unique().join(lost, on=by_name, suffix="_there").filter(_counts()), own)
    alone = circular.join(beyond, on=own)
    many = waiting.join(lost, on=own, how="anti")
    onward = _some(lost.join(many, on=by_name, how="semi"), by_name)
    return [
        alone.select(columns(Block)),
        many.select(*TARGET, cause_node=name, cause_service="dependency"),
        onward.select("as_of", node=name, service="dependency", cause_node="cause_node", cause_service="cause_service"),
    ]


def _some(lost: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Return the first instances of each key, those that stand for themselves before those that are held back."""
    ordered = lost.sort("is_held", "cause_node", "cause_service")
    return ordered.group_by(key, maintain_order=True).head(MOST_INSTANCES)


def _through_cycles(blocks: pl.DataFrame, drift: pl.DataFrame, links: Links) -> pl.DataFrame:
    """Let what blocks an unavailable member of a cycle, its offline node too, block the cycle, and that its members."""
    if links.cycles.is_empty():
        return blocks
    members = links.cycles.select("node", "service", ring=pl.col("cycle").cast(pl.String))
    broken = drift.filter(pl.col("kind").is_in(UNAVAILABLE)).select(TARGET)
    offline = drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE).select(NODE)
    stranded = offline.join(members, on="node")
    down = pl.concat(
        [broken.join(members, on=["node", "service"]).select(*TARGET, "ring"), stranded.select(*TARGET, "ring")]
    )
    down = down.unique()
    outward = pl.concat(
        [
            blocks.join(down, on=TARGET).select("as_of", "ring", "cause_node", "cause_service"),
            stranded.select("as_of", "ring", cause_node="node", cause_service=pl.lit(ALL)),
        ]
    )
    rings = outward.select(
        "as_of", node=pl.lit(CYCLE), service="ring", cause_node="cause_node", cause_service="cause_service"
    )
    inward = members.join(outward.select("as_of", "ring").unique(), on="ring").select(
        *TARGET, cause_node=pl.lit(CYCLE), cause_service="ring"
    )
    return pl.concat([blocks.join(down, on=TARGET, how="anti"), rings, inward]).unique()
