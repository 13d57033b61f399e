"""Sharing: what a site shows the others, so that a chain of dependencies can lead from one into another (SEMANTICS 5)."""

from collections.abc import Collection
from typing import Any

import polars as pl
import rustworkx as rx

from schemas.desired import Dependency
from schemas.drift import UNAVAILABLE, WAITING
from schemas.expressions import word
from schemas.frame import columns
from schemas.link import NAME, TARGET, Links, declared, of_judged_nodes
from schemas.rejected import is_fault_of_node
from schemas.shown import Shown, join_shown, pick
from schemas.words import ALL, DependencyScope, DriftKind, RunMode

MOST_SHOWN = 100
"""Instances of one name that are gone, of one site: as many as stand for all of them."""
NAMED = ["node", "dependency"]


def find_needs(shown: Shown) -> pl.DataFrame:
    """Return `node`, `service`, `dependency`: what broken services here need, and no service here gives, sorted."""
    lost = _left_open(_broken(shown), shown).filter(pl.col("scope") == DependencyScope.EXTERNAL)
    return lost.select(*TARGET, "dependency").unique().sort(pl.all())


def share(shown: Shown, links: Links, asked: Collection[str]) -> Shown:
    """Return what others must know to judge what waits across sites: what waits here for them, and what they ask for.

    `asked` are the names that services elsewhere need. Of a name that somebody here gives, one instance is told of; of
    one that is gone here, all, with what they wait for themselves. A node that is told of has one service that is well
    or all that count, so that it looks as broken as it is. `links` are those of all that is broken here.
    """
    wanted = pl.Series(sorted(asked), dtype=pl.String).implode()
    named = _instances(shown).filter(pl.col("service").is_in(wanted))
    given = named.join(_given(shown), on=TARGET, how="semi").sort(TARGET).unique("service", keep="first")
    gone = _first(named.join(given, on="service", how="anti"), shown)
    seeds = pl.concat([find_needs(shown).select(TARGET), gone]).unique()
    told = pl.concat([_connected(seeds, _edges(shown, links)), given]).unique()
    strange = _open_ones(shown).filter(pl.col("service").is_in(wanted))
    nodes = pl.concat([told.select("node"), strange.select("node")]).unique()
    return _restrict(shown, nodes, pl.concat([told, _witnesses(shown, nodes)]).unique(), strange)


def find_parts(whole: Shown) -> pl.DataFrame:
    """Return `node`, `service`, `part`: what of all that sites showed hangs together, by a number.

    Names that nobody gives hold together what needs them and what they were; so does a node of which nothing is well.
    """
    far = whole.desired.dependencies.filter(pl.col("scope") == DependencyScope.EXTERNAL)
    lost = far.join(_given(whole), left_on="dependency", right_on="service", how="anti")
    there = _instances(whole).join(lost.select(service="dependency"), on="service", how="semi")
    nearby = whole.desired.dependencies.filter(pl.col("scope") == DependencyScope.LOCAL)
    well = whole.desired.services.join(_broken(whole), on=TARGET, how="anti")
    dark = whole.desired.services.join(well, on="node", how="anti")
    pairs = pl.concat(
        [
            nearby.select(*TARGET, to_node="node", to_service="dependency"),
            lost.select(*TARGET, to_node=pl.lit(NAME), to_service="dependency"),
            there.select(*TARGET, to_node=pl.lit(NAME), to_service="service"),
            dark.select(*TARGET, to_node="node", to_service=pl.lit(ALL)),
        ]
    )
    return _number_parts(pairs)


def _number_parts(pairs: pl.DataFrame) -> pl.DataFrame:
    ends = pairs.select(node="to_node", service="to_service")
    names = pl.concat([pairs.select(TARGET), ends]).unique().with_row_index("id")
    to = names.select(to_node="node", to_service="service", to="id")
    edges = pairs.join(names, on=TARGET).join(to, on=["to_node", "to_service"])
    graph = rx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(names.height))
    graph.add_edges_from_no_data(list(edges.select("id", "to").iter_rows()))
    members = list(enumerate(rx.connected_components(graph)))
    rows = [(member, number) for number, component in members for member in component]
    numbered = pl.DataFrame(rows, schema={"id": pl.UInt32, "part": pl.UInt32}, orient="row")
    return names.join(numbered, on="id").select(*TARGET, "part")


def pick_related(whole: Shown, parts: pl.DataFrame, own: Shown) -> Shown:
    """Return what of all that sites showed hangs together with what one of them did, and who gives what that needs."""
    mine = parts.join(own.desired.services, on=TARGET, how="semi").select("part").unique()
    related = pl.concat([parts.join(mine, on="part", how="semi").select(TARGET), own.desired.services.select(TARGET)])
    needed = whole.desired.dependencies.join(related, on=TARGET, how="semi").select(service="dependency")
    giving = _given(whole).join(needed, on="service", how="semi")
    nodes = pl.concat([related, giving]).select("node").unique()
    return pick(whole, lambda rows: rows.join(nodes, on="node", how="semi"))


def _restrict(shown: Shown, nodes: pl.DataFrame, targets: pl.DataFrame, strange: pl.DataFrame) -> Shown:
    wanted = shown.desired
    is_fault = is_fault_of_node()
    of_node = shown.drift.filter(pl.col("service") == ALL).join(nodes, on="node", how="semi")
    told: dict[str, Any] = {
        "nodes": wanted.nodes.join(nodes, on="node", how="semi"),
        "services": wanted.services.join(targets, on=TARGET, how="semi"),
        "dependencies": _left_open(targets, shown),
        "unread": wanted.unread.filter(is_fault).join(nodes, on="node", how="semi"),
    }
    frames: list[Any] = [
        shown.services.join(strange, on=TARGET, how="semi"),
        pl.concat([shown.drift.join(targets, on=TARGET, how="semi"), of_node]),
        shown.planned.join(nodes, on="node", how="semi"),
    ]
    return join_shown([Shown(wanted._replace(**told), *frames)])


def _left_open(services: pl.DataFrame, shown: Shown) -> pl.DataFrame:
    """Return the dependencies of the services, each as local or external, without those that are met here from afar."""
    here = _instances(shown)
    wanted = declared(services, shown.desired.dependencies).unique().with_row_index("id")
    nearby = wanted.join(here, left_on=NAMED, right_on=TARGET, how="semi").select("id", is_nearby=pl.lit(True))
    given = _given(shown).select(dependency="service")
    is_anywhere = pl.col("scope") == DependencyScope.ANYWHERE
    scope = pl.when(~is_anywhere).then("scope").when("is_nearby").then(_scope(DependencyScope.LOCAL))
    resolved = wanted.join(nearby, on="id", how="left").with_columns(
        scope=scope.otherwise(_scope(DependencyScope.EXTERNAL))
    )
    is_far = pl.col("scope") == DependencyScope.EXTERNAL
    met = resolved.filter(is_far).join(given, on="dependency", how="semi")
    return resolved.join(met, on="id", how="anti").select(columns(Dependency))


def _scope(scope: DependencyScope) -> pl.Expr:
    return word(scope)


def _instances(shown: Shown) -> pl.DataFrame:
    return of_judged_nodes(shown.desired.services, shown.desired.nodes).select(TARGET)


def _given(shown: Shown) -> pl.DataFrame:
    """Return the services that are there for whoever needs them."""
    return _instances(shown).join(_down(shown), on=TARGET, how="anti")


def _open_ones(shown: Shown) -> pl.DataFrame:
    """Return what runs where an inventory that cannot be read may ask for it."""
    unread = shown.desired.nodes.filter(~pl.col("is_readable"))
    entries = shown.desired.unread.filter(is_fault_of_node())
    stray = of_judged_nodes(shown.services.filter(~pl.col("is_desired")), shown.desired.nodes)
    found = [stray.join(unread, on="node", how="semi"), stray.join(entries, on=TARGET, how="semi")]
    return pl.concat([rows.select(TARGET) for rows in found]).unique()


def _broken(shown: Shown) -> pl.DataFrame:
    kinds = pl.col("kind").is_in([*WAITING, *UNAVAILABLE])
    return shown.drift.filter(kinds & (pl.col("service") != ALL)).select(TARGET).unique()


def _down(shown: Shown) -> pl.DataFrame:
    """Return what is not there for others: what is broken, but for what runs elsewhere, and all of offline nodes."""
    is_gone = pl.col("kind").is_in(UNAVAILABLE) & (pl.col("kind") != DriftKind.MISPLACED_SERVICE)
    offline = shown.drift.filter(pl.col("kind") == DriftKind.OFFLINE_NODE)
    return pl.concat(
        [shown.drift.filter(is_gone).select(TARGET), _instances(shown).join(offline, on="node", how="semi")]
    ).unique()


def _first(gone: pl.DataFrame, shown: Shown) -> pl.DataFrame:
    """Return those that stand for all of their name, as blocking takes them."""
    held = shown.drift.filter(pl.col("kind").is_in(UNAVAILABLE)).select(
        *TARGET, is_held=pl.col("held_by").is_not_null()
    )
    jobs = shown.desired.services.select(*TARGET, is_job=pl.col("run") != RunMode.SERVICE)
    ranked = gone.join(held.unique(TARGET), on=TARGET, how="left").join(jobs, on=TARGET, how="left")
    ordered = ranked.sort("is_job", "is_held", *TARGET, descending=[True, False, False, False], nulls_last=True)
    return ordered.group_by("service", maintain_order=True).head(MOST_SHOWN).select(TARGET)


def _edges(shown: Shown, links: Links) -> pl.DataFrame:
    """Return which broken services lead to which, over names that are gone here; each pair of rows both ways."""
    broken = pl.concat([_broken(shown), _down(shown)]).unique()
    is_local = pl.col("scope") == DependencyScope.LOCAL
    lost = links.instances.join(broken, on=TARGET, how="anti").select(dependency="service")
    nearby = links.links.filter(is_local).join(broken, left_on=NAMED, right_on=TARGET, how="semi")
    far = links.links.filter(~is_local).join(lost, on="dependency", how="anti")
    there = broken.join(far.select(service="dependency"), on="service", how="semi")
    forward = pl.concat(
        [
            nearby.select(*TARGET, to_node="node", to_service="dependency"),
            far.select(*TARGET, to_node=pl.lit(NAME), to_service="dependency"),
            there.select(node=pl.lit(NAME), service="service", to_node="node", to_service="service"),
        ]
    )
    back = forward.select(node="to_node", service="to_service", to_node="node", to_service="service")
    return pl.concat([forward, back]).unique()


def _connected(seeds: pl.DataFrame, edges: pl.DataFrame) -> pl.DataFrame:
    """Return the seeds and whatever hangs together with them."""
    known, fresh = seeds, seeds
    while not fresh.is_empty():
        onward = edges.join(fresh, on=TARGET, how="semi").select(node="to_node", service="to_service").unique()
        fresh = onward.join(known, on=TARGET, how="anti")
        known = pl.concat([known, fresh])
    return known.filter(pl.col("node") != NAME)


def _witnesses(shown: Shown, nodes: pl.DataFrame) -> pl.DataFrame:
    """Return of each node a service that counts and is well; where there is none, all of its services."""
    asked = shown.desired.services.join(nodes, on="node", how="semi")
    counting = asked.filter(pl.col("is_monitored") & (pl.col("run") == RunMode.SERVICE))
    absent = shown.planned.drop_nulls("service").select(TARGET)
    well = counting.join(_broken(shown), on=TARGET, how="anti").join(absent, on=TARGET, how="anti")
    first = well.sort(TARGET).unique("node", keep="first")
    return pl.concat([first.select(TARGET), asked.join(first, on="node", how="anti").select(TARGET)])
