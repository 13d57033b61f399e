"""Sites that are judged apart, each with what the others show, come to what one process comes to on all of it."""

from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.orchestration.shard import split_by_node
from flows.run.exchange import join_sites
from flows.run.judge import judge, survey
from schemas.actual import Actual
from schemas.desired import Desired
from schemas.drift import Drift
from schemas.rules import Rules
from schemas.run import Judgement
from schemas.shown import pick
from stages.link import find_cycles, link_dependencies, with_cycles
from stages.share import find_needs, share
from stages.widen import widen
from tests.helpers.frames import NOON, actual, desired

NODES = ["a", "b", "c"]
SERVICES = ["db", "dns", "log", "mail", "queue", "web"]
RULES = Rules(mass_drift_min=1000, mass_offline_min=1000, node_drift_min=2)
FLEET_WIDE = {"observer_suspect", "stale_world", "misplaced_service"}
"""What is said of a world as a whole, or looked for within one: each site has its own."""
JUDGED = ("drift", "root_causes", "recommendations")
EXAMPLES = settings().max_examples
"""Of each about one in five is about what sites must know of each other."""


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Desired, Actual]:
    """Return an inventory of services that lean on others of other nodes, and a world in which many of them are broken."""
    places = {f"{node}/{service}" for service in SERVICES for node in draw(st.sets(st.sampled_from(NODES), min_size=1))}
    needs = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "node": st.none() | st.sampled_from(NODES),
                    "service": st.sampled_from(SERVICES),
                    "dependency": st.sampled_from(SERVICES),
                    "scope": st.sampled_from(["external", "external", "anywhere", "local"]),
                }
            ),
            max_size=8,
        )
    )
    status = st.sampled_from(["healthy", "exited", "exited", "gone"])
    statuses = {place: draw(status) for place in sorted(places)}
    words = draw(st.fixed_dictionaries({node: st.sampled_from(["online"] * 4 + ["off"]) for node in NODES}))
    absent = draw(st.sets(st.sampled_from(sorted(places)), max_size=1))
    windows = [{"target": place, "days": list(range(7)), "from_min": 0, "to_min": 1440} for place in sorted(absent)]
    return (
        desired(*sorted(places), nodes=NODES, needs=needs, maintenance=windows),
        actual(
            *({"target": place, "status": word} for place, word in statuses.items() if word != "gone"),
            nodes=[{"node": node, "status": word} for node, word in words.items()],
        ),
    )


def judge_apart(sites: list[tuple[Desired, Actual]]) -> list[Judgement]:
    """Judge each site with what the others show, as the exchange of sites does."""
    known = []
    for want, have in sites:
        shown = survey(want, have, RULES).shown
        standing = shown.drift.with_columns(held_by=pl.lit(None, dtype=shown.drift.schema["held_by"]))
        known.append((shown, link_dependencies(want, shown.services, Drift.validate(standing))))
    asked = {name for shown, _ in known for name in find_needs(shown)["dependency"]}
    joined = join_sites(share(shown, links, asked) for shown, links in known)
    assert not joined.twice
    return [judge(*site, RULES, elsewhere=told) for site, told in zip(sites, joined.tell(), strict=True)]


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    keys = ("node", "service", "kind", "incident_id", "cause_node", "cause_service")
    return frame.sort([name for name in keys if name in frame.columns])


def joined(judgements: list[Judgement], name: str) -> pl.DataFrame:
    return in_order(pl.concat([getattr(one, name) for one in judgements]))


def circles_stay_in_one_site(want: Desired, sites: list[tuple[Desired, Actual]]) -> bool:
    """A circle of dependencies over several sites is seen by none of them as one, where a part of it is well."""
    site_of = {node: number for number, (part, _) in enumerate(sites) for node in part.nodes["node"]}
    found = find_cycles(want).with_columns(site=pl.col("node").replace_strict(site_of))
    return found.group_by("cycle").agg(pl.col("site").n_unique())["site"].max() in {None, 1}


def test_the_cycles_of_a_part_and_of_what_is_joined_are_their_own():
    ends = [("a", "x", "y"), ("b", "y", "x")]
    around = [dict(zip(("node", "service", "dependency", "scope"), (*end, "external"), strict=True)) for end in ends]
    whole, have = with_cycles(desired("a/x", "b/y", needs=around)), actual("a/x", "b/y")
    parts = [(with_cycles(part), world) for part, world in split_by_node(whole, have, 2)]
    sites = [survey(*part, RULES).shown for part in parts]

    picked = pick(survey(whole, have, RULES).shown, lambda rows: rows.filter(node="a"))
    joined = widen(sites[0], sites[1], NOON)

    assert [find_cycles(one).height for one in (whole, *(part for part, _ in parts))] == [2, 0, 0]
    assert [find_cycles(one.desired).height for one in (picked, joined)] == [0, 2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sites_judged_apart_come_to_what_one_process_comes_to():
    reached: Counter[str] = Counter()

    @settings(max_examples=max(25, EXAMPLES // 5))
    @given(fleets(), st.sampled_from([2, 3]))
    def holds(fleet: tuple[Desired, Actual], count: int) -> None:
        want, have = fleet
        sites = split_by_node(want, have, count)
        whole, alone = judge(want, have, RULES), [judge(*site, RULES) for site in sites]
        kinds: set[Any] = {kind for one in (whole, *alone) for kind in one.drift["kind"]}
        if kinds & FLEET_WIDE or not circles_stay_in_one_site(want, sites):
            return
        apart = judge_apart(sites)
        for name in JUDGED:
            assert joined(apart, name).equals(in_order(getattr(whole, name))), name
        reached["judged"] += 1
        reached["needed each other"] += any(not joined(alone, n).equals(in_order(getattr(whole, n))) for n in JUDGED)
        reached["suspects"] += "node_suspect" in kinds

    holds()

    assert reached["judged"] > 10
    assert reached["needed each other"] > 3
