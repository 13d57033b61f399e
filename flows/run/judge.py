"""The order of the steps, written once: what runs them (the process itself, Prefect) is the caller's choice."""

from typing import NamedTuple

from flows.run.step import Step, Trait, call, mark
from schemas.actual import Actual, Observed
from schemas.desired import Desired
from schemas.drift import Drift
from schemas.frame import DataFrame, empty
from schemas.rules import Rules
from schemas.run import Judgement, WorldTime
from schemas.settling import Settling
from schemas.shown import Shown
from stages.block import find_blocks
from stages.date import date_worlds
from stages.detect import detect_drift
from stages.doubt import doubt_observer
from stages.explain import explain_targets
from stages.hold import hold_back
from stages.link import link_dependencies
from stages.misplace import find_places
from stages.observe import observe_amiss
from stages.plan import plan_absence
from stages.reach import detect_node_drift
from stages.recommend import recommend
from stages.settle import settle
from stages.summarize import summarize
from stages.suspect import suspect_nodes
from stages.trace import trace_root_causes
from stages.widen import keep_own, keep_own_explained, widen


class Looked(NamedTuple):
    """What the world shows of services, and the drift of the nodes and their services."""

    observed: Observed
    drift: DataFrame[Drift]


@mark(Trait.TAKES_NODES_ALONE)
def look_at_services(desired: Desired, actual: Actual, rules: Rules) -> Looked:
    """Return what the world shows of services and nodes, and the drift that follows; each node is looked at alone."""
    observed = observe_amiss(desired, actual, rules)
    of_nodes = detect_node_drift(desired, actual, rules)
    return Looked(observed, detect_drift(desired, actual, observed, of_nodes, rules))


class Surveyed(NamedTuple):
    """What one site knows by itself, before anybody asks what waits for what."""

    shown: Shown
    settling: DataFrame[Settling]
    world_times: DataFrame[WorldTime]


def survey(
    desired: Desired,
    actual: Actual,
    rules: Rules,
    step: Step = call,
    remembered: DataFrame[Settling] | None = None,
) -> Surveyed:
    """Return what follows from both states node by node, and from the world as a whole (SEMANTICS 3 and 4, 1 to 7)."""
    before = Settling.validate(empty(Settling)) if remembered is None else remembered
    planned = step(plan_absence, desired.maintenance, actual.snapshots["as_of"].to_list())
    world_times = step(date_worlds, actual)
    observed, detected = step(look_at_services, desired, actual, rules)
    settling = step(settle, observed.services, actual.snapshots, before)
    placed = step(find_places, detected, desired, actual, observed, rules)
    doubted = step(doubt_observer, placed, desired, actual, observed, planned, world_times, rules)
    held = step(hold_back, doubted, planned, settling, actual, observed, rules)
    return Surveyed(Shown(desired, observed.services, held, planned), settling, world_times)


def judge(
    desired: Desired,
    actual: Actual,
    rules: Rules,
    step: Step = call,
    remembered: DataFrame[Settling] | None = None,
    elsewhere: Shown | None = None,
) -> Judgement:
    """Return what follows from one desired state and a batch of snapshots (SEMANTICS 3 to 6).

    Pure: the same arguments give the same frames, bit for bit, whatever runs the steps. `remembered` is what the run
    before came to of what settles; `elsewhere` is what other sites showed, which a batch of one snapshot can have.
    """
    shown, settling, world_times = survey(desired, actual, rules, step, remembered)
    around = shown if elsewhere is None else step(widen, shown, elsewhere, actual.snapshots["as_of"][0])
    links = step(link_dependencies, around.desired, around.services, around.drift)
    blocks = step(find_blocks, around.drift, links, around.services)
    suspected = step(suspect_nodes, around.drift, around.desired, around.planned, blocks, rules)
    drift, root_causes = step(trace_root_causes, suspected, blocks, rules)
    explained = keep_own_explained(step(explain_targets, drift, root_causes), shown, around)
    advised = step(recommend, drift, root_causes, explained, desired, rules)
    drift, root_causes, recommendations = (keep_own(rows, shown, around) for rows in (drift, root_causes, advised))
    summary = step(summarize, drift, recommendations, desired, actual, world_times, shown.planned, rules)
    return Judgement(drift, recommendations, root_causes, summary, explained, settling, world_times, shown.planned)
