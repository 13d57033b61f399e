"""Drift over time: episodes, availability, and what followed a recommendation."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from schemas.drift_episode import Monitored
from schemas.frame import dtypes
from schemas.history import HistoryDrift, HistoryRecommendation, HistoryRun
from schemas.rules import PastRules
from stages.action_outcome import measure_actions
from stages.drift_episode import find_drift_episodes
from stages.reliability import measure_reliability
from stages.sighting import sight_drift
from stages.span import measure_spans
from tests.helpers.frames import NOON, frame

RULES = PastRules()
PRINTS = dict.fromkeys(("input_fingerprint", "rules_fingerprint", "inventory_fingerprint", "world_fingerprint"), "f")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Past:
    """A past told in rows: `"5 missing_service piha/web <held_by>"` is a drift five minutes after noon."""

    def __init__(self, runs, drift=(), advice=(), monitored=("piha/web", "piha/db"), rules=RULES):
        run_rows = [{"as_of": at(m), "run_id": f"r{m}", "generation": g} for g, m in enumerate(runs)]
        defaults = PRINTS | {"outcome": "completed", "source": "live", "state": "nominal", "monitored_targets": []}
        self.spans = measure_spans(frame(HistoryRun, defaults, run_rows), rules.longest_span)
        self.sightings = sight_drift(
            frame(HistoryDrift, {"severity": "error"}, [_drift(text) for text in drift]), self.spans
        )
        recommendations = frame(HistoryRecommendation, _ADVICE, [_advise(text) for text in advice])
        self.episodes = find_drift_episodes(self.sightings, recommendations, self.spans, rules)
        rows = [dict(zip(("node", "service"), target.split("/"), strict=True)) for target in monitored]
        asked = frame(Monitored, {"inventory_fingerprint": "f"}, rows)
        self.reliability = measure_reliability(self.episodes, self.sightings, self.spans, asked)

    def of(self, target: str, column: str) -> object:
        node, service = target.split("/")
        return self.reliability.filter((pl.col("node") == node) & (pl.col("service") == service))[column].item()


_ADVICE = {"recommendation_id": "x", "event_type": "reconcile_required", "severity": "error", "reason": "why"} | {
    "drift_ids": [],
    "root_causes": [],
    "blast_radius": 0,
}


def _drift(text: str) -> dict[str, object]:
    minutes, kind, target, *held = text.split()
    node, service = target.split("/")
    where = {"node": node, "service": service, "held_by": held[0] if held else None}
    return {"run_id": f"r{minutes}", "as_of": at(float(minutes)), "drift_id": text, "kind": kind, **where}


def _advise(text: str) -> dict[str, object]:
    minutes, action, target, kind = text.split()
    node, service = target.split("/")
    run = {"run_id": f"r{minutes}", "as_of": at(float(minutes))}
    return {**run, "action": action, "node": node, "service": service, "causing_kinds": [kind]}


def test_an_episode_lasts_from_the_first_run_that_shows_it_to_the_first_that_does_not():
    past = Past((0, 5, 10, 15), ["5 missing_service piha/web", "10 missing_service piha/web"])

    assert past.episodes.select("opened_at", "resolved_at", "duration_s").rows() == [(at(5), at(15), 600.0)]


def test_what_the_newest_run_shows_is_open():
    past = Past((0, 5), ["0 missing_service piha/web", "5 missing_service piha/web"])

    assert past.episodes.select("resolved_at", "duration_s").rows() == [(None, 300.0)]


def test_drift_that_comes_back_is_another_episode():
    past = Past((0, 5, 10, 15), ["0 missing_service piha/web", "10 missing_service piha/web"])

    assert past.episodes["reopened_count"].to_list() == [0, 1]


def test_another_kind_is_another_drift():
    past = Past((0, 5, 10), ["0 missing_service piha/web", "5 unhealthy_service piha/web"])

    assert past.episodes["reopened_count"].to_list() == [0, 0]


@pytest.mark.parametrize(("window", "flapping"), [(20, [False, False, True]), (19, [False, False, False])])
def test_the_third_opening_within_the_window_flaps(window, flapping):
    rules = PastRules(flapping_openings=3, flapping_window=timedelta(minutes=window))
    past = Past(range(0, 30, 5), [f"{m} missing_service piha/web" for m in (0, 10, 20)], rules=rules)

    assert past.episodes["is_flapping"].to_list() == flapping


def test_a_time_without_runs_ends_no_episode_and_counts_as_no_drift():
    past = Past((0, 5, 305, 310), [f"{m} missing_service piha/web" for m in (0, 5, 305)])

    [(duration_s, unobserved_s)] = past.episodes.select("duration_s", "unobserved_s").rows()

    assert (duration_s, unobserved_s) == ((5 + 30 + 5) * 60, 270 * 60)


def test_a_run_without_conclusions_ends_nothing():
    runs = [{"as_of": at(m), "run_id": f"r{m}", "state": None if m == 5 else "nominal"} for m in (0, 5, 10)]
    defaults = PRINTS | {"outcome": "completed", "source": "live", "monitored_targets": []}

    assert measure_spans(frame(HistoryRun, defaults, runs), RULES.longest_span)["observed_s"].to_list() == [600.0, 0.0]


def test_of_two_runs_of_one_moment_the_later_generation_counts():
    runs = [{"run_id": name, "generation": g} for name, g in (("z", None), ("b", 2), ("c", 1))]
    defaults = PRINTS | {
        "as_of": NOON,
        "outcome": "completed",
        "source": "live",
        "state": "nominal",
        "monitored_targets": [],
    }

    assert measure_spans(frame(HistoryRun, defaults, runs), RULES.longest_span)["run_id"].to_list() == ["b"]


def test_a_recommendation_that_recovery_followed_is_told_from_one_that_it_did_not():
    past = Past(
        (0, 5, 10),
        [
            "0 missing_service piha/web",
            "5 missing_service piha/web",
            "5 missing_service piha/db",
            "10 missing_service piha/db",
        ],
        ["5 redeploy piha/web missing_service", "10 redeploy piha/db missing_service"],
    )

    assert past.episodes.select("service", "action", "is_recovered").rows() == [
        ("web", "redeploy", True),
        ("db", "redeploy", False),
    ]
    assert measure_actions(past.episodes).select("episode_count", "recovered_ratio").rows() == [(2, 0.5)]


def test_a_recommendation_after_an_episode_is_not_its_own():
    past = Past(
        (0, 5, 10),
        ["0 missing_service piha/web", "10 missing_service piha/web"],
        ["10 redeploy piha/web missing_service"],
    )

    assert past.episodes["action"].to_list() == [None, "redeploy"]


def test_availability_is_the_share_of_the_time_that_it_was_there():
    past = Past((0, 5, 10, 15, 20), ["5 unhealthy_service piha/web"])

    assert past.of("piha/web", "availability_ratio") == 0.75
    assert past.of("piha/db", "availability_ratio") == 1.0


def test_an_offline_node_takes_its_services_down():
    drift = ["0 offline_node piha/all", "0 missing_service piha/web offline_node", "5 unhealthy_service piha/web"]
    past = Past((0, 5, 10, 15, 20), drift)

    assert past.of("piha/all", "availability_ratio") == 0.75
    assert past.of("piha/web", "availability_ratio") == 0.5
    assert past.of("piha/db", "availability_ratio") == 0.75


def test_a_stale_world_counts_neither_for_nor_against():
    past = Past((0, 5, 10), ["0 stale_world fleet/all", "0 missing_service piha/web stale_world"])

    assert past.of("piha/web", "availability_ratio") == 1.0
    assert past.of("piha/web", "observed_s") == 300.0


def test_a_suspect_observer_counts_neither_for_nor_against():
    past = Past((0, 5, 10), ["0 observer_suspect piha/all", "0 missing_service piha/web observer_suspect"])

    assert past.of("piha/web", "observed_s") == 300.0
    assert past.of("piha/db", "observed_s") == 600.0


def test_an_incident_is_drift_and_no_downtime():
    past = Past((0, 5, 10), ["0 unresolved_incident piha/web"])

    assert (past.of("piha/web", "drift_s"), past.of("piha/web", "availability_ratio")) == (300.0, 1.0)


def test_what_nobody_asked_for_has_no_availability():
    past = Past((0, 5), ["0 unexpected_service piha/ghost"])

    assert past.of("piha/ghost", "availability_ratio") is None


def test_the_worst_offender_comes_first():
    past = Past((0, 5, 10), ["0 unhealthy_service piha/db"])

    assert past.reliability["service"].to_list()[0] == "db"


def test_recovery_takes_the_mean_of_what_is_resolved():
    drift = [f"{m} missing_service piha/web" for m in (0, 10, 15, 25)]
    past = Past(range(0, 30, 5), drift)

    assert past.of("piha/web", "mean_recovery_s") == (300 + 600) / 2
    assert past.of("piha/web", "open_count") == 1


def test_no_past_has_no_episodes():
    assert Past(()).episodes.is_empty()
    assert dtypes(HistoryRun)
