"""Give the supervisor the worst input of each kind, each in a process of its own: how it ended, in what time and memory.

    python -m benchmarks.hostile
    python -m benchmarks.hostile --memory-mib 2048 --inputs incidents,strangers

With `--memory-mib` the address space of each process is limited (`prlimit --as`), so that one which needs more would
end with "out of memory"; exit code 1 says that one did, or that one ended in any other way than it should.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.cases import Place, supervise
from benchmarks.fleet import AS_OF, write_fleet
from benchmarks.measure import Measured, measure
from benchmarks.table import align

MIB = 1024 * 1024
SEEN = AS_OF.isoformat()
SKIPPED, DRIFT, PARTIAL, NOT_WRITTEN = 3, 0, 1, 5
"""The exit codes that are met; `--exit-zero` makes drift 0."""
INVENTORY_FILE = "fleet/hosts/node-00000/services.yaml"


@dataclass(frozen=True)
class Hostile:
    """One kind of input, and how a run with it must end."""

    name: str
    label: str
    path: str
    """Of the file that is replaced or made, in the place's folder."""
    pieces: Callable[[], Iterator[str]]
    exit_code: int
    fleet: Callable[[Path], None] | None = None
    """Makes another fleet than the small one, before the file is replaced."""


def records(count: int, record: str, key: str = "node-00000/s{}") -> Callable[[], Iterator[str]]:
    """Return an object of so many equal records."""

    def pieces() -> Iterator[str]:
        yield f'{{"{key.format("first")}":{record}'
        for number in range(count - 1):
            yield f',"{key.format(str(number))}":{record}'
        yield "}"

    return pieces


def repeated(text: str, count: int, begin: str = "", end: str = "") -> Callable[[], Iterator[str]]:
    """Return a text over and over."""

    def pieces() -> Iterator[str]:
        yield begin
        for _ in range(count // 1000):
            yield text * 1000
        yield end

    return pieces


def merges() -> Iterator[str]:
    """Yield a mapping of merge keys that multiply by ten at each of six levels."""
    yield "m0: &m0 {" + ", ".join(f"k{number}: {number}" for number in range(1000)) + "}\n"
    yield from (f"m{level}: &m{level} {{<<: [{', '.join([f'*m{level - 1}'] * 10)}]}}\n" for level in range(1, 7))


def chain() -> Iterator[str]:
    """Yield services of which each needs the next, and the last none."""
    yield "services:\n"
    yield from (f"  s{number}: {{depends_on: [s{number + 1}]}}\n" for number in range(19_999))
    yield "  s19999:\n"


def everything() -> Iterator[str]:
    """Yield services of which each needs all that follow: more paths than could ever be walked."""
    yield "services:\n"
    for number in range(400):
        yield f"  s{number}: {{depends_on: [{', '.join(f's{other}' for other in range(number + 1, 400))}]}}\n"


def externals(nodes: int, services: int) -> Callable[[Path], None]:
    """Return what makes a fleet in which all is broken, and each service needs another, on whatever node it is."""

    def make(folder: Path) -> None:
        needs = "".join(
            f"  s{number}:\n    depends_on:\n      external: [s{(number + 1) % services}]\n"
            for number in range(services)
        )
        for number in range(nodes):
            host = folder / f"hosts/node-{number:05d}"
            host.mkdir(parents=True)
            (host / "services.yaml").write_text(f"services:\n{needs}")
        (folder / "world").mkdir()
        seen = {f"node-{number:05d}": {"status": "online", "last_seen": SEEN} for number in range(nodes)}
        (folder / "world/nodes.json").write_text(json.dumps(seen))

    return make


def broken(nodes: int, services: int) -> Iterator[str]:
    """Yield the records of such a fleet: every service has exited."""
    yield "{"
    for number in range(nodes):
        of_node = ",".join(f'"node-{number:05d}/s{one}":{EXITED}' for one in range(services))
        yield of_node if number == 0 else f",{of_node}"
    yield "}"


EXITED = f'{{"status":"exited","last_seen":"{SEEN}"}}'
GOOD = f'{{"status":"ok","last_seen":"{SEEN}"}}'
INCIDENT = '{"node":"node-00000","service":"all","status":"active","severity":"critical","started_at":1}'
DEPLOYMENT = '{"node":"node-00000","service":"x","status":"failed","started_at":1}'
SERVICES, NODES, INCIDENTS, DEPLOYMENTS, SUMMARY = (
    f"fleet/world/{name}.json" for name in ("services", "nodes", "incidents", "deployments", "runtime-summary")
)
VALUES, END = '{"node-00000/svc-0003":{"status":"ok","x":[1', "]}}"
STATUS, STATUS_END = '{"node-00000/svc-0003":{"status":"\U0001f4a5', '"}}'
KEY_END = 'node-00000/svc-0003":{"status":"ok"}}'
INPUTS = [
    Hostile("strangers", "1,000,000 services that nobody asks for", SERVICES, records(1_000_000, GOOD), SKIPPED),
    Hostile(
        "capitals", "1,240,000 of them, in capitals", SERVICES, records(1_240_000, GOOD, "NODE-00000/S{}"), SKIPPED
    ),
    Hostile("scalars", "1,240,000 records that are none", SERVICES, records(1_240_000, "1"), SKIPPED),
    Hostile("items", "9,000,000 numbers in a list", SERVICES, repeated(",1", 9_000_000, "[1", "]"), SKIPPED),
    Hostile("keys", "500,000 records under five keys", SERVICES, records(500_000, GOOD, "node-00000/s{:.1}"), SKIPPED),
    Hostile(
        "empties", "2,400,000 empty objects in one record", SERVICES, repeated(",{}", 2_400_000, VALUES, END), DRIFT
    ),
    Hostile("pairs", "2,400,000 objects of one pair", SERVICES, repeated(',{"a":1}', 2_400_000, VALUES, END), DRIFT),
    Hostile("brackets", "100 MiB of brackets", SERVICES, repeated("[", 100 * MIB), SKIPPED),
    Hostile("status", "a status of 100 MiB", SERVICES, repeated("x", 100 * MIB, STATUS, STATUS_END), DRIFT),
    Hostile("key", "a key of 100 MiB", SERVICES, repeated(" ", 100 * MIB, '{"', KEY_END), DRIFT),
    Hostile("bytes", "a file of 1 GiB", SERVICES, repeated(" ", 1024 * MIB), SKIPPED),
    Hostile("nodes", "1,000,000 nodes", NODES, records(1_000_000, '{"status":"up"}', "n{}"), SKIPPED),
    Hostile("incidents", "240,000 incidents", INCIDENTS, records(240_000, INCIDENT, "i{}"), DRIFT),
    Hostile("deployments", "1,000,000 deployments", DEPLOYMENTS, records(1_000_000, DEPLOYMENT, "d{}"), SKIPPED),
    Hostile("summary", "a summary of 2,000,000 entries", SUMMARY, records(2_000_000, "1", "k{}"), SKIPPED),
    Hostile("merges", "YAML merge keys, a thousand million", INVENTORY_FILE, merges, PARTIAL),
    Hostile("flow", "8 MB of YAML brackets", INVENTORY_FILE, repeated("[", 8_000_000), PARTIAL),
    Hostile("list", "a YAML list of 2,700,000 items", INVENTORY_FILE, repeated("- \n", 2_700_000), PARTIAL),
    Hostile("scalar", "a YAML text of 8 MB", INVENTORY_FILE, repeated("x", 8_000_000, "services: [", "]"), PARTIAL),
    Hostile("names", "a YAML list of 400,000 bad names", INVENTORY_FILE, repeated("- '!'\n", 400_000), PARTIAL),
    Hostile("chain", "20,000 services, each needs the next", INVENTORY_FILE, chain, DRIFT),
    Hostile("dense", "400 services, each needs all that follow", INVENTORY_FILE, everything, DRIFT),
    *(
        Hostile(
            f"externals-{nodes}",
            f"{nodes:,} nodes of {services} broken services, each needs one on any node",
            SERVICES,
            partial(broken, nodes, services),
            code,
            externals(nodes, services),
        )
        for nodes, services, code in ((1_000, 11, DRIFT), (4_000, 3, DRIFT), (10_000, 5, DRIFT))
    ),
    Hostile("log", "a foreign line of 1 GiB in the log", "state/events.log", repeated("x", 1024 * MIB), DRIFT),
    Hostile("checkpoint", "a checkpoint of 1 GiB", "state/checkpoint.json", repeated("x", 1024 * MIB), NOT_WRITTEN),
]


def main(arguments: list[str] | None = None) -> int:
    """Run each input that is asked for, print the table, and return 1 where one ends as it should not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile")
    parser.add_argument("--inputs", default=",".join(one.name for one in INPUTS), help="some of: %(default)s")
    parser.add_argument("--memory-mib", type=int, help="limit each process's address space")
    parser.add_argument("--folder", type=Path, help="where to work, in a folder of its own; needs 2 GB")
    options = parser.parse_args(arguments)
    wanted = options.inputs.split(",")
    lines: list[tuple[str, ...]] = [("input", "exit code", "s", "cpu s", "peak MB", "what was said"), ("---",) * 6]
    is_wrong = False
    for one in (one for one in INPUTS if one.name in wanted):
        with tempfile.TemporaryDirectory(prefix="hostile-", dir=options.folder) as folder:
            measured, said = run(one, Place(Path(folder), sys.executable), options.memory_mib)
        is_wrong |= measured.exit_code != one.exit_code
        wrong = "" if measured.exit_code == one.exit_code else f", not {one.exit_code}"
        times = (f"{measured.wall_s:.1f}", f"{measured.cpu_s:.1f}")
        lines.append((one.label, f"{measured.exit_code}{wrong}", *times, f"{measured.peak_bytes / 1e6:.0f}", said))
        print(*lines[-1], sep="  ", file=sys.stderr)
    print(align(lines))
    return int(is_wrong)


def run(hostile: Hostile, place: Place, memory_mib: int | None) -> tuple[Measured, str]:
    """Return the figures of one run on a small fleet with the input, and what it said."""
    if hostile.fleet is not None:
        hostile.fleet(place.folder / "fleet")
    else:
        write_fleet(place.folder / "fleet", 10, 10)
    place.state.mkdir(mode=0o700)
    with (place.folder / hostile.path).open("w", encoding="utf-8") as file:
        file.writelines(hostile.pieces())
    within = ["prlimit", f"--as={memory_mib * MIB}"] if memory_mib else []
    output = place.folder / "output.json"
    measured = measure([*within, *supervise(place)], output, timeout_s=600)
    return measured, _said(output).replace(str(place.folder), "")[:120]


def _said(output: Path) -> str:
    """Return the error of the run, or its notes, or nothing."""
    errors = output.with_suffix(".err").read_text(errors="replace").strip()
    # What this process holds when it starts the next one counts for that one's peak.
    if output.stat().st_size > MIB:
        return ""
    try:
        document = json.loads(output.read_bytes())
    except ValueError:
        return errors.splitlines()[0] if errors else ""
    problems = [f"{row['file']}: {row['problem']}" for row in document["unread"]]
    kept = [f"{row['file']}: {row['reason']}" for row in document["rejected"]]
    return next(iter([*filter(None, [document["error"]]), *problems, *kept, *document["notes"]]), "")


if __name__ == "__main__":
    sys.exit(main())
