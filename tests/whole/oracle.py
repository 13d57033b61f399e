"""Judge thousands of random fleets twice, and print where supervisor and plain script differ, and what was reached.

python -m tests.whole.oracle --fleets 5000
"""

import argparse
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from tests.helpers.comparison import compare, compare_sequence
from tests.helpers.coverage import LINES, TOLD, lines_reached, lines_told


def main() -> int:
    """Print differences and coverage; return 1 where there is a difference."""
    parser = argparse.ArgumentParser(description="Compare the supervisor with the plain script on random fleets.")
    parser.add_argument("--fleets", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first fleet")
    parser.add_argument("--show", type=int, default=20, help="fleets of which the differences are printed")
    parser.add_argument("--in-a-row", action="store_true", help="some runs of each fleet, with their events")
    options = parser.parse_args()
    reached: Counter[str] = Counter()
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seed, options.seed + options.fleets):
            found, lines = judge_both(seed, Path(folder) / "fleet", in_a_row=options.in_a_row)
            reached.update(found)
            different += bool(lines)
            if lines and different <= options.show:
                print(f"seed {seed}:", *lines, sep="\n  ", flush=True)
    asked = [*LINES, *(TOLD if options.in_a_row else [])]
    for line in asked:
        print(f"{reached[line]:6d}  {line}")
    missed = sum(not reached[line] for line in asked)
    print(f"{options.fleets} fleets, {different} with differences, {missed} lines not reached")
    return 1 if different else 0


def judge_both(seed: int, folder: Path, *, in_a_row: bool) -> tuple[list[str], list[str]]:
    """Return the lines that a fleet reached, and the differences; an error is one as well."""
    try:
        runs = compare_sequence(seed, folder) if in_a_row else [compare(seed, folder)]
    except Exception:  # noqa: BLE001 - a run that raises is a difference like another
        return [], traceback.format_exc().splitlines()[-12:]
    lines = []
    for place, run in enumerate(runs):
        if run.differences:
            lines += [f"run {place}: {', '.join(run.fleet.twists)}", *run.differences]
            break
    reached = {line for run in runs if run.found for line in lines_reached(run.fleet, run.found)}
    return [*reached, *{line for run in runs for line in lines_told(run.told)}], lines


if __name__ == "__main__":
    sys.exit(main())
