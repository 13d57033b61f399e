"""Identities are hashes of canonical JSON: the vectors of the specification, and what they must not depend on."""

from datetime import UTC, datetime

import pytest

from schemas.canonical import identify_evidence, identify_intent, spell_instant, write_canonical

EVIDENCE = "cfa755c691f661f52df25cb94d571e91b0d585afddf3de583fc62942e86f380b"
INTENT = "4345d6c09ad89cd569b831f4e063659a5dc218f5425d0d60a107228f2024aa6a"
AT = datetime(2026, 6, 3, 19, 42, tzinfo=UTC)


def evidence(**changed):
    fields = {
        "action": "container_restart",
        "event_type": "reconcile_required",
        "causing_kinds": ["unhealthy_service"],
        "drift_ids": ["unhealthy-service-piha-mosquitto"],
        "root_causes": [],
        "desired_hash": "d" * 64,
        "step_hash": "e" * 64,
    }
    return identify_evidence(**fields | changed)


def test_evidence_has_the_fingerprint_of_the_specification():
    assert evidence() == EVIDENCE


def test_an_intent_has_the_id_of_the_specification():
    intent = {"verb": "restart", "node": "piha", "service": "mosquitto", "params": {}, "number": 1}

    assert identify_intent(**intent, problem_at=AT, evidence_fingerprint=EVIDENCE) == INTENT


def test_the_order_in_which_evidence_is_told_does_not_matter():
    assert evidence(drift_ids=["a", "b"]) == evidence(drift_ids=["b", "a"]) != EVIDENCE


@pytest.mark.parametrize("changed", [{"desired_hash": None}, {"step_hash": "f" * 64}, {"root_causes": ["a/b"]}])
def test_other_evidence_has_another_fingerprint(changed):
    assert evidence(**changed) != EVIDENCE


def test_canonical_json_is_ascii_sorted_and_without_spaces():
    assert write_canonical({"b": [1, None, True], "a": "ü"}) == '{"a":"\\u00fc","b":[1,null,true]}'


def test_what_is_no_number_has_no_canonical_form():
    with pytest.raises(ValueError, match="JSON compliant"):
        write_canonical(float("nan"))


def test_an_instant_has_a_fraction_only_where_there_is_one():
    assert spell_instant(AT) == "2026-06-03T19:42:00Z"
    assert spell_instant(AT.replace(microsecond=500_000)) == "2026-06-03T19:42:00.500000Z"
