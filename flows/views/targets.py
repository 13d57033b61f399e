"""Which target a user means: a name, an alias or an id, and what is close to a name that nothing has."""

import difflib
from collections.abc import Iterable, Mapping

import polars as pl

from flows.errors import SupervisorError
from flows.run.gather import Inputs
from schemas.episode import Episode, Target
from schemas.expressions import target
from schemas.run import Judgement
from schemas.words import ALL, FLEET, Action, DriftKind

MOST_COMPARED = 5000
"""Names that are held against a misspelt one; of more, the first."""
MOST_SUGGESTED = 3
MOST_ASKED = 8


def find_target(
    wanted: str, inputs: Inputs, judgement: Judgement, episodes: Iterable[Episode], aliases: Mapping[str, str]
) -> Target:
    """Return the target of `node/service`, of a node, a service or `fleet` alone, or of a recommendation's or drift's id.

    An id leads to its target whether or not that is recommended or drifts now. Raises `SupervisorError` for a service that
    several nodes have.
    """
    name = wanted.strip().lower()
    drifted = judgement.drift.filter(pl.col("drift_id") == name).select("node", "service")
    for node, service in drifted.iter_rows():
        return Target(node, service)
    for episode in episodes:
        if episode.recommendation_id == name:
            return episode.target
    if "/" not in name and (found := _find_by_id(name, _known(inputs, judgement))) is not None:
        return found
    node, _, service = name.partition("/")
    if not service and (found := _find_by_service(name, _known(inputs, judgement))) is not None:
        return found
    return Target(aliases.get(node, node), service or ALL)


def _find_by_service(name: str, known: pl.DataFrame) -> Target | None:
    """Return the target of a service's name, where no node is called so."""
    nodes = known.filter(pl.col("service") == name)["node"].sort().to_list()
    if name in known["node"] or not nodes:
        return None
    if len(nodes) > 1:
        shown = " or ".join(f"{node}/{name}" for node in nodes[:MOST_ASKED])
        more = f", or on one of {len(nodes) - MOST_ASKED} other nodes" if len(nodes) > MOST_ASKED else ""
        raise SupervisorError(f"{len(nodes)} nodes have {name!a}; which one: {shown}{more}?")
    return Target(nodes[0], name)


def _find_by_id(name: str, known: pl.DataFrame) -> Target | None:
    """Return the target whose name follows an action or a kind of drift, as in `redeploy-piha-mosquitto`."""
    starts = (f"{word.replace('_', '-')}-" for word in (*Action, *DriftKind))
    ends = [name.removeprefix(start) for start in starts if name.startswith(start)]
    found = known.filter(pl.concat_str("node", "service", separator="-").is_in(ends)).sort("node", "service")
    return Target(*found.row(0)) if found.height else None


def suggest_targets(wanted: str, inputs: Inputs, judgement: Judgement) -> list[str]:
    """Return the known targets that a misspelt name may mean: its service on other nodes, then what is spelt alike."""
    name = wanted.strip().lower()
    known = _known(inputs, judgement)
    same = known.filter(pl.col("service") == name.rpartition("/")[2]).select(target()).to_series().sort()
    nodes = known.select("node").unique().to_series().sort().to_list()
    names = [*nodes, *known.select(target()).to_series().sort().head(MOST_COMPARED)]
    close = difflib.get_close_matches(name, names, MOST_SUGGESTED)
    return list(dict.fromkeys([*same.head(MOST_SUGGESTED), *close]))[:MOST_SUGGESTED]


def _known(inputs: Inputs, judgement: Judgement) -> pl.DataFrame:
    """Return the node and service of everything that the inventory, the world or a drift names."""
    frames = (inputs.desired.services, inputs.actual.services, judgement.drift)
    nodes = inputs.desired.nodes.select("node", service=pl.lit(ALL))
    fleet = pl.DataFrame({"node": [FLEET], "service": [ALL]})
    return pl.concat([fleet, nodes, *(frame.select("node", "service") for frame in frames)]).unique().drop_nulls()
