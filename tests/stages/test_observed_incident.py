"""OBSERVER 2.6: when incidents open, change, end, reopen and go."""

from dataclasses import replace

import pytest

from schemas.episode import Target
from stages.observed_incident import Incidents, advance_incidents
from tests.helpers.observed import WEB, sighting


def after(*looks, asked_for=(WEB,)):
    """Return the book after looks of (moment, word); None for a look that did not show it."""
    book = Incidents({}, {})
    for at, word in looks:
        seen = [sighting(word)] if word else []
        book = advance_incidents(book, seen, asked_for, float(at))
    return book


def only(book):
    (incident,) = book.incidents.values()
    return incident


@pytest.mark.parametrize(
    ("looks", "opened"),
    [
        pytest.param([(0, "exited")], False, id="one bad look"),
        pytest.param([(0, "exited"), (30, "exited")], True, id="two bad looks"),
        pytest.param([(0, "exited"), (30, "healthy"), (60, "exited")], False, id="two that are not in a row"),
        pytest.param([(0, "exited"), (30, None), (90, "exited")], True, id="an unseen look between"),
        pytest.param([(0, "starting"), (30, "starting"), (60, "starting")], False, id="settling"),
        pytest.param([(0, "exited"), (30, "starting"), (60, "exited")], True, id="settling between"),
        pytest.param([(0, "healthy"), (30, "healthy")], False, id="good"),
    ],
)
def test_an_incident_opens_after_two_bad_looks(looks, opened):
    assert bool(after(*looks).incidents) is opened


def test_an_incident_begins_with_the_first_bad_look_and_is_named_after_it():
    incident = only(after((1000.7, "exited"), (1030, "exited")))

    assert (incident.id, incident.started_at, incident.last_occurrence) == ("inc-1000-piha-web", 1000.7, 1030.0)
    assert (incident.status, incident.trigger_type, incident.occurrence_count) == (
        "active", "containers_not_running", 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "trigger"),
    [
        pytest.param(("unhealthy", "unhealthy", "oom_killed"), "out_of_memory", id="worse"),
        pytest.param(
            ("unhealthy", "unhealthy", "oom_killed", "unhealthy"), "out_of_memory", id="worse, and better again"
        ),
        pytest.param(("exited", "exited", "oom_killed"), "out_of_memory", id="worse than that it does not run"),
        pytest.param(("exited", "exited", "crash_looping"), "crash_loop", id="came back, and loops"),
        pytest.param(
            ("paused", "paused", "job_failed", "exited"), "job_failed", id="not the worst of the same trigger"
        ),
        pytest.param(
            ("restarting", "restarting", "paused", "exited", "dead", "crash_looping"), "crash_loop", id="step by step"
        ),
        pytest.param(("crash_looping", "crash_looping", "exited"), "crash_loop", id="better"),
        pytest.param(("exited", "exited", "healthy", "unhealthy"), "containers_not_running", id="well for one look"),
        pytest.param(
            ("hibernating", "hibernating", "unhealthy"), "healthcheck_failing", id="any is worse than what no table has"
        ),
    ],
)
def test_worse_evidence_changes_the_trigger_and_better_does_not(words, trigger):
    assert only(after(*((30 * place, word) for place, word in enumerate(words)))).trigger_type == trigger


def test_an_incident_of_an_earlier_version_takes_the_trigger_of_what_is_seen():
    book = after((0, "exited"), (30, "exited"))
    old = {name: replace(incident, word=None) for name, incident in book.incidents.items()}

    assert (
        only(advance_incidents(replace(book, incidents=old), [sighting("unhealthy")], (WEB,), 60.0)).word == "unhealthy"
    )


def test_it_ends_after_two_good_looks():
    bad = [(0, "exited"), (30, "exited")]

    assert only(after(*bad, (60, "healthy"))).status == "active"
    healed = only(after(*bad, (60, "healthy"), (90, "healthy")))
    assert (healed.status, healed.resolved_at, healed.resolution) == ("resolved", 90.0, "recovered")


def test_episodes_of_badness_are_counted_not_looks():
    looks = [(0, "exited"), (30, "exited"), (60, "exited"), (90, "healthy"), (120, "exited"), (150, "exited")]

    incident = only(after(*looks))

    assert (incident.occurrence_count, incident.last_occurrence) == (2, 150.0)


ENDED = [(0, "exited"), (30, "exited"), (60, "healthy"), (90, "healthy")]


def test_a_relapse_within_half_an_hour_reopens_it():
    incident = only(after(*ENDED, (1860, "unhealthy"), (1890, "unhealthy")))

    assert (incident.status, incident.occurrence_count, incident.resolved_at) == ("active", 2, None)
    assert incident.trigger_type == "healthcheck_failing"


def test_a_later_one_is_another_incident():
    book = after(*ENDED, (1870, "exited"), (1900, "exited"))

    assert [incident.status for incident in book.incidents.values()] == ["resolved", "active"]


def test_what_the_inventory_does_not_ask_for_has_no_incident():
    assert not after((0, "exited"), (30, "exited"), asked_for=()).incidents


def test_an_unseen_service_freezes_its_incident():
    bad = after((0, "exited"), (30, "exited"))

    assert advance_incidents(bad, [], (WEB,), 10_000.0).incidents == bad.incidents


def test_what_left_the_inventory_is_resolved_as_removed_and_never_reopened():
    book = advance_incidents(after((0, "exited"), (30, "exited")), [], (), 60.0)

    assert only(book).resolution == "removed_from_desired_state"
    for at in (90.0, 120.0):
        book = advance_incidents(book, [sighting("exited")], (WEB,), at)
    assert [incident.status for incident in book.incidents.values()] == ["resolved", "active"]


def test_ids_of_one_second_are_told_apart():
    removed = advance_incidents(after((0, "exited"), (0.2, "exited")), [], (), 0.3)
    for at in (0.4, 0.5):
        removed = advance_incidents(removed, [sighting("exited")], (WEB,), at)

    assert list(removed.incidents) == ["inc-0-piha-web", "inc-1-piha-web"]


def test_resolved_ones_are_kept_for_seven_days_and_open_ones_for_ever():
    other = Target("piha", "db")
    book = after(*ENDED)
    for at in (100.0, 130.0):
        book = advance_incidents(book, [sighting("exited", other)], (WEB, other), at)

    week_later = advance_incidents(book, [], (WEB, other), 90.0 + 7 * 86_400)

    assert [incident.service for incident in week_later.incidents.values()] == ["db"]
