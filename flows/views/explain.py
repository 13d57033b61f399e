"""Everything about one target: what is asked for, what is there, what follows, and why nothing else does."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from flows.errors import SupervisorError
from flows.ledger.acknowledgements import read_acknowledgements
from flows.ledger.checkpoint import Known
from flows.past.study import Past, read_past
from flows.run.attend import remark_waits
from flows.run.gather import Inputs, read_inputs, tell_doubt
from flows.settings import Settings
from flows.text.rows import rows
from flows.text.spoken import spoken_moment
from flows.views.decisions import Line, say_rule, weigh_decisions
from flows.views.dependencies import Branch, grow_tree
from flows.views.members import list_members
from flows.views.now import decide_now, read_last
from flows.views.targets import find_target, suggest_targets
from schemas.drift_episode import DriftEpisode
from schemas.episode import Episode, Target
from schemas.expressions import target
from schemas.rejected import Doubtful
from schemas.run import Judgement
from schemas.words import ALL, FLEET, DriftKind
from stages.flap import count_openings, is_flapping, say_openings
from stages.link import link_all
from stages.observe import observe_services

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
    names: list[str]
    """What else the world calls it."""
    doubts: list[str]
    """How many of its times, and of its services', are in doubt, with an example."""
    members: list[Row]
    """Of a node its services, of the fleet its nodes: `target`, `is_monitored`, `status`, `drift`."""
    drift: list[Row]
    """Each with the `rule` that drew it."""
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
    """Its recommendations' episodes, as the checkpoint has them."""
    since: datetime
    past: Past | None
    """What the history tells of it since then."""
    past_problem: str | None
    """Why the history tells nothing."""
    is_seen: bool = True
    """Something is seen of its node: else what the world says of a service is of before."""

    @property
    def is_known(self) -> bool:
        """Return whether anything at all speaks of the target; the fleet is there even where all is well."""
        is_told = self.desired or self.actual or self.drift or self.episodes or self.has_past
        return self.target == (FLEET, ALL) or bool(is_told)

    @property
    def has_past(self) -> bool:
        """Return whether the history has an episode of it."""
        return self.past is not None and self.past.episodes.height > 0


def explain(settings: Settings, wanted: str, as_of: datetime, period: timedelta) -> Explanation:
    """Judge the inputs as a run would, write nothing, and return everything about the target or id.

    `period` is how far its past reaches back. Raises `SupervisorError` where nothing speaks of the target, and what a
    run raises for inputs that cannot be read; a history that cannot be read is told as a problem.
    """
    inputs = read_inputs(settings, as_of)
    known = read_last(settings)
    judgement = decide_now(settings, inputs, known).judgement
    episodes = sorted(known.episodes.values(), key=lambda episode: episode.opened_at)
    aim = find_target(wanted, inputs, judgement, episodes, settings.node_alias_map)
    found = _explain(aim, inputs, judgement, known, settings, as_of - period)
    if not found.is_known:
        close = suggest_targets(wanted, inputs, judgement)
        hint = f"did you mean {' or '.join(close)}?" if close else "a target is node/service, a node, fleet or an id"
        raise SupervisorError(f"nothing is known of {wanted!a}, in inventory, world or history; {hint}")
    return found


def _explain(
    aim: Target, inputs: Inputs, judgement: Judgement, known: Known, settings: Settings, since: datetime
) -> Explanation:
    is_it = (pl.col("node") == aim.node) & (pl.col("service") == aim.service)
    drift = judgement.drift.filter(is_it)
    advised = rows(judgement.recommendations.filter(is_it))
    observed = observe_services(inputs.desired, inputs.actual, settings.rules())
    links = link_all(inputs.desired, observed.services)
    as_of = judgement.summary["as_of"][0]
    past, past_problem = read_past(settings, since, as_of, node=aim.node, service=aim.service)
    # A node's past has the fleet's episodes as well: a stale world is one about each of them.
    past = past and replace(past, episodes=DriftEpisode.validate(past.episodes.filter(is_it)))
    return Explanation(
        target=aim,
        as_of=as_of,
        state=judgement.summary["state"][0],
        desired=_desired(aim, inputs),
        actual=_actual(aim, inputs),
        names=_names(aim, inputs),
        doubts=_doubts(aim, inputs),
        members=list_members(aim, inputs, observed.services, judgement),
        drift=[{**row, "rule": say_rule(row["kind"], settings.rules())} for row in rows(drift)],
        recommendation=advised[0] if advised else None,
        decisions=weigh_decisions(rows(drift), advised[0] if advised else None, settings.rules()),
        causes=grow_tree(aim, links, judgement.drift),
        explained=_explained(aim, judgement),
        remarks=_remark(aim, settings, known, as_of),
        episodes=_episodes_of(aim, known),
        since=since,
        past=past,
        past_problem=past_problem,
        is_seen=judgement.drift.filter(pl.col("node") == aim.node, pl.col("kind") == DriftKind.OFFLINE_NODE).is_empty(),
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


def _names(aim: Target, inputs: Inputs) -> list[str]:
    taken = inputs.actual.taken.filter(pl.lit(aim.service == ALL) & (pl.col("node") == aim.node))
    return taken.select(pl.nth(1)).to_series().unique().sort().to_list()


def _doubts(aim: Target, inputs: Inputs) -> list[str]:
    """Return what is said of the doubtful times in records of the target; a node's are those of its services as well."""
    if aim.node == FLEET:
        return list(tell_doubt(inputs.actual.doubtful))
    is_its = (pl.col("node") == aim.node) & ((pl.col("service") == aim.service) | (aim.service == ALL))
    actual = inputs.actual
    mine = [frame.filter(is_its)["key"] for frame in (actual.services, actual.deployments, actual.incidents)]
    mine += [actual.nodes.filter((pl.col("node") == aim.node) & (aim.service == ALL))["key"]]
    return list(tell_doubt(Doubtful.validate(actual.doubtful.filter(pl.col("key").is_in(pl.concat(mine).implode())))))


def _explained(aim: Target, judgement: Judgement) -> list[str]:
    is_it = (pl.col("node") == aim.node) & (pl.col("service") == aim.service)
    mine = judgement.explained.filter(is_it)
    return mine.select(target("explained_node", "explained_service").alias("name")).to_series().sort().to_list()


def _episodes_of(aim: Target, known: Known) -> list[Episode]:
    """Return the target's episodes, the oldest opening first."""
    found = (episode for episode in known.episodes.values() if episode.target == aim)
    return sorted(found, key=lambda episode: episode.opened_at)


def _remark(aim: Target, settings: Settings, known: Known, as_of: datetime) -> list[str]:
    waits = tuple(wait for wait in known.last_run.waits if wait.target == aim) if known.last_run else ()
    given = [row for row in read_acknowledgements(settings.places.state_dir) if row.target == aim]
    words = [
        f"acknowledged by {row.owner}: {row.reason}; {'until' if as_of < row.until else 'ran out at'} {spoken_moment(row.until)}"
        for row in given
    ]
    words += _remark_flapping(_episodes_of(aim, known), settings, as_of)
    return [*words, *remark_waits(waits, settings.open_after)]


def _remark_flapping(episodes: list[Episode], settings: Settings, as_of: datetime) -> list[str]:
    openings, window = settings.flapping_openings, settings.flapping_window
    if not is_flapping(episodes, as_of, openings, window):
        return []
    opened = [count_openings(episodes, episode.opened_at, window) for episode in episodes if episode.is_open]
    often = max(opened, default=count_openings(episodes, as_of, window))
    coming = "" if opened else f", {often + 1} with the next"
    effect = "" if settings.flapping_diagnostics else " (flapping_diagnostics is off: nothing follows)"
    return [f"flapping: {say_openings(often, window)}{coming}{effect}"]
