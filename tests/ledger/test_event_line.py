"""An event as a line: the published schema, JSON that every reader splits alike, and 64 KiB at most."""

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.errors import EmitError
from flows.ledger.event_line import MARKER, MAX_LINE, encode_change
from flows.ledger.own_event import read_own_event, unwrap
from schemas.event import Event, event_schema
from schemas.words import EventType, Severity
from stages.transition import decide_transitions
from tests.helpers.episodes import DAY, NOON, judged, recommended

SCHEMA = Path(__file__).parents[2] / "schemas" / "event.schema.json"
ENVELOPE = {"timestamp", "node", "type", "severity", "source", "service", "correlation_id", "payload"}


def changes(*rows, then=()):
    first = decide_transitions({}, judged(*rows), reminder_interval=DAY)
    second = decide_transitions(first.episodes, judged(*then), reminder_interval=DAY)
    return [*first.changes, *second.changes]


def read(line):
    event = read_own_event(line)
    return event and event.episode


def check(line):
    jsonschema.validate(json.loads(line), json.loads(SCHEMA.read_text()))
    Event.model_validate_json(line)


def test_the_published_schema_is_the_models():
    assert json.loads(SCHEMA.read_text()) == event_schema()


def test_every_transition_is_of_the_published_schema():
    for change in changes(recommended(), recommended("db"), then=[recommended(severity=Severity.CRITICAL)]):
        check(encode_change(change, None).line)


def test_the_envelope_is_the_documented_one():
    event = encode_change(changes(recommended())[0], None).envelope

    assert set(event) == ENVELOPE
    assert event["correlation_id"] == "redeploy-piha-web"
    assert event["timestamp"] == "2026-05-01T12:00:00Z"


@pytest.mark.parametrize("as_cloudevent", [False, True])
@pytest.mark.parametrize("evidence", [{}, {"observed_at": NOON, "age_s": 1.5}, {"observed": "x" * 2_000_000}])
def test_an_event_is_handed_on_as_its_line_says_it(evidence, as_cloudevent):
    for change in changes(recommended(evidence=evidence, root_causes=("piha/db",), blast_radius=1)):
        event = encode_change(change, None, as_cloudevent=as_cloudevent)

        assert event.envelope == unwrap(json.loads(event.line))
        assert event.transition == event.envelope["payload"]["transition"]


def test_a_resolution_has_its_own_type_and_says_what_ended():
    event = encode_change(changes(recommended())[-1], None).envelope

    assert event["type"] == EventType.RECONCILE_RESOLVED
    assert event["payload"]["before"]["type"] == EventType.RECONCILE_REQUIRED


@given(text=st.text(st.characters()), name=st.text(st.characters(), min_size=1, max_size=40))
def test_any_text_is_one_ascii_line_and_comes_back(text, name):
    change = changes(recommended(name, evidence={"observed": text}, drift_ids=(text,)))[0]
    line = encode_change(change, None).line

    assert line.isascii()
    assert len(line.decode().splitlines()) == 1
    assert read(line) == change.episode


def test_an_event_of_two_megabytes_is_cut_and_says_so():
    huge = recommended(evidence={"observed": "x" * 2_000_000}, root_causes=("y" * 5000,) * 500, blast_radius=500)
    line = encode_change(changes(huge)[0], None).line

    assert len(line) <= MAX_LINE
    assert json.loads(line)["payload"]["truncated"] is True
    check(line)


@pytest.mark.parametrize("value", [float("nan"), b"bytes", {1, 2}, NOON.date()], ids=repr)
def test_what_json_has_no_form_for_is_refused(value):
    with pytest.raises(EmitError, match="redeploy-piha-web cannot be written as JSON"):
        encode_change(changes(recommended(evidence={"observed": value}))[0], None)


def test_a_cloudevent_holds_the_same_event():
    change = changes(recommended())[0]
    form = json.loads(encode_change(change, None, as_cloudevent=True).line)

    assert form["data"] == json.loads(encode_change(change, None).line)
    assert (form["specversion"], form["id"], form["type"], form["subject"], form["time"]) == (
        "1.0",
        change.event_id,
        "runtime-supervisor.reconcile_required",
        "piha/web",
        "2026-05-01T12:00:00Z",
    )
    assert read(encode_change(change, None, as_cloudevent=True).line) == change.episode


@given(st.binary())
def test_any_bytes_are_read_or_passed_over(data):
    assert read_own_event(data) is None
    assert read_own_event(MARKER + data) is None
