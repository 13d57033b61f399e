"""Links: resolve declared dependencies to where they are looked for, and find the cycles among them."""

import polars as pl
import rustworkx as rx

from schemas.actual import ObservedService
from schemas.desired import Dependency, Desired
from schemas.drift import WAITING, Drift
from schemas.expressions import word
from schemas.frame import DataFrame, columns, dtypes, empty
from schemas.joins import hash_keys, only, without
from schemas.link import NAME, TARGET, CycleMember, Instance, Link, Links, declared, of_judged_nodes
from schemas.rejected import is_fault_of_node
from schemas.words import DependencyScope, RunMode

MOST_ROUNDS = 20
"""Steps of a chain that are followed one by one; of a longer one, everything broken is linked at once."""
MOST_TRIMS = 20
"""Rounds in which what is in no circle is left out, before circles are looked for; a chain of thousands would take thousands."""


def link_dependencies(desired: Desired, observed: DataFrame[ObservedService], drift: DataFrame[Drift]) -> Links:
    """Return the dependencies of what is broken, standing for itself, and of what is broken along their chains.

    A local dependency is looked for on the same node, an external one on every node, and one that says neither on the
    same node first (CONTRACT 1.1, 1.3). A name that no inventory has gives no row: it blocks nothing. What stands on an
    unmonitored node is desired nowhere, and meets no dependency. A cycle is one of the whole graph of desired services,
    whatever their health.
    """
    broken = drift.filter(pl.col("kind").is_in(WAITING))
    start = broken.filter(pl.col("held_by").is_null()).select(TARGET).unique()
    if start.is_empty() or desired.dependencies.is_empty():
        return _validate(*(empty(schema) for schema in (Link, Instance, CycleMember)))
    instances = _instances(desired, observed)
    cycles = find_cycles(desired)
    links = _follow(start, broken.select(TARGET).unique(), desired.dependencies, instances, cycles)
    return _validate(links, _looked_for(instances, links), cycles)


def link_all(desired: Desired, observed: DataFrame[ObservedService]) -> Links:
    """Return the dependencies of every desired service."""
    instances = _instances(desired, observed)
    links = _resolve(desired.services.select(TARGET), desired.dependencies, instances)
    return _validate(links, instances, find_cycles(desired))


def with_cycles(desired: Desired) -> Desired:
    """Return the desired state with its cycles, so that whoever judges it again does not look for them."""
    return desired._replace(cycles=CycleMember.validate(find_cycles(desired).sort(TARGET)))


def _validate(links: pl.DataFrame, instances: pl.DataFrame, cycles: pl.DataFrame) -> Links:
    return Links(
        Link.validate(links.sort(columns(Link))),
        Instance.validate(instances.sort(TARGET)),
        CycleMember.validate(cycles.sort(TARGET)),
    )


def _instances(desired: Desired, observed: pl.DataFrame) -> pl.DataFrame:
    """Return what an inventory asks for, and what runs where an inventory that cannot be read may ask for it."""
    asked = _judged(desired, "is_monitored", "run").select(
        *TARGET,
        is_monitored="is_monitored",
        is_job=pl.col("run") != RunMode.SERVICE,
        is_open=pl.lit(False),
    )
    unread = desired.nodes.filter(~pl.col("is_readable"))
    bad_entries = desired.unread.filter(is_fault_of_node())
    if unread.is_empty() and bad_entries.is_empty():
        return asked
    strange = of_judged_nodes(observed.filter(~pl.col("is_desired")), desired.nodes)
    may_be = pl.concat(
        [
            strange.join(unread, on="node", how="semi").select(TARGET),
            strange.join(bad_entries, on=TARGET, how="semi").select(TARGET),
        ]
    ).unique()
    return pl.concat([asked, may_be.with_columns(is_monitored=True, is_job=False, is_open=True)])


def _judged(desired: Desired, *more: str) -> pl.DataFrame:
    """Return the services of nodes that are monitored: nothing of another is desired, so that none of it is enough."""
    return of_judged_nodes(desired.services.select(*TARGET, *more), desired.nodes)


def _follow(
    start: pl.DataFrame, broken: pl.DataFrame, dependencies: pl.DataFrame, instances: pl.DataFrame, cycles: pl.DataFrame
) -> pl.DataFrame:
    """Return the links of what is broken, from the start along all chains."""
    found = [empty(Link)]
    known, fresh = start.clear(), start
    for round_ in range(MOST_ROUNDS + 1):
        fresh = without(pl.concat([fresh, _fellows(fresh, cycles)]).unique(), known, TARGET)
        if fresh.is_empty():
            break
        links = _resolve(fresh, dependencies, instances)
        found.append(links)
        known = pl.concat([known, fresh])
        fresh = _reached(links, broken) if round_ < MOST_ROUNDS else broken
    return pl.concat(found).unique()


def _looked_for(instances: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Return the instances that the links lead to: of a local one, that of its node, of another, those of all nodes."""
    if links.is_empty():
        return instances.clear()
    is_local = pl.col("scope") == DependencyScope.LOCAL
    nearby = links.filter(is_local).select("node", service="dependency")
    names = links.filter(~is_local).select(service="dependency")
    elsewhere = only(instances, names, "service")
    here = without(only(instances, nearby, TARGET), names, "service")
    return pl.concat([elsewhere, here])


def _fellows(services: pl.DataFrame, cycles: pl.DataFrame) -> pl.DataFrame:
    if cycles.is_empty():
        return services.clear()
    touched = only(cycles, services, TARGET).select("cycle").unique()
    return only(cycles, touched, "cycle").select(TARGET)


def _reached(links: pl.DataFrame, broken: pl.DataFrame) -> pl.DataFrame:
    if links.is_empty():
        return broken.clear()
    is_local = pl.col("scope") == DependencyScope.LOCAL
    nearby = links.filter(is_local).select("node", service="dependency")
    names = links.filter(~is_local).select(service="dependency")
    return pl.concat([only(broken, nearby, TARGET), only(broken, names, "service")]).unique()


def _resolve(services: pl.DataFrame, dependencies: pl.DataFrame, instances: pl.DataFrame) -> pl.DataFrame:
    wanted = declared(services, dependencies).select(*TARGET, "dependency", "scope", "is_completion").unique()
    if wanted.is_empty():
        return empty(Link)
    there = _looked_for(instances.select(TARGET), wanted).rename({"service": "dependency"})
    nearby = wanted.filter(pl.col("scope") != DependencyScope.EXTERNAL).pipe(only, there, ["node", "dependency"])
    is_anywhere = pl.col("scope") == DependencyScope.ANYWHERE
    elsewhere = pl.concat(
        [
            wanted.filter(pl.col("scope") == DependencyScope.EXTERNAL),
            wanted.filter(is_anywhere).pipe(without, nearby.filter(is_anywhere), [*TARGET, "dependency"]),
        ]
    ).pipe(only, there, "dependency")
    resolved = [
        nearby.with_columns(_scope(DependencyScope.LOCAL)),
        elsewhere.with_columns(_scope(DependencyScope.EXTERNAL)),
    ]
    return pl.concat(resolved).select(columns(Link)).unique()


def _scope(scope: DependencyScope) -> pl.Expr:
    return word(scope).alias("scope")


def find_cycles(desired: Desired) -> pl.DataFrame:
    """Return the services that depend on themselves, each with the number of its cycle.

    Names are looked at first: where no name depends on itself, no service does, and hardly any name ever does.
    """
    if desired.cycles is not None:
        return desired.cycles
    dependencies = _within_components(_between(desired.dependencies))
    if dependencies.is_empty():
        return pl.DataFrame(schema=dtypes(CycleMember))
    instances = _judged(desired)
    links = _resolve(instances, dependencies, instances)
    is_local = pl.col("scope") == DependencyScope.LOCAL
    names = links.filter(~is_local).select(service="dependency").unique()
    edges = pl.concat(
        [
            links.select(
                source=pl.struct(TARGET),
                sink=pl.struct(node=pl.when(is_local).then("node").otherwise(pl.lit(NAME)), service="dependency"),
            ),
            instances.join(names, on="service").select(
                source=pl.struct(node=pl.lit(NAME), service="service"), sink=pl.struct(TARGET)
            ),
        ]
    )
    found = _components(edges).unnest("name").filter(pl.col("node") != NAME)
    own = links.filter(is_local & (pl.col("service") == pl.col("dependency"))).select(TARGET)
    is_circle = pl.len().over("cycle") > 1
    alone = found.join(pl.concat([own, _own_names(links)]), on=TARGET, how="semi")
    return pl.concat([found.filter(is_circle), alone]).unique(TARGET).select(columns(CycleMember))


def _own_names(links: pl.DataFrame) -> pl.DataFrame:
    is_own = (pl.col("scope") == DependencyScope.EXTERNAL) & (pl.col("service") == pl.col("dependency"))
    return links.filter(is_own).select(TARGET)


def _within_components(dependencies: pl.DataFrame) -> pl.DataFrame:
    """Return the dependencies between names that depend on each other."""
    pairs = dependencies.select("service", "dependency").unique()
    component = _components(pairs.select(source="service", sink="dependency"))
    if component.is_empty():
        return dependencies.clear()
    marked = dependencies.join(component, left_on="service", right_on="name").join(
        component, left_on="dependency", right_on="name", suffix="_sink"
    )
    return marked.filter(pl.col("cycle") == pl.col("cycle_sink")).select(dependencies.columns)


def _between(dependencies: DataFrame[Dependency]) -> pl.DataFrame:
    """Return the dependencies without those within a node that lead to what needs nothing, or come from what nobody needs.

    Each round shortens a chain by a link at either end; of a long one some are left. Services are told by a number of
    their node and name: two that share one leave more than there need be, and never less.
    """
    is_near = pl.col("node").is_not_null() & (pl.col("scope") == DependencyScope.LOCAL)
    others = dependencies.filter(~is_near)
    numbered = dependencies.select(
        is_near=is_near,
        is_onward=pl.col("dependency").is_in(others.filter(pl.col("node").is_null())["service"].implode()),
        is_asked=pl.col("service").is_in(others["dependency"].implode()),
    ).with_columns(source=hash_keys(dependencies, TARGET), sink=hash_keys(dependencies, ["node", "dependency"]))
    needing = numbered.filter(~pl.col("is_near"))["source"]
    near = numbered.with_row_index("row").filter("is_near")
    for _ in range(MOST_TRIMS):
        count = near.height
        near = near.filter(pl.col("is_onward") | pl.col("sink").is_in(pl.concat([near["source"], needing]).implode()))
        near = near.filter(pl.col("is_asked") | pl.col("source").is_in(near["sink"].implode()))
        if near.height == count:
            break
    return pl.concat([others, dependencies[near["row"]]])


def _components(edges: pl.DataFrame) -> pl.DataFrame:
    """Return the number of each name's strongly connected component; only what has edges both ways can be in one."""
    inner = edges.join(edges, left_on="sink", right_on="source", how="semi").join(
        edges, left_on="source", right_on="sink", how="semi"
    )
    if inner.is_empty():
        return inner.select(name="source", cycle=pl.lit(0, pl.UInt32))
    names = pl.concat([inner["source"], inner["sink"].alias("source")]).unique().to_frame("name").with_row_index("id")
    ids = inner.join(names, left_on="source", right_on="name").join(
        names, left_on="sink", right_on="name", suffix="_sink"
    )
    graph = rx.PyDiGraph()
    graph.add_nodes_from(range(names.height))
    graph.add_edges_from_no_data(list(ids.select("id", "id_sink").iter_rows()))
    component = [0] * names.height
    for number, members in enumerate(rx.strongly_connected_components(graph)):
        for member in members:
            component[member] = number
    return names.select("name", cycle=pl.Series(component, dtype=pl.UInt32))
