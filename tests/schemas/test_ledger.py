"""Records of the ledger are read and written as journals have them."""

from datetime import UTC, datetime

import pytest

from schemas.decider_record import Proposed
from schemas.ledger import WRITERS, read_record, write_record
from schemas.ledger_words import Role
from schemas.operator_record import Hold
from schemas.verb import Mode, Risk, Verb

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


def proposed(**changed):
    fields = {"intent_id": "i", "action_id": "a", "node": "piha", "service": "web", "verb": Verb.RESTART}
    fields |= {"risk": Risk.SAFE, "params": {}, "number": 1, "problem_at": NOON, "evidence_fingerprint": "e"}
    fields |= {"recommendation_id": "r", "rule_id": "all", "mode": Mode.AUTO, "approvals": 1}
    return Proposed(**fields | changed)


def test_a_journal_says_class_and_writes_instants_as_the_specification_does():
    form = write_record(proposed())

    assert (form["kind"], form["class"], form["problem_at"]) == ("proposed", "safe", "2026-06-03T12:00:00Z")
    assert form["requested"] is None


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"kind": "holds"}, id="an unknown kind"),
        pytest.param({"untill": "2026-06-03T12:00:00Z"}, id="an unknown field"),
        pytest.param({"until": "2026-06-03T12:00:00"}, id="a time without a zone"),
        pytest.param({"target": None}, id="no target"),
    ],
)
def test_what_is_no_record_is_an_error(spoilt):
    form = write_record(Hold(target="piha/web", until=NOON))

    assert read_record(form) == Hold(target="piha/web", until=NOON)
    with pytest.raises(ValueError, match="validation error"):
        read_record(form | spoilt)


def test_each_kind_belongs_to_one_role():
    assert {WRITERS["proposed"], WRITERS["hold"], WRITERS["started"]} == set(Role)
    assert len(WRITERS) == 24
