"""Events about acting stand in the same log and chain as all others, once each."""

import json

import pytest

from flows.ledger.chain import verify_chain
from flows.ledger.checkpoint import load_checkpoint
from flows.ledger.emit import open_emitter
from flows.ledger.own_event import read_own_event
from schemas.action_event import Acting, ActionEvent, ActionTransition
from schemas.words import Severity
from stages.transition import decide_transitions
from tests.helpers.episodes import DAY, NOON, judged, last_run, paths, recommended


def event(name="one", transition=ActionTransition.STARTED):
    return ActionEvent(
        event_id=name.ljust(64, "0"),
        transition=transition,
        severity=Severity.INFO,
        node="piha",
        service="web",
        correlation_id="container-restart-piha-web",
        as_of=NOON,
        fields={"action_id": "container-restart-piha-web", "verb": "restart", "number": 1},
    )


def run(folder, *events, services=(), known=None, **options):
    with open_emitter(paths(folder), **options) as emitter:
        conclusions = judged(*(recommended(name) for name in services))
        transitions = decide_transitions(emitter.episodes, conclusions, reminder_interval=DAY)
        emitter.commit(transitions, last_run(), acting=Acting(events=events, known=known or {"told": 3}))
        return emitter


def lines(folder):
    return paths(folder).event_log.read_bytes().splitlines()


def test_an_event_about_acting_has_the_envelope_and_its_own_payload(tmp_path):
    run(tmp_path, event())
    form = json.loads(lines(tmp_path)[0])

    assert (form["type"], form["severity"], form["node"], form["service"]) == ("action_started", "info", "piha", "web")
    assert form["correlation_id"] == form["payload"]["action_id"] == "container-restart-piha-web"
    assert (form["payload"]["seq"], form["payload"]["previous"], form["payload"]["outcome"]) == (1, None, None)


def test_both_kinds_of_events_are_one_chain(tmp_path):
    run(tmp_path, event("one"), services=["web"])
    run(tmp_path, event("two"), event("three"))

    assert [read_own_event(line).seq for line in lines(tmp_path)] == [1, 1, 2, 2, 3]
    assert verify_chain([paths(tmp_path).event_log]).problem is None


def test_a_cloudevent_and_the_platforms_words_are_read_back(tmp_path):
    run(tmp_path, event(), as_cloudevents=True, platform_words=True)
    [line] = lines(tmp_path)

    assert json.loads(line)["data"]["type"] == "remediation_started"
    assert read_own_event(line).action.transition is ActionTransition.STARTED


def test_what_is_known_about_acting_comes_back_and_stays_where_acting_is_off(tmp_path):
    run(tmp_path, event(), known={"told": 7})
    with open_emitter(paths(tmp_path)) as emitter:
        emitter.commit(decide_transitions({}, judged(), reminder_interval=DAY), last_run())
    with open_emitter(paths(tmp_path)) as emitter:
        assert emitter.acting == {"told": 7}


def test_a_checkpoint_that_never_acted_holds_nothing_of_it(tmp_path):
    with open_emitter(paths(tmp_path)) as emitter:
        emitter.commit(decide_transitions({}, judged(), reminder_interval=DAY), last_run())

    assert b"act" not in paths(tmp_path).checkpoint.read_bytes().replace(b'"action":', b"")


def test_a_lost_checkpoint_says_what_was_told_and_counts_on(tmp_path):
    run(tmp_path, event("one"))
    for copy in tmp_path.glob("supervisor-checkpoint*"):
        copy.unlink()
    with open_emitter(paths(tmp_path)) as emitter:
        assert emitter.told_ids == {"one".ljust(64, "0")}
        emitter.commit(
            decide_transitions({}, judged(), reminder_interval=DAY), last_run(), acting=Acting(events=(event("two"),))
        )

    assert [read_own_event(line).seq for line in lines(tmp_path)] == [1, 2]


def test_a_committed_event_is_written_again_where_the_log_lost_it(tmp_path):
    run(tmp_path, event("one"))
    kept = lines(tmp_path)
    paths(tmp_path).event_log.write_bytes(b"")
    with open_emitter(paths(tmp_path)) as emitter:
        forged = read_own_event(kept[0])._replace(event_id="f" * 64, seq=9)
        assert emitter.write_again([(read_own_event(kept[0]), kept[0]), (forged, b"{}")]) == 1

    assert lines(tmp_path) == kept


def test_an_event_that_is_too_long_is_refused_before_anything_is_written(tmp_path):
    long = event()._replace(fields={"by": "x" * 70_000})
    with pytest.raises(Exception, match="longer than"):
        run(tmp_path, long)

    assert not paths(tmp_path).event_log.exists()
    assert load_checkpoint(paths(tmp_path).checkpoint).checkpoint is None
