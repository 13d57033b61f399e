"""The commands that are measured, each in a process of its own, and what each of them does."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet import AS_OF

MOMENT = AS_OF.strftime("%Y-%m-%dT%H:%M:%SZ")
WHOLE = "whole job"
COMPARISON = "comparison only"
FLOOR = "reads and decodes"
SUPERVISOR = "import sys; from flows.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Place:
    """One fleet on disk, and where runs keep what they write."""

    folder: Path
    peer_python: str

    @property
    def inventory(self) -> Path:
        """Return the inventory, which no run changes."""
        return self.folder / "fleet"

    @property
    def world(self) -> Path:
        """Return the world that is judged."""
        return self.folder / "fleet" / "world"

    @property
    def earlier_world(self) -> Path:
        """Return the world before it, which a warm supervisor has seen."""
        return self.folder / "earlier-world"

    @property
    def state(self) -> Path:
        """Return where the supervisor keeps its cache, its checkpoint, its log and its history."""
        return self.folder / "state"

    @property
    def primed(self) -> Path:
        """Return that state as a run on the earlier world left it."""
        return self.folder / "primed"

    @property
    def tables(self) -> Path:
        """Return what the peers that only compare are given."""
        return self.folder / "tables"


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    label: str
    does: str
    command: Callable[[Place], list[str]]
    max_services: int = 10**9
    """Where a run takes minutes beyond it, unless the slow ones are asked for."""
    hard_limit: int = 10**9
    """Where it does not end in an hour, or at all."""
    needs: str | None = None
    """A module of the peers' Python, or a program."""


def supervise(place: Place, world: Path | None = None) -> list[str]:
    """Return the command of a run of the supervisor, with everything that it writes in the place's state folder."""
    state = place.state
    options = {
        "--inventory": place.inventory,
        "--world": world or place.world,
        "--state-dir": state,
        "--event-log": state / "events.log",
        "--checkpoint": state / "checkpoint.json",
        "--as-of": MOMENT,
        "--format": "json",
    }
    words = [str(word) for option in options.items() for word in option]
    return [sys.executable, "-c", SUPERVISOR, "reconcile", "--exit-zero", *words]


def plain(loader: str) -> Callable[[Place], list[str]]:
    """Return the command of the plain script."""

    def command(place: Place) -> list[str]:
        aliases = f'{{"node_alias_map": {(place.folder / "aliases.json").read_text()}}}'
        script = [place.peer_python, "-m", "benchmarks.peers.plain", str(place.inventory), str(place.world)]
        return [*script, "--as-of", MOMENT, "--loader", loader, "--rules", aliases]

    return command


def floor(decoder: str) -> Callable[[Place], list[str]]:
    """Return the command that only reads and decodes."""
    script = [sys.executable, "-m", "benchmarks.peers.floor", decoder]
    return lambda place: [*script, str(place.inventory), str(place.world)]


def read_yaml(module: str, *, by_peer: bool = False) -> Callable[[Place], list[str]]:
    """Return the command that only reads the inventory."""
    return lambda place: [
        place.peer_python if by_peer else sys.executable,
        *("-m", f"benchmarks.peers.{module}", str(place.inventory)),
    ]


def comparison(peer: str) -> Callable[[Place], list[str]]:
    """Return the command of a peer that only compares."""
    return lambda place: [place.peer_python, "-m", "benchmarks.peers.comparison", peer, str(place.tables)]


CASES = [
    Case("warm", "supervisor, warm", WHOLE, supervise),
    Case("cold", "supervisor, cold", WHOLE, supervise),
    Case("plain", "(a) plain script", WHOLE, plain("safe"), max_services=200_000),
    Case("plain-c", "(b) plain script, C loader", WHOLE, plain("c")),
    Case("inventory", "supervisor's reading of an inventory anew", FLOOR, read_yaml("read_inventory")),
    Case("rapidyaml", "read bytes, rapidyaml", FLOOR, read_yaml("parse_yaml", by_peer=True), needs="ryml"),
    Case("floor-json", "read bytes, json", FLOOR, floor("json")),
    Case("floor-msgspec", "read bytes, msgspec", FLOOR, floor("msgspec")),
    Case(
        "detect",
        "supervisor's comparison",
        COMPARISON,
        lambda place: [sys.executable, "-m", "benchmarks.peers.ours", str(place.tables)],
    ),
    Case("duckdb", "(c) DuckDB", COMPARISON, comparison("duckdb"), needs="duckdb"),
    Case("pandas", "(d) pandas", COMPARISON, comparison("pandas"), needs="pandas"),
    Case("datacompy", "(e) datacompy", COMPARISON, comparison("datacompy"), needs="datacompy"),
    Case("deepdiff", "(f) DeepDiff", COMPARISON, comparison("deepdiff"), max_services=200_000, needs="deepdiff"),
    Case(
        "terraform",
        "(g) terraform plan",
        COMPARISON,
        comparison("terraform"),
        max_services=5_000,
        hard_limit=50_000,
        needs="terraform",
    ),
]


def find_peer_python() -> str:
    """Return the Python that has the peers: `.venv-bench`, as `make bench` makes it, or this one."""
    own = Path(".venv-bench/bin/python")
    return str(own.absolute()) if own.exists() else sys.executable


def is_installed(case: Case, place: Place) -> bool:
    """Return whether what the case needs is there."""
    if case.needs is None:
        return True
    if case.needs == "terraform":
        return shutil.which("terraform") is not None
    probe = [place.peer_python, "-c", f"import {case.needs}"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0
