"""The cases of the field, judged by the plain script, come to what operators would have needed to see."""

from pathlib import Path

import pytest

from benchmarks.peers.plain import UnreadableWorldError, document, look
from benchmarks.peers.plain.memory import Memory, is_older, tell
from tests.helpers.field import Case, read_cases, shown_all, shown_drift, write_run


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.name)
def test_the_plain_script_finds_the_right_outcome(case: Case, tmp_path: Path) -> None:
    memory = Memory()
    for run in case:
        write_run(tmp_path, run)
        expected = run.expected
        try:
            found = look(tmp_path, tmp_path / "world", run.at, {}, "c", memory.settling_since)
        except UnreadableWorldError:
            assert expected["outcome"] == "skipped"
            continue
        if is_older(memory, found):
            assert expected["outcome"] == "skipped"
            continue
        outcome = document(found, run.given.get("acknowledged", ()))
        memory.settling_since = outcome["settling_since"]
        events = tell(memory, found)
        wanted = expected.get("advice")
        assert wanted is None or shown_all(outcome["recommendations"], wanted) == sorted(wanted)
        assert expected.get("state") in {None, outcome["summary"]["state"]}
        assert outcome["partial"] == (expected.get("outcome") == "partial")
        assert "drift" not in expected or shown_drift(outcome["drift"]) == sorted(expected["drift"])
        assert "events" not in expected or events == sorted(expected["events"])
