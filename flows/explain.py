"""Everything about one target: what is asked for, what is there, what follows, and why nothing else does."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from flows.attend import remark_waits
from flows.decisions import Line, weigh_decisions
from flows.dependencies import Branch, grow_tree
from flows.errors import SupervisorError
from flows.gather import Inputs, read_inputs
from flows.judge import judge
from flows.render.document import rows
from flows.settings import Settings
from flows.sinks.acknowledgements import read_acknowledgements
from flows.sinks.checkpoint import Known, read_known
from schemas.episode import Episode, Target
from schemas.expressions import target
from schemas.run import Judgement
from schemas.words import ALL, FLEET, HeldBy
from stages.flap import is_flapping
from stages.link import link_dependencies

Row = dict[str, Any]
MOST_RECORDS = 5


@dataclass(frozen=True)
class Explanation:
    """What is known of one target at one moment; the rows are plain values, instants as text."""

    target: Target
    as_of: datetime
    state: str
    desired: list[Row]
    """The inventory's entry, and the dependencies that it declares."""
    actual: list[Row]
    """The world's records of it: the file and key, and what they say."""
    drift: list[Row]
    recommendation: Row | None
    decisions: list[Line]
    """The rules in their order, and why each applies or does not."""
    causes: list[Branch]
    """Its dependencies as a tree, down to the root causes."""
    explained: list[str]
    """The other targets that wait for it, or are held back under it."""
    remarks: list[str]
    """What is applied on top of the recommendation: an acknowledgement, patience, flapping."""
    episodes: list[Episode]

    @property
    def is_known(self) -> bool:
        """Return whether anything at all speaks of the target; the fleet is there even where all is well."""
        return self.target == (FLEET, ALL) or bool(self.desired or self.actual or self.drift or self.episodes)


def explain(settings: Settings, wanted: str, as_of: datetime) -> Explanation:
    """Judge the inputs as a run would, write nothing, and return everything about the target or id.

    Raises `SupervisorError` where nothing speaks of it, and what a run raises for inputs that cannot be read.
    """
    inputs = read_inputs(settings, as_of)
    judgement = judge(inputs.desired, inputs.actual, settings.rules())
    known = _read_known(settings)
    episodes = sorted(known.episodes.values(), key=lambda episode: episode.opened_at)
    aim = find_target(wanted, judgement, episodes, settings.node_alias_map)
    found = _explain(aim, inputs, judgement, known, settings)
    if not found.is_known:
        raise SupervisorError(
            f"{wanted!a}: neither the inventory, the world nor an episode knows it; {_hint(judgement)}"
        )
    return found


def find_target(wanted: str, judgement: Judgement, episodes: list[Episode], aliases: dict[str, str]) -> Target:
    """Return the target of `node/service`, of a node or `fleet` alone, or of a recommendation's or drift's id."""
    drifted = judgement.drift.filter(pl.col("drift_id") == wanted).select("node", "service")
    advised = judgement.recommendations.filter(pl.col("recommendation_id") == wanted).select("node", "service")
    for node, service in [*advised.iter_rows(), *drifted.iter_rows()]:
        return Target(node, service)
    for episode in episodes:
        if episode.recommendation_id == wanted:
            return episode.target
    node, _, service = wanted.strip().lower().partition("/")
    return Target(aliases.get(node, node), service or ALL)


def _explain(aim: Target, inputs: Inputs, judgement: Judgement, known: Known, settings: Settings) -> Explanation:
    is_it = (pl.col("node") == aim.node) & (pl.col("service") == aim.service)
    drift = judgement.drift.filter(is_it)
    advised = rows(judgement.recommendations.filter(is_it))
    links = link_dependencies(inputs.desired.services, inputs.desired.dependencies)
    return Explanation(
        target=aim,
        as_of=judgement.summary["as_of"][0],
        state=judgement.summary["state"][0],
        desired=_desired(aim, inputs),
        actual=_actual(aim, inputs),
        drift=rows(drift),
        recommendation=advised[0] if advised else None,
        decisions=weigh_decisions(rows(drift), advised[0] if advised else None, settings.rules()),
        causes=grow_tree(aim, links, judgement.drift),
        explained=_explained(aim, judgement),
        remarks=_remark(aim, settings, known, judgement.summary["as_of"][0]),
        episodes=_episodes_of(aim, known),
    )


def _desired(aim: Target, inputs: Inputs) -> list[Row]:
    nodes = inputs.desired.nodes.filter(pl.col("node") == aim.node)
    if aim.service == ALL:
        return [{"what": "node", **row} for row in rows(nodes)]
    files = dict(nodes.select("node", "file").iter_rows())
    services = inputs.desired.services.filter((pl.col("node") == aim.node) & (pl.col("service") == aim.service))
    asked = [{"what": "service", "file": files.get(aim.node), **row} for row in rows(services)]
    needs = inputs.desired.dependencies.filter(
        (pl.col("node").is_null() | (pl.col("node") == aim.node)) & (pl.col("service") == aim.service)
    )
    return [*asked, *({"what": "dependency", **row} for row in rows(needs))] if asked else []


def _actual(aim: Target, inputs: Inputs) -> list[Row]:
    """Return its records by file, the newest of each first; a node's are its own, not its services'."""
    is_it = (pl.col("node") == aim.node) & (pl.col("service") == aim.service)
    by_file = {
        "nodes.json": inputs.actual.nodes.filter((pl.col("node") == aim.node) & (aim.service == ALL)),
        "services.json": inputs.actual.services.filter(is_it),
        "deployments.json": inputs.actual.deployments.filter(is_it).sort("begun_at", descending=True, nulls_last=True),
        "incidents.json": inputs.actual.incidents.filter(is_it).sort("started_at", descending=True, nulls_last=True),
    }
    found = [{"file": file, **row} for file, frame in by_file.items() for row in rows(frame.head(MOST_RECORDS))]
    return [*found, *rows(inputs.actual.rejected.filter(is_it.fill_null(False)).head(MOST_RECORDS))]


def _explained(aim: Target, judgement: Judgement) -> list[str]:
    name = f"{aim.node}/{aim.service}"
    waiting = judgement.recommendations.filter(pl.col("root_causes").list.contains(name))
    is_other = target() != name
    held = judgement.drift.filter(pl.col("held_by").is_not_null() & is_other)
    held = held.filter(pl.col("held_by") != HeldBy.DEPLOYMENT_IN_FLIGHT)
    if aim == (FLEET, ALL):
        under = held.filter(pl.col("held_by") != HeldBy.OFFLINE_NODE)
    else:
        under = held.filter((pl.col("node") == aim.node) & (aim.service == ALL))
    kinds = set(judgement.drift.filter(target() == name)["kind"]) & {word.value for word in HeldBy}
    under = under.filter(pl.col("held_by").cast(pl.String).is_in(sorted(kinds)))
    return sorted({*waiting.select(target()).to_series(), *under.select(target()).to_series()})


def _episodes_of(aim: Target, known: Known) -> list[Episode]:
    """Return the target's episodes, the oldest opening first."""
    found = (episode for episode in known.episodes.values() if episode.target == aim)
    return sorted(found, key=lambda episode: episode.opened_at)


def _remark(aim: Target, settings: Settings, known: Known, as_of: datetime) -> list[str]:
    waits = tuple(wait for wait in known.last_run.waits if wait.target == aim) if known.last_run else ()
    given = [row for row in read_acknowledgements(settings.state_dir.absolute()) if row.target == aim]
    words = [
        f"acknowledged by {row.owner}: {row.reason}; {'until' if as_of < row.until else 'ran out at'} {row.until}"
        for row in given
    ]
    episodes = _episodes_of(aim, known)
    if is_flapping(episodes, as_of, settings.flapping_openings, settings.flapping_window):
        effect = "" if settings.flapping_diagnostics else " (flapping_diagnostics is off: nothing follows)"
        words.append(f"flapping: {settings.flapping_openings} or more openings within a window{effect}")
    return [*words, *remark_waits(waits, settings.open_after)]


def _read_known(settings: Settings) -> Known:
    checkpoint = settings.checkpoint.absolute()
    return (read_known(checkpoint) if checkpoint.parent.is_dir() else None) or Known()


def _hint(judgement: Judgement) -> str:
    some = judgement.recommendations.select(target()).to_series().head(3).to_list()
    return f"a target is node/service, such as {', '.join(some)}" if some else "a target is node/service, or a node"
