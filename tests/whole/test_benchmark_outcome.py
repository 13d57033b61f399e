"""What the benchmark takes for the same conclusions."""

import pytest

from benchmarks.outcome import disagreement

ADVICE = {"recommendation_id": "a", "action": "redeploy", "root_causes": []}
OUTCOME = {"state": "nominal", "drift": [["missing_service"]], "recommendations": [ADVICE], "reasons": [["a", "why"]]}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"state": "degraded"}, id="state"),
        pytest.param({"drift": []}, id="drift"),
        pytest.param({"recommendations": [{**ADVICE, "root_causes": ["b"]}]}, id="root cause"),
        pytest.param({"reasons": [["a", "another"]]}, id="reason"),
    ],
)
def test_outcomes_that_differ_in_anything_disagree(other):
    assert disagreement(OUTCOME, OUTCOME) is None
    assert disagreement(OUTCOME, OUTCOME | other) is not None


def test_a_script_that_gives_no_reasons_can_agree():
    assert disagreement(OUTCOME, OUTCOME | {"reasons": []}) is None
