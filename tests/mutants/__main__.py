"""`python -m tests.mutants [NAME ...]`: break the code in the ways that the lists beside this file name, and see which tests notice.

A list is a YAML file of mutants: `name`, `file`, `old` (a text that occurs once in the file), `new`, and `tests`, the paths that must fail
with it. The tree itself is never touched: each mutant is made in a copy.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
COPIED = (
    "flows",
    "stages",
    "schemas",
    "tests",
    "examples",
    "benchmarks",
    "tools",
    "docs",
    "pyproject.toml",
    "README.md",
)
TARGET = 0.95
"""The share of mutants that must be caught."""


@dataclass(frozen=True)
class Mutant:
    """One deliberate fault, and the tests that must see it."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def read_mutants(chosen: list[str]) -> Iterator[Mutant]:
    """Yield the mutants of all lists, or those whose list or name contains one of the chosen words."""
    for path in sorted(Path(__file__).parent.glob("*.yaml")):
        for row in yaml.safe_load(path.read_text()):
            mutant = Mutant(f"{path.stem}: {row['name']}", row["file"], row["old"], row["new"], tuple(row["tests"]))
            if not chosen or any(word in mutant.name for word in chosen):
                yield mutant


def apply(mutant: Mutant, tree: Path) -> None:
    """Break the copy; raises `ValueError` where the text to break is not there once: the list is out of date."""
    path = tree / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(
            f"{mutant.name}: the text occurs {text.count(mutant.old)} times in {mutant.file}, expected once"
        )
    path.write_text(text.replace(mutant.old, mutant.new))


def is_caught(mutant: Mutant) -> bool:
    """Return whether a test fails in a broken copy."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif (ROOT / name).exists():
                shutil.copy2(ROOT / name, tree / name)
        apply(mutant, tree)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            *mutant.tests,
        ]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode not in {0, 1}:
        raise ValueError(f"{mutant.name}: the tests did not run\n{done.stdout[-2000:]}{done.stderr[-1000:]}")
    return done.returncode == 1


def main() -> int:
    """Report how many of how many are caught, and name the survivors; 1 below the target."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("chosen", nargs="*", help="words of the names of those to try; all without")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    mutants = list(read_mutants(options.chosen))
    with ThreadPoolExecutor(options.jobs) as pool:
        caught = list(pool.map(is_caught, mutants))
    for mutant, seen in zip(mutants, caught, strict=True):
        print(f"{'caught  ' if seen else 'SURVIVES'}  {mutant.name}")
    print(f"{sum(caught)} of {len(mutants)} mutants caught")
    return 0 if sum(caught) >= TARGET * len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
