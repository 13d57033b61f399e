"""`python -m tests.crash`: the whole sweep, with a table of the points for each fault."""

import sys
import time
from collections import Counter

from tests.crash.sweep import FAULTS, SCENES, has_strace, sweep


def main() -> int:
    """Sweep; return 1 where anything was lost, doubled or torn."""
    if not has_strace():
        print("strace is missing, or may not trace here (it needs CAP_SYS_PTRACE)", file=sys.stderr)
        return 1
    begun = time.perf_counter()
    points: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for scene, fault, point, problems in sweep(SCENES, FAULTS):
        points[fault] += 1
        failed[fault] += bool(problems)
        for problem in problems:
            print(f"{scene.name}: {fault} at {point.call} {point.number}: {problem}", file=sys.stderr)
    for fault in FAULTS:
        print(f"{fault:26} {points[fault]:5} points in {len(SCENES)} scenes, {failed[fault]} failed")
    print(f"{time.perf_counter() - begun:.0f} s")
    return 1 if failed.total() else 0


if __name__ == "__main__":
    sys.exit(main())
