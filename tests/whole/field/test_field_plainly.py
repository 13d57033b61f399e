"""The cases of the field, judged by the plain script, come to what operators would have needed to see."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.plain import UnreadableWorldError, judge
from tests.helpers.field import Case, read_cases, shown_all, shown_drift, write_run

JUDGED = [case for case in read_cases() if "F11" not in case.name]
"""All but those about what an earlier run has seen, which the plain script does not remember."""


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.name)
def test_the_plain_script_finds_the_right_outcome(case: Case, tmp_path: Path) -> None:
    settling_since: dict[Any, Any] = {}
    for run in case:
        write_run(tmp_path, run)
        acknowledged = run.given.get("acknowledged", ())
        try:
            outcome = judge(tmp_path, tmp_path / "world", run.at, {}, "c", acknowledged, settling_since)
        except UnreadableWorldError:
            assert run.expected.get("outcome") == "skipped"
            continue
        settling_since = outcome["settling_since"]
        wanted = run.expected.get("advice")
        assert wanted is None or shown_all(outcome["recommendations"], wanted) == sorted(wanted)
        assert run.expected.get("state") in {None, outcome["summary"]["state"]}
        assert outcome["partial"] == (run.expected.get("outcome") == "partial")
        if "drift" in run.expected:
            assert shown_drift(outcome["drift"]) == sorted(run.expected["drift"])
