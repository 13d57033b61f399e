"""What one run leaves to the next is written as it always was, and refused where it is anything else."""

import hashlib
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from flows.ledger.checkpoint import Checkpoint, Known, Pending, decode_checkpoint, encode_checkpoint
from flows.ledger.forms import EpisodeForm, read_episode, to_form, write_episode
from flows.ledger.position import Position
from schemas.episode import Episode
from schemas.last_run import LastRun
from schemas.wait import SettlingService, Wait
from schemas.words import Action, DriftKind, EventType, Outcome, Severity, State

AT = datetime(2026, 6, 3, 12, 0, 0, 123400, UTC)
SAID = "2026-06-03T12:00:00.123400Z"
EPISODE = Episode(
    recommendation_id="redeploy-ä-web",
    event_type=EventType.RECONCILE_REQUIRED,
    action=Action.REDEPLOY,
    severity=Severity.ERROR,
    node="a",
    service="web",
    causing_kinds=(DriftKind.MISSING_SERVICE,),
    is_open=True,
    opened_at=AT,
    last_event_at=AT.astimezone(ZoneInfo("Europe/Berlin")),
    seq=3,
    openings=(AT,),
)
RUN = LastRun(
    as_of=AT,
    outcome=Outcome.PARTIAL,
    state=State.DEGRADED,
    counts={"held_count": 1},
    inventory="/inventory",
    recommendations=({"node": "a", "acknowledgement": None},),
    drift_counts=(("missing_service", "error", True, 2),),
    taken_s={"judge": 0.25},
    waits=(Wait(node="a", service="b", kind=DriftKind.MISSING_SERVICE, first_seen_at=AT, run_count=2),),
    settling=(SettlingService(node="a", service="c", first_seen_at=AT),),
)
KNOWN = Known(generation=4, head="f" * 64, episodes={EPISODE.key: EPISODE}, last_run=RUN)
PENDING = Pending(events=(("id", "{}"),), files=(("temporary", "final"),), after=KNOWN)


def body(**given):
    return json.loads(encode_checkpoint(Checkpoint(**given)))["body"]


def sealed(form):
    text = json.dumps(form, separators=(",", ":"))
    return f'{{"version":1,"sha256":"{hashlib.sha256(text.encode()).hexdigest()}","body":{text}}}\n'.encode()


def test_an_episode_and_a_run_are_written_under_their_names_and_in_utc():
    known = body(known=KNOWN)["known"]

    assert known["episodes"][0] == {
        "id": "redeploy-ä-web",
        "type": "reconcile_required",
        "action": "redeploy",
        "severity": "error",
        "node": "a",
        "service": "web",
        "causing_kinds": ["missing_service"],
        "is_open": True,
        "opened_at": SAID,
        "last_event_at": SAID,
        "seq": 3,
        "openings": [SAID],
        "root_causes": None,
    }
    assert known["last_run"]["settling"] == [["a", "c", SAID]]
    assert (known["last_run"]["as_of"], known["last_run"]["waits"][0]["first_seen_at"]) == (SAID, SAID)


def test_acting_leaves_no_trace_where_it_was_never_on():
    assert "acting" not in body(known=KNOWN)["known"]
    assert body(known=Known(action_seq=1))["known"]["acting"] is None


@pytest.mark.parametrize("pending", [None, PENDING])
@pytest.mark.parametrize("acting", [{}, {"action_seq": 2, "acting": {"view": {"a": [1, None]}}}])
def test_a_checkpoint_comes_back(pending, acting):
    known = Known(generation=4, episodes={EPISODE.key: EPISODE}, last_run=RUN, **acting)
    checkpoint = Checkpoint(known=known, log="/log", position=Position(12, "a", "b"), pending=pending, serial=7)

    assert decode_checkpoint(encode_checkpoint(checkpoint), Path("checkpoint")) == checkpoint


MOMENTS = st.builds(
    lambda minutes, zone: (AT + timedelta(minutes=minutes)).astimezone(zone),
    st.integers(0, 10**6),
    st.sampled_from([UTC, UTC, ZoneInfo("Europe/Berlin")]),
)
EPISODES = st.builds(
    Episode,
    recommendation_id=st.text(),
    severity=st.sampled_from(Severity),
    action=st.sampled_from(Action),
    causing_kinds=st.lists(st.sampled_from(DriftKind), max_size=3).map(tuple),
    opened_at=MOMENTS,
    last_event_at=MOMENTS,
    seq=st.integers(0, 9),
    openings=st.lists(MOMENTS, max_size=3).map(tuple),
    root_causes=st.none() | st.lists(st.text(), max_size=2).map(tuple),
)


@given(episode=EPISODES)
def test_an_episode_is_written_as_any_other_value_and_comes_back(episode):
    form = write_episode(episode)

    moments = (form.opened_at, form.last_event_at, *form.openings)
    event("in UTC" if form.opened_at is episode.opened_at else "elsewhere")
    assert form == to_form(EpisodeForm, episode)
    assert {at.tzinfo for at in moments} == {UTC}
    assert read_episode(form) == episode
    assert Episode._fields == EpisodeForm.__struct_fields__


def loaded(*episodes):
    """Return what is known as a run reads it, with the text that it was read from."""
    data = encode_checkpoint(Checkpoint(known=replace(KNOWN, episodes={one.key: one for one in episodes})))
    return decode_checkpoint(data, Path("checkpoint")).known


@given(episodes=st.lists(EPISODES, max_size=3))
def test_what_was_read_is_written_as_what_is_spelt_anew(episodes):
    known = loaded(*episodes)
    anew = Known(**{one.name: getattr(known, one.name) for one in fields(known)})

    assert known.text is vars(known)["text"]
    assert bytes(known.text) == bytes(anew.text)
    assert encode_checkpoint(Checkpoint(known=known)) == encode_checkpoint(Checkpoint(known=anew))


def test_what_has_changed_since_it_was_read_is_spelt_anew():
    known = loaded(EPISODE)

    after = replace(known, episodes={EPISODE.key: EPISODE._replace(seq=4)})

    assert body(known=after)["known"]["episodes"][0]["seq"] == 4
    assert body(known=replace(known, generation=5))["known"]["generation"] == 5
    assert body(known=known)["known"]["episodes"][0]["seq"] == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [("serial", -1), ("serial", "1"), ("log", None), ("position", [0, "a"]), ("known", {}), ("pending", 3)],
)
def test_what_is_not_as_we_write_it_is_refused(name, value):
    form = body(known=KNOWN, pending=PENDING)
    assert decode_checkpoint(sealed(form), Path("checkpoint")).known == KNOWN

    with pytest.raises(msgspec.ValidationError):
        decode_checkpoint(sealed({**form, name: value}), Path("checkpoint"))
