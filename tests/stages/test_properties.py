"""What holds for every inventory and every world, whatever they are."""

from collections import Counter
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import flows.run.judge
from schemas.actual import Actual
from schemas.expressions import target
from schemas.rules import Rules
from schemas.words import EventType, Severity, State
from stages.derive import derive_state
from stages.observe import observe_amiss, observe_services
from tests.helpers.frames import NOON, actual, ago, batch, in_agreement, judged
from tests.helpers.strategies import ages, inventories, worlds

EXAMPLES = settings().max_examples
for_all = settings(max_examples=max(4, EXAMPLES // 5))
for_many = settings(max_examples=max(20, EXAMPLES))


@for_many
@given(want=inventories(), have=worlds(), later=worlds())
def test_what_is_plainly_well_may_be_counted_or_told_one_by_one(want, have, later):
    moved = batch(have, at(NOON + timedelta(minutes=1), later))
    counted = judged(want, moved)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows.run.judge, "observe_amiss", observe_services)
        told = judged(want, moved)

    event(f"{observe_amiss(want, moved, Rules()).well['count'].sum()} are well")
    assert_same(counted, told)


def reversed_rows(frames):
    """Return the frames with their rows in the other order, which swaps any two of them; what is not known stays so."""
    return type(frames)(*(None if rows is None else rows.reverse() for rows in frames))


def at(moment, have):
    """Return a snapshot as it is judged at another moment."""
    return Actual(*(rows.with_columns(as_of=moment) for rows in have))


def assert_same(one, other):
    """Assert that two judgements have the same rows, in the same order."""
    for mine, theirs in zip(one, other, strict=True):
        assert_frame_equal(mine, theirs)


def derived(judgement):
    """Return the state that the recommendations, one by one, and what is held back come to."""
    advised = judgement.recommendations.select("event_type", "severity").rows()
    states = [derive_state(EventType(said), Severity(severity)) for said, severity in advised]
    worst = max(states, key=list(State).index, default=State.NOMINAL)
    is_moving = {"deployment_in_flight", "settling"} & set(judgement.drift["held_by"])
    return State.RECONCILING if worst is State.NOMINAL and is_moving else worst


def waiting(want):
    """Return a world in which what needs something is not there, and what is needed is down."""
    services = want.services.filter("is_monitored")
    left = services.join(want.dependencies, on="service", how="anti")
    needed = pl.col("service").is_in(want.dependencies["dependency"].to_list())
    down = left.filter(needed).select(target()).to_series().to_list()
    well = left.filter(~needed).select(target()).to_series().to_list()
    exited = [{"target": name, "status": "exited"} for name in down]
    return actual(*exited, *well, nodes=want.nodes["node"].to_list())


def deploying(want):
    """Return a world in agreement but for one service, which is down and being deployed."""
    services = want.services.filter("is_monitored").select(target()).to_series().to_list()
    down = [{"target": name, "status": "exited"} for name in services[:1]]
    started = [{"target": name, "status": "started", "begun_at": ago(minutes=1)} for name in services[:1]]
    return actual(*down, *services[1:], nodes=want.nodes["node"].to_list(), deployments=started)


def every_drift_is_recommended_or_held_back_or_info(want, judgement):
    drift, recommendations = judgement.drift, judgement.recommendations

    caused = set(recommendations["drift_ids"].explode(empty_as_null=False))
    left = drift.filter(pl.col("held_by").is_null() & (pl.col("severity") != "info"))
    assert set(left["drift_id"]) == caused - set(drift.filter(severity="info")["drift_id"])
    assert caused.isdisjoint(drift.filter(pl.col("held_by").is_not_null())["drift_id"])


def an_unmonitored_service_has_no_drift_and_no_recommendation(want, judgement):
    unmonitored = want.services.filter(~pl.col("is_monitored"))
    for rows in (judgement.drift, judgement.recommendations):
        assert rows.join(unmonitored, on=["node", "service"]).is_empty()


def the_counts_agree_with_the_rows(want, judgement):
    counted = judgement.summary.row(0, named=True)
    assert counted["drift_count"] == judgement.drift.height
    assert counted["held_count"] == judgement.drift["held_by"].drop_nulls().len()
    advised = counted["blocked_count"] + counted["required_count"] + counted["recommended_count"]
    assert advised == judgement.recommendations.height


def the_blast_radius_is_at_most_what_waits_or_is_held_back(want, judgement):
    drift, recommendations = judgement.drift, judgement.recommendations

    held = set(drift.filter(pl.col("held_by").is_not_null()).select(target()).to_series())
    waiting = set(recommendations.filter(action="delayed_deployment").select(target()).to_series())
    for row in recommendations.rows(named=True):
        others = (held | waiting) - {f"{row['node']}/{row['service']}"}
        assert row["blast_radius"] <= len(others)


def a_root_cause_is_a_drift_and_waits_for_nothing(want, judgement):
    causes = judgement.root_causes

    ends = causes.select(node="cause_node", service="cause_service")
    assert ends.join(judgement.drift, on=["node", "service"], how="anti").is_empty()
    assert ends.join(causes.select("node", "service"), on=["node", "service"]).is_empty()


def a_blocked_recommendation_and_nothing_else_says_what_unblocks_it(want, judgement):
    recommendations = judgement.recommendations

    is_blocked = recommendations["event_type"] == "reconcile_blocked"
    assert recommendations["unblocked_by"].is_not_null().to_list() == is_blocked.to_list()


def the_state_is_the_worst_that_the_recommendations_come_to(want, judgement):
    assert judgement.summary["state"].to_list() == [derived(judgement)]


def a_delayed_deployment_and_nothing_else_has_root_causes_which_count_it(want, judgement):
    recommendations = judgement.recommendations

    is_delayed = recommendations["action"] == "delayed_deployment"
    assert (recommendations["root_causes"].list.len() > 0).to_list() == is_delayed.to_list()
    for row in recommendations.filter(pl.col("service") != "all").rows(named=True):
        name = f"{row['node']}/{row['service']}"
        assert row["blast_radius"] == sum(name in causes for causes in recommendations["root_causes"])


OF_ANY_JUDGEMENT = (
    every_drift_is_recommended_or_held_back_or_info,
    an_unmonitored_service_has_no_drift_and_no_recommendation,
    the_counts_agree_with_the_rows,
    the_blast_radius_is_at_most_what_waits_or_is_held_back,
    a_root_cause_is_a_drift_and_waits_for_nothing,
    a_blocked_recommendation_and_nothing_else_says_what_unblocks_it,
    the_state_is_the_worst_that_the_recommendations_come_to,
    a_delayed_deployment_and_nothing_else_has_root_causes_which_count_it,
)


APART = {"mass_drift_min": 99, "node_drift_min": 99}
WORLDS: tuple[tuple[Any, dict[str, int]], ...] = (
    (None, {}),
    (waiting, APART),
    (deploying, {}),
    (None, APART),
    (in_agreement, {}),
    (waiting, APART),
)
"""How a world follows from the inventory, or that it does not, and the settings it is judged with."""


def test_what_holds_of_any_judgement():
    states, delayed = Counter(), Counter()

    @for_many
    @given(inventories(), worlds(last_update_at=ages), st.data())
    def check(want, have, data):
        make, rules = data.draw(st.sampled_from(WORLDS))
        judgement = judged(want, make(want) if make else have, report_unexpected=data.draw(st.booleans()), **rules)
        for holds in OF_ANY_JUDGEMENT:
            holds(want, judgement)
        states[derived(judgement)] += 1
        delayed[make is waiting] += (judgement.recommendations["action"] == "delayed_deployment").sum()

    check()
    assert set(states) == set(State), states
    assert delayed[True] >= 3, delayed


@for_all
@given(inventories(), worlds(last_update_at=ages))
def test_neither_the_order_of_rows_nor_a_second_time_matters(want, have):
    assert_same(judged(reversed_rows(want), reversed_rows(have)), judged(want, have))


@for_all
@given(inventories(), st.lists(worlds(last_update_at=ages), min_size=1, max_size=3))
def test_a_batch_of_snapshots_gives_the_rows_of_each_alone(want, snapshots):
    moved = [at(NOON + timedelta(minutes=i), have) for i, have in enumerate(snapshots)]

    alone = [judged(want, have) for have in moved]
    assert_same(judged(want, batch(*moved)), map(pl.concat, zip(*alone, strict=True)))


@for_all
@given(inventories())
def test_a_world_in_agreement_is_nominal(want):
    judgement = judged(want, in_agreement(want))

    assert judgement.drift.is_empty()
    assert judgement.summary["state"].to_list() == ["nominal"]


@for_all
@given(inventories(), worlds())
def test_resolving_all_leaves_nominal(want, have):
    healthy = have.services.with_columns(status=pl.lit("healthy"))
    closed = have.incidents.with_columns(status=pl.lit("resolved"))
    completed = have.deployments.with_columns(status=pl.lit("completed"))
    agreed = in_agreement(want)
    resolved = agreed._replace(
        services=pl.concat([agreed.services, healthy]).unique(["node", "service"], keep="first"),
        deployments=completed,
        incidents=closed,
    )

    judgement = judged(want, resolved)

    assert judgement.recommendations.is_empty()
    assert judgement.summary["state"].to_list() == ["nominal"]


@for_all
@given(inventories(), st.integers(min_value=0))
def test_one_record_gone_from_a_world_in_agreement_is_one_missing_service(want, choice):
    have = in_agreement(want)
    asked = want.services.filter("is_monitored")
    gone = asked.slice(choice % max(asked.height, 1), 1)

    left = have.services.join(gone, on=["node", "service"], how="anti")
    drift = judged(want, have._replace(services=left), mass_drift_min=99).drift.filter(kind="missing_service")

    assert_frame_equal(drift.select("node", "service"), gone.select("node", "service"))


@for_all
@given(inventories(), worlds())
def test_an_empty_services_json_never_leads_to_a_flood(want, have):
    drift = judged(want, have._replace(services=have.services.clear())).drift

    assert drift.filter(pl.col("held_by").is_null() & (pl.col("kind") == "missing_service")).is_empty()


@for_all
@given(inventories(), worlds())
def test_a_stale_world_has_one_recommendation(want, have):
    nothing = pl.lit(None, pl.Datetime("us", "UTC"))
    stale = have._replace(
        snapshots=have.snapshots.with_columns(last_update_at=pl.lit(ago(hours=1))),
        nodes=have.nodes.with_columns(last_seen_at=nothing),
        services=have.services.with_columns(last_seen_at=nothing),
    )

    assert judged(want, stale).recommendations["recommendation_id"].to_list() == ["observer-review-fleet-all"]
