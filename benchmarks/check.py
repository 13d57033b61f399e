"""Processor time and peak memory of small and middling runs beside the release before, by ratio, in one run.

    python -m benchmarks.check [--ref v0.1.0] [--sizes 1k,20k] [--pairs 5]

Both run in turns, pair by pair, on the same fleets, by the same Python and packages: what differs is our code alone. A
report, and no gate: it says what is slower, and ends with 0. Without `--ref`, the newest tag; where there is none, a line.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cases import Place, supervise
from benchmarks.compare import SERVICES_OF_A_NODE, UNITS, change_some
from benchmarks.fleet import write_fleet
from benchmarks.measure import Measured, measure
from benchmarks.table import align

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "stages", "schemas")
NOTED = 1.15
"""A ratio that is told as slower, or as more; by less, runs of the same code differ."""
HEAD = ("case", "services", "cpu s before", "now", "ratio", "peak MB before", "now", "ratio", "")


@dataclass
class Pairs:
    """The runs of one case, of the release before and of now."""

    case: str
    services: int
    runs: list[tuple[Measured, Measured]] = field(default_factory=list)

    def row(self) -> tuple[str, ...]:
        """Return the cells: medians, and the medians of the pairs' ratios."""
        cpu = self._cells([(before.cpu_s, now.cpu_s) for before, now in self.runs], "{:.2f}")
        peak = self._cells([(before.peak_bytes / 1e6, now.peak_bytes / 1e6) for before, now in self.runs], "{:.0f}")
        words = [word for cells, word in ((cpu, "SLOWER"), (peak, "MORE MEMORY")) if float(cells[2]) > NOTED]
        return (self.case, f"{self.services:,}", *cpu, *peak, ", ".join(words))

    def _cells(self, pairs: list[tuple[float, float]], form: str) -> list[str]:
        medians = [form.format(statistics.median(side)) for side in zip(*pairs, strict=True)]
        return [*medians, f"{statistics.median(now / before for before, now in pairs):.2f}"]


def main() -> int:
    """Measure and print; return 0, or 2 where a run fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ref", help="a tag or commit to compare with; otherwise the newest tag")
    parser.add_argument("--sizes", default="1k,20k", help="how many services")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each case and side")
    options = parser.parse_args()
    ref = options.ref or _newest_tag()
    if ref is None:
        print("bench-check: no earlier release is tagged here; 'make bench-check REF=...' compares with any commit")
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-check-") as folder:
        place = Path(folder)
        codes = {"before": _extract(ref, place / "before"), "now": _copy(place / "now")}
        rows = [row for size in options.sizes.split(",") for row in _measure(place, size, codes, options.pairs)]
    lines = [HEAD, tuple("-" * len(word) for word in HEAD), *(row.row() for row in rows)]
    print(f"bench-check: beside {ref}, {options.pairs} pairs of each; ratios are now to before\n{align(lines)}")
    return 0


def _newest_tag() -> str | None:
    asked = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None


def _extract(ref: str, folder: Path) -> Path:
    folder.mkdir()
    packed = subprocess.run(["git", "archive", ref, *PACKAGES], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return _compile(folder)


def _copy(folder: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return _compile(folder)


def _compile(folder: Path) -> Path:
    """Compile all of it, so that no run does."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder)], check=True)
    return folder


def _measure(folder: Path, size: str, codes: Mapping[str, Path], count: int) -> list[Pairs]:
    services = int(size[:-1]) * UNITS[size[-1]]
    fleet = folder / size
    write_fleet(fleet / "fleet", max(1, services // SERVICES_OF_A_NODE), SERVICES_OF_A_NODE)
    shutil.copytree(fleet / "fleet" / "world", fleet / "earlier-world")
    change_some(fleet / "fleet" / "world" / "services.json")
    sides = [_Side(fleet, name, code) for name, code in codes.items()]
    cases = {name: Pairs(name, services) for name in ("cold", "warm")}
    for number in range(count):
        for name, pairs in cases.items():
            found = [side.run(name) for side in (sides if number % 2 else sides[::-1])]
            old, new = found if number % 2 else found[::-1]
            pairs.runs.append((old, new))
    return list(cases.values())


class _Side:
    """One version of the code, with a state folder of its own beside the same fleet."""

    def __init__(self, fleet: Path, name: str, code: Path) -> None:
        self.place = Place(fleet, "")
        self.folder = fleet / name
        self.folder.mkdir()
        self.environment = os.environ | {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"}
        self.primed = self.folder / "primed"

    def run(self, case: str) -> Measured:
        """Run once: cold with nothing, warm with what a run on the earlier world left."""
        state = self.place.state
        shutil.rmtree(state, ignore_errors=True)
        if case == "warm":
            if not self.primed.exists():
                self._call(self.place.earlier_world)
                state.rename(self.primed)
            shutil.copytree(self.primed, state)
        return self._call(self.place.world)

    def _call(self, world: Path) -> Measured:
        output = self.folder / "run.out"
        ran = measure(supervise(self.place, world), output, self.environment)
        if ran.exit_code:
            raise SystemExit(f"bench-check: {self.folder.name}: {output.with_suffix('.err').read_text()}")
        return ran


if __name__ == "__main__":
    raise SystemExit(main())
