"""Measure the supervisor beside its peers in one run: each in its own process, in turn, on the same fleets.

    python -m benchmarks.compare --sizes 1k,20k,150k,1M
    python -m benchmarks.compare --sizes 1M --cases warm,cold,plain-c --repeats 3

A warm run has an inventory that its cache knows and a world that is new; a cold one has no cache. Every outcome is
compared: those that do the whole job must conclude the same, and those that only compare must count the same.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.cases import CASES, COMPARISON, Case, Place, find_peer_python, is_installed, supervise
from benchmarks.fleet import write_fleet
from benchmarks.measure import Measured, measure
from benchmarks.outcome import Outcome
from benchmarks.table import Row, render

SERVICES_OF_A_NODE = 100
UNITS = {"k": 1000, "M": 1_000_000}
REPEATS = [(2_000, 7), (50_000, 5), (2_000_000, 3)]
"""How often a case runs in a fleet of at most so many services."""
SLOW_S = 30.0
"""A case that took this long in all is not run again."""


def main() -> int:
    """Run what the command line asks for, print the table, and return 1 where two outcomes differ."""
    options = _parser().parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as folder:
        for size in options.sizes.split(","):
            services = int(float(size.rstrip("kM")) * UNITS.get(size[-1], 1))
            place = _prepare(Path(folder) / size, services, options)
            rows += _measure_size(place, services, options)
            shutil.rmtree(place.folder)
    print(render(rows))
    if options.json:
        options.json.write_text(json.dumps([row.as_document() for row in rows], indent=2))
    return 1 if any(row.is_wrong for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the supervisor beside its peers.")
    parser.add_argument("--sizes", default="1k,20k", help="how many services, such as 1k,20k,150k,1M")
    parser.add_argument("--cases", default=",".join(case.name for case in CASES), help="which, by name")
    parser.add_argument("--repeats", type=int, default=0, help="runs of each case; 0 chooses by size")
    parser.add_argument("--with-slow", action="store_true", help="also what takes minutes to a quarter hour")
    parser.add_argument("--peer-python", default=find_peer_python(), help="a Python that has the peers")
    parser.add_argument("--folder", type=Path, default=None, help="where the fleets are put for the while")
    parser.add_argument("--json", type=Path, default=None, help="also write the figures to this file")
    return parser


def _prepare(folder: Path, services: int, options: argparse.Namespace) -> Place:
    """Write a fleet, its world of a moment before, and the peers' tables."""
    place = Place(folder, options.peer_python)
    print(f"preparing {services:,} services", file=sys.stderr)
    fleet = write_fleet(place.inventory, max(1, services // SERVICES_OF_A_NODE), min(services, SERVICES_OF_A_NODE))
    (folder / "aliases.json").write_text(json.dumps(fleet.rules["node_alias_map"]))
    shutil.copytree(place.world, place.earlier_world)
    change_some(place.world / "services.json")
    if any(case.does == COMPARISON for case in _chosen(options)):
        folders = map(str, (place.inventory, place.world, place.tables))
        _must(place, [sys.executable, "-m", "benchmarks.peers.tables", *folders])
    return place


def change_some(path: Path) -> None:
    """Let one service in a thousand have changed since the world before."""
    lines = path.read_text().splitlines(keepends=True)
    lines[500::1000] = [line.replace('"status": "healthy"', '"status": "exited"') for line in lines[500::1000]]
    path.write_text("".join(lines))


def _must(place: Place, command: list[str]) -> None:
    output = place.folder / "prepare.out"
    if measure(command, output).exit_code:
        raise SystemExit(f"{' '.join(command)}\n{output.with_suffix('.err').read_text()}")


def _chosen(options: argparse.Namespace) -> list[Case]:
    names = options.cases.split(",")
    unknown = set(names) - {case.name for case in CASES}
    if unknown:
        there_are = ", ".join(case.name for case in CASES)
        raise SystemExit(f"no such case: {', '.join(sorted(unknown))}; there are {there_are}")
    return [case for case in CASES if case.name in names]


def _measure_size(place: Place, services: int, options: argparse.Namespace) -> list[Row]:
    """Measure the cases in turns, so that a slow minute of the machine meets them all."""
    rows = {case.name: Row(case, services) for case in _chosen(options)}
    for row in rows.values():
        limit = row.case.hard_limit if options.with_slow else min(row.case.max_services, row.case.hard_limit)
        if services > limit:
            row.skip("too slow" if services > row.case.hard_limit else "--with-slow")
        elif not is_installed(row.case, place):
            row.skip("not installed")
    repeats = options.repeats or next(count for most, count in REPEATS if services <= most)
    outcomes: dict[str, Outcome] = {}
    for _ in range(repeats):
        for row in rows.values():
            is_slow = sum(run.wall_s for run in row.runs) > SLOW_S
            if not (row.is_skipped or row.is_wrong or is_slow):
                row.add(_run(row.case, place), outcomes, place.folder / f"{row.case.name}.out")
                print(f"  {row.case.name}: {row.runs[-1].wall_s:.2f} s {row.note}", file=sys.stderr)
    return list(rows.values())


def _run(case: Case, place: Place) -> Measured:
    """Run a case once; the supervisor begins with nothing (cold), or with what a run on the earlier world left."""
    if case.name in {"warm", "cold"}:
        shutil.rmtree(place.state, ignore_errors=True)
    if case.name == "warm":
        if not place.primed.exists():
            _must(place, supervise(place, place.earlier_world))
            place.state.rename(place.primed)
        shutil.copytree(place.primed, place.state)
    return measure(case.command(place), place.folder / f"{case.name}.out")


if __name__ == "__main__":
    raise SystemExit(main())
