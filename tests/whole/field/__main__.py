"""Each case of the field with what came of it, as a table: `python -m tests.whole.field`."""

import json
import sys
import tempfile
from pathlib import Path

from flows.render.document import to_json
from flows.run.result import RunReport
from tests.helpers.field import Case, read_cases, write_run
from tests.helpers.real_run import run_in
from tests.whole.field.test_field import difference


def main() -> int:
    """Print the table; return 1 where a case did not come out right."""
    cases = read_cases()
    print("| case | what came of each run | right |\n|---|---|---|")
    wrong = sum(not show(case) for case in cases)
    print(f"\n{len(cases)} cases and variants, {wrong} not as they should be")
    return 1 if wrong else 0


def show(case: Case) -> bool:
    """Print the case's line; return whether all of its runs are as they should be."""
    came, is_right = [], True
    with tempfile.TemporaryDirectory() as name:
        for run in case:
            write_run(Path(name), run)
            given = run.given
            report, events = run_in(Path(name), run.at, given.get("acknowledged", ()), **given.get("settings", {}))
            is_right &= difference(report, events, run) == {}
            came.append(f"{run.at:%H:%M} {outcome(report)}")
    print(f"| {case.name} | {'; '.join(came)} | {'yes' if is_right else 'NO'} |", flush=True)
    return is_right


def outcome(report: RunReport) -> str:
    """Return the state and what is recommended, or how a run without conclusions ended."""
    if report.judgement is None:
        return report.outcome.value
    advised = [row["recommendation_id"] for row in json.loads("".join(to_json(report)))["recommendations"]]
    partial = f"{report.outcome.value}, " if report.outcome.value != "completed" else ""
    return f"{partial}{report.state}: {', '.join(advised) or 'nothing'}"


if __name__ == "__main__":
    sys.exit(main())
