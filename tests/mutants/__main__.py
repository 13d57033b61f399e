"""`python -m tests.mutants [WORD ...]`: break the code in the ways that the lists beside this file name, and see which tests notice.

A list is a YAML file of mutants: `name`, `file`, `old` (a text that occurs once in the file), `new`, and `tests`, the paths that must fail
with it. The tree itself is never touched: each mutant is made in a copy, and tested in a process of its own, which begins with the
libraries loaded and none of our modules.
"""

import argparse
import multiprocessing
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.own_yaml import read_yaml
from tests.mutants.worker import FAILED, PASSED, run_tests

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
LIBRARIES = ["hypothesis", "msgspec", "pandera.polars", "polars", "pydantic", "pytest", "yaml"]
PROCESSES = multiprocessing.get_context("forkserver")
LONGEST_S = 600
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
        for row in read_yaml(path):
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
        said = tree / "said.txt"
        process = PROCESSES.Process(target=run_tests, args=(tree, said, mutant.tests))
        process.start()
        process.join(LONGEST_S)
        process.kill()
        if process.exitcode not in {PASSED, FAILED}:
            raise ValueError(
                f"{mutant.name}: the tests did not run\n{said.read_text()[-2000:] if said.exists() else ''}"
            )
    return process.exitcode == FAILED


def main() -> int:
    """Report how many of how many are caught, and name the survivors; 1 below the target."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("chosen", nargs="*", help="words of the names of those to try; all without")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    mutants = list(read_mutants(options.chosen))
    PROCESSES.set_forkserver_preload(LIBRARIES)
    caught = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for mutant, seen in zip(mutants, pool.map(is_caught, mutants), strict=True):
            print(f"{'caught  ' if seen else 'SURVIVES'}  {mutant.name}", flush=True)
            caught += seen
    print(f"{caught} of {len(mutants)} mutants caught")
    return 0 if caught >= TARGET * len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
