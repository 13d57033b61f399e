"""The table of a benchmark: time with its spread, memory, ratios to the supervisor, and growth with size."""

import math
import statistics
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.cases import COMPARISON, WHOLE, Case
from benchmarks.measure import Measured
from benchmarks.outcome import Outcome, count_kinds, disagreement, read_outcome, tell_size

HEAD = ("case", "does", "services", "median s", "min-max s", "cpu s", "runs", "peak MB", "x warm", "outcome")


@dataclass
class Row:
    """One case in a fleet of one size."""

    case: Case
    services: int
    runs: list[Measured] = field(default_factory=list)
    note: str = ""
    """Why it was not run, or whether its outcome is that of the others."""
    is_skipped: bool = False
    size: str = ""
    """How much was concluded, of one that does the whole job."""

    def skip(self, reason: str) -> None:
        """Do not run it, and say why."""
        self.is_skipped, self.note = True, f"not run: {reason}"

    @property
    def median_s(self) -> float:
        """Return the median of the wall times."""
        return statistics.median(run.wall_s for run in self.runs) if self.runs else math.nan

    @property
    def median_cpu_s(self) -> float:
        """Return the median of the CPU times, of all processes and cores: on a busy machine the steadier figure."""
        return statistics.median(run.cpu_s for run in self.runs) if self.runs else math.nan

    @property
    def peak_bytes(self) -> int:
        """Return the largest peak of memory."""
        return max((run.peak_bytes for run in self.runs), default=0)

    @property
    def is_wrong(self) -> bool:
        """Return whether a run failed, or concluded what others did not."""
        return self.note.startswith(("failed", "differs"))

    def add(self, run: Measured, outcomes: dict[str, Outcome], output: Path) -> None:
        """Add a run, and compare its outcome with the first one of those that do the same."""
        self.runs.append(run)
        if run.exit_code:
            last = output.with_suffix(".err").read_text(errors="replace").strip().splitlines()[-1:]
            self.note = f"failed: {run.exit_code} {' '.join(last)[:100]}"
        elif self.case.does in {WHOLE, COMPARISON}:
            outcome = read_outcome(output)
            if self.case.does == WHOLE:
                outcomes.setdefault(COMPARISON, count_kinds(outcome))
            difference = disagreement(outcomes.setdefault(self.case.does, outcome), outcome)
            self.note = f"differs: {difference}"[:200] if difference else "same"
            self.size = tell_size(outcome) if self.case.does == WHOLE else ""

    def as_document(self) -> dict[str, Any]:
        """Return the figures for a file."""
        return {
            "case": self.case.name,
            "does": self.case.does,
            "services": self.services,
            "wall_s": [round(run.wall_s, 3) for run in self.runs],
            "cpu_s": [round(run.cpu_s, 3) for run in self.runs],
            "peak_bytes": self.peak_bytes,
            "note": self.note,
        }


def render(rows: list[Row]) -> str:
    """Return the tables as Markdown."""
    warm = {row.services: row.median_s for row in rows if row.case.name == "warm" and row.runs}
    lines = [HEAD, tuple("-" * len(word) for word in HEAD), *(_cells(row, warm.get(row.services)) for row in rows)]
    growth = [line for name in dict.fromkeys(row.case.name for row in rows) for line in _growth(rows, name)]
    parts = [align(lines), *agreements(rows)]
    if growth:
        parts.append("Growth: the exponent k of time ~ services^k; 1 is linear.\n" + align(growth))
    return "\n\n".join(parts)


def agreements(rows: list[Row]) -> list[str]:
    """Return a sentence for each size in which at least two that do the whole job concluded the same."""
    said = []
    for services in dict.fromkeys(row.services for row in rows):
        done = [row for row in rows if row.services == services and row.case.does == WHOLE and row.runs]
        if len(done) > 1 and not any(row.is_wrong for row in done):
            names = "; ".join(row.case.label for row in done)
            said.append(f"{services:,} services: all conclude the same ({names}): {done[0].size}.")
    return said


def _cells(row: Row, warm_s: float | None) -> tuple[str, ...]:
    head = (row.case.label, row.case.does, f"{row.services:,}")
    if not row.runs:
        return (*head, "", "", "", "0", "", "", row.note)
    walls = [run.wall_s for run in row.runs]
    ratio = f"{row.median_s / warm_s:.2f}" if warm_s else ""
    spread = f"{min(walls):.2f}-{max(walls):.2f}"
    times = (f"{row.median_s:.2f}", spread, f"{row.median_cpu_s:.2f}", str(len(walls)))
    return (*head, *times, f"{row.peak_bytes / 1e6:.0f}", ratio, row.note)


def _growth(rows: list[Row], name: str) -> list[tuple[str, ...]]:
    measured = [row for row in rows if row.case.name == name and row.runs and not row.is_wrong]
    steps = [
        f"{one.services:,} to {other.services:,}: {_exponent(one, other):.2f}" for one, other in pairwise(measured)
    ]
    return [(measured[0].case.label, *steps)] if steps else []


def _exponent(one: Row, other: Row) -> float:
    return math.log(other.median_s / one.median_s) / math.log(other.services / one.services)


def align(lines: list[tuple[str, ...]]) -> str:
    """Return lines of cells as a Markdown table."""
    widths = [max(len(line[column]) for line in lines if column < len(line)) for column in range(max(map(len, lines)))]
    padded = (" | ".join(word.ljust(width) for word, width in zip(line, widths, strict=False)) for line in lines)
    return "\n".join(f"| {line} |" for line in padded)
