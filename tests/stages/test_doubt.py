"""When the observer is suspect: a test for each of SEMANTICS 3's (a) to (f), and what each holds back (4.3)."""

import re

import pytest

from tests.helpers.frames import actual, advice, ago, desired, judged, kinds, surveyed

SILENT = ago(minutes=30)


def fleet(**counts):
    """Return targets: so many services on each node."""
    return [f"{node}/s{number}" for node, count in counts.items() for number in range(count)]


def doubt(drift):
    """Return what is said against the observer."""
    return "; ".join(drift.filter(kind="observer_suspect")["detail"])


def held(drift, by="observer_suspect"):
    """Return (kind, target) of what is held back."""
    return [(kind, target) for kind, target, held_by in kinds(drift) if held_by == by]


def test_a_mass_of_unseen_services_makes_the_observer_suspect():
    gone, there = fleet(a=3, b=3), fleet(c=4)

    drift = surveyed(desired(*gone, *there), actual(*there, nodes=["a", "b", "c"]))

    assert doubt(drift) == "6 of 10 monitored services are not to be seen"
    assert held(drift) == [("missing_service", target) for target in gone]


def test_a_planned_service_is_not_to_be_seen():
    gone, there = fleet(a=3, b=3), fleet(c=4)
    away = [{"node": "a"}, {"node": "b"}]

    assert doubt(surveyed(desired(*gone, *there, maintenance=away), actual(*there, nodes=["a", "b", "c"]))) == ""


def test_b_all_of_a_few_services_unseen_make_the_observer_suspect():
    drift = surveyed(desired("a/x", "b/y"), actual("a/stray", nodes=["a", "b"]))

    assert "2 of 2 monitored services" in doubt(drift)


def test_c_a_world_without_services_makes_the_observer_suspect():
    assert "services.json has no usable record" in doubt(surveyed(desired("a/x"), actual(nodes=["a"])))


def test_d_a_world_without_known_nodes_makes_the_observer_suspect_and_names_what_there_is():
    have = actual("a/x", "b/y")

    drift = surveyed(desired("a/x", "b/y"), have._replace(nodes=actual(nodes=["10.0.0.7"]).nodes))

    assert "only of 10.0.0.7" in doubt(drift)
    assert held(drift) == [("unreadable_observation", "a/all"), ("unreadable_observation", "b/all")]


def silent(*names, **rest):
    """Return records of nodes that were last seen half an hour ago."""
    return [{"node": name, "last_seen_at": SILENT, **rest} for name in names]


def old(*targets):
    """Return records of services that are as old."""
    return [{"target": target, "last_seen_at": SILENT} for target in targets]


def test_e_many_silent_nodes_make_the_observer_suspect():
    here, away = fleet(e=1), fleet(a=1, b=1, c=1, d=1)

    judgement = judged(desired(*here, *away), actual(*here, *old(*away), nodes=[*silent("a", "b", "c", "d"), "e"]))

    assert "4 of 5 nodes are silent since 11:30 (a, b, c, d): power or network there" in doubt(judgement.drift)
    assert [row[0] for row in advice(judgement)] == ["observer-review-fleet-all"]
    assert ("offline_node", "a/all") in held(judgement.drift)


def test_e_nodes_that_say_themselves_that_they_are_off_do_not_count():
    targets = fleet(a=1, b=1, c=1, d=1)
    off = [{"node": name, "status": "offline"} for name in ("a", "b", "c")]

    assert doubt(surveyed(desired(*targets), actual(*targets, nodes=[*off, "d"]))) == ""


def test_e_nodes_that_are_dead_since_longer_are_left_out_on_both_sides():
    targets = fleet(a=1, b=1, c=1, d=1)
    dead = [{"node": name, "last_seen_at": ago(hours=9)} for name in ("a", "b")]
    have = actual(*old(*targets[:3]), "d/s0", nodes=[*dead, *silent("c"), "d"])

    assert doubt(surveyed(desired(*targets), have)) == ""


def test_e_intermittent_nodes_do_not_count_and_are_doubted_like_the_others():
    targets = fleet(a=1, b=1, c=1, lte=1)
    want = desired(*targets, nodes=["a", "b", "c", {"node": "lte", "is_intermittent": True}])
    lte = {"node": "lte", "last_seen_at": ago(minutes=61)}

    drift = surveyed(want, actual(*old(*targets), nodes=[*silent("a", "b", "c"), lte]))

    assert "3 of 3 nodes" in doubt(drift)
    assert ("unreadable_observation", "lte/all") in held(drift)


def test_f_one_word_that_no_list_knows_makes_the_observer_suspect_and_names_the_settings():
    targets = fleet(a=3, b=3)
    have = actual(*({"target": target, "status": "alive"} for target in targets))

    drift = surveyed(desired(*targets), have)

    assert "6 of 6 services say 'alive'" in doubt(drift)
    assert "healthy_words" in doubt(drift)
    assert held(drift) == [("unhealthy_service", target) for target in targets]


def test_f_a_known_bad_word_makes_none():
    targets = fleet(a=3, b=3)
    have = actual(*({"target": target, "status": "exited (255)"} for target in targets))

    assert doubt(surveyed(desired(*targets), have)) == ""


WELL = ("a/x", "d/x", "e/x")
WORDS = [{"target": target, "status": "alive"} for target in WELL]


@pytest.mark.parametrize(
    "have",
    [
        pytest.param(actual(*WELL)._replace(nodes=actual(nodes=["nobody"]).nodes), id="d, no record of a known node"),
        pytest.param(actual(*WELL, nodes=silent("a", "b", "c")), id="e, most nodes are silent"),
        pytest.param(actual(*WORDS, nodes=list("abcde")), id="f, a word that no list knows"),
    ],
)
def test_where_no_service_is_missing_the_reason_counts_none(have):
    judgement = judged(desired(*WELL, nodes=list("abcde")), have)
    reason = judgement.recommendations.filter(action="observer_review", node="fleet")["reason"].item()

    assert doubt(judgement.drift)
    assert not re.search(r"\b0 of|missing at once", reason), reason


@pytest.mark.parametrize("kind", ["incident", "deployment"])
def test_what_nobody_doubts_stands(kind):
    gone = fleet(a=3, b=3)
    rows = {f"{kind}s": [{"target": gone[0], "status": "failed" if kind == "deployment" else "active"}]}

    drift = surveyed(desired(*gone), actual("a/stray", nodes=["a", "b"], **rows))

    assert [held_by for name, _, held_by in kinds(drift) if kind in name] == [None]


def test_those_that_are_well_count_beside_those_that_say_a_strange_word():
    names = [f"piha/s{number}" for number in range(6)]
    have = actual(*({"target": name, "status": "flubbed"} for name in names[:2]), *names[2:])

    drift = surveyed(desired(*names), have, mass_drift_min=2, mass_drift_share=0.5)

    assert drift["kind"].to_list() == ["unhealthy_service"] * 2
