"""`python -m tests.faults`: every case of the catalogue, with a table of entries and cases for each area."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.cases import read_catalogue


class Tally:
    """Counts cases by area as they end."""

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.numbers: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            self.numbers[item.nodeid] = [str(number) for mark in item.iter_markers("fault") for number in mark.args]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        is_over = report.when == "call" or (report.when == "setup" and report.failed)
        if is_over and not report.skipped:
            for number in self.numbers.get(report.nodeid, ()):
                (self.passed if report.passed else self.others)[number] += 1


def main() -> int:
    """Run the cases; return 1 where one does not pass."""
    tally = Tally()
    code = pytest.main([str(Path(__file__).parent), "-q", "-p", "no:xdist", *sys.argv[1:]], plugins=[tally])
    entries = read_catalogue()
    for area in dict.fromkeys(entry.area for entry in entries.values()):
        mine = [entry for entry in entries.values() if entry.area == area]
        passed = sum(tally.passed[entry.number] for entry in mine)
        others = sum(tally.others[entry.number] for entry in mine)
        whole = sum(tally.passed[entry.number] > 0 and not tally.others[entry.number] for entry in mine)
        differing, lacking = sum(bool(entry.differs) for entry in mine), sum(bool(entry.lacks) for entry in mine)
        print(
            f"{area:10} {len(mine):3} entries, {whole:3} pass, {lacking} without a case, {differing:2} differ;"
            f" {passed:3} cases passed, {others} did not"
        )
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
