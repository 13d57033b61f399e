"""What one run leaves to the next is written as it always was, and refused where it is anything else."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from flows.ledger.checkpoint import Checkpoint, Known, Pending, decode_checkpoint, encode_checkpoint
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


@pytest.mark.parametrize(
    ("name", "value"),
    [("serial", -1), ("serial", "1"), ("log", None), ("position", [0, "a"]), ("known", {}), ("pending", 3)],
)
def test_what_is_not_as_we_write_it_is_refused(name, value):
    form = body(known=KNOWN, pending=PENDING)
    assert decode_checkpoint(sealed(form), Path("checkpoint")).known == KNOWN

    with pytest.raises(msgspec.ValidationError):
        decode_checkpoint(sealed({**form, name: value}), Path("checkpoint"))
