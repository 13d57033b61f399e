"""A year of five-minute runs: how fast its history is made (and the snapshots only read), how large it is, how fast it is asked.

    python -m benchmarks.backfill FOLDER [--snapshots 105120] [--nodes 6] [--services 7] [--jobs 2] [--live]

FOLDER keeps the generated snapshots; the history is made anew. With `--live`, it is then taken apart into the files that
live runs leave, one for each run and table, and asked, compacted and asked again. Prints one JSON document.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.fleet import alias_of, service_name, write_fleet
from flows.ledger.history_writer import encode
from flows.past.day import Judge, group_days, within
from flows.past.invented import START, STEP, write_archive
from flows.past.sources import choose_inventories, make_judge, open_snapshots
from flows.settings import Settings
from flows.sources.snapshots.worlds import SnapshotSource

COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]
PROFILED_DAYS = 7


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--snapshots", type=int, default=105_120)
    parser.add_argument("--nodes", type=int, default=6)
    parser.add_argument("--services", type=int, default=7, help="of each node")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--live", action="store_true", help="measure the files of live runs, and their compaction, too")
    options = parser.parse_args()
    folder = options.folder.absolute()
    _generate(folder, options)
    state = folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    result = {"snapshots": options.snapshots, "services": options.nodes * options.services, "jobs": options.jobs}
    result |= _measure(folder, state, options)
    result |= _measure_live(state, options) if options.live else {}
    result["cpu_s_of_a_week"] = _profile(folder)
    print(json.dumps(result, indent=2))


def _generate(folder: Path, options: argparse.Namespace) -> None:
    if (folder / "archive").is_dir():
        return
    write_fleet(folder, options.nodes, options.services)
    names = {alias_of(n): [service_name(n, k) for k in range(options.services)] for n in range(options.nodes)}
    write_archive(folder / "archive", names, options.snapshots, 1, "tar.zst")


def _measure(folder: Path, state: Path, options: argparse.Namespace) -> dict[str, Any]:
    place = ["--inventory", str(folder), "--state-dir", str(state)]
    backfill = ["backfill", str(folder / "archive"), *place, "--jobs", str(options.jobs)]
    first_s, first_cpu_s = _time(backfill)
    again_s, _ = _time(backfill)
    bare_cpu_s = _time_bare(folder / "archive")
    return {
        "bare_cpu_s": round(bare_cpu_s, 1),
        "times_bare": round(first_cpu_s / bare_cpu_s, 2),
        "backfill_s": round(first_s, 1),
        "backfill_cpu_s": round(first_cpu_s, 1),
        "backfill_runs_per_s": round(options.snapshots / first_s),
        "backfill_again_s": round(again_s, 1),
        **_size(state),
        **_ask(state, options),
    }


def _size(state: Path) -> dict[str, Any]:
    sizes = [path.stat().st_size for path in state.rglob("*.parquet")]
    return {"history_mb": round(sum(sizes) / 1e6, 1), "history_files": len(sizes)}


def _ask(state: Path, options: argparse.Namespace, times: int = 5) -> dict[str, Any]:
    end = START + STEP * options.snapshots + timedelta(days=1)
    history = ["history", "--since", "366d", "--until", end.isoformat(), "--state-dir", str(state)]
    asked = [_time(history) for _ in range(times)]
    return {
        "ask_a_year_s": [round(wall_s, 2) for wall_s, _ in asked],
        "ask_a_year_cpu_s": [round(cpu_s, 2) for _, cpu_s in asked],
    }


def _time(arguments: list[str]) -> tuple[float, float]:
    """Return the wall and the CPU seconds of a command, its children included."""
    begun, cpu_s = time.perf_counter(), _spent_s()
    subprocess.run([*COMMAND, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun, _spent_s() - cpu_s


BARE = """
import json, subprocess, sys, tarfile
from pathlib import Path

for path in sorted(Path(sys.argv[1]).iterdir()):
    packed = subprocess.Popen(["zstd", "-qdc", path], stdout=subprocess.PIPE)
    with packed, tarfile.open(fileobj=packed.stdout, mode="r|") as tar:
        for member in tar:
            try:
                json.loads(tar.extractfile(member).read())
            except ValueError:
                pass
"""
"""Who reads and decodes all snapshots, and makes nothing of them."""


def _time_bare(archive: Path) -> float:
    """Return the CPU seconds of the bare script and of `zstd`."""
    cpu_s = _spent_s()
    subprocess.run([sys.executable, "-c", BARE, str(archive)], check=True)
    return _spent_s() - cpu_s


def _spent_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _measure_live(state: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the same of a history that live runs wrote, before and after it is compacted."""
    whole = _digest_files(state)
    _take_apart(state)
    before = {**_size(state), **_ask(state, options, times=1)}
    wall_s, cpu_s = _time(["history", "compact", "--state-dir", str(state)])
    return {
        "live": before,
        "compact_s": round(wall_s, 1),
        "compact_cpu_s": round(cpu_s, 1),
        "compacted": {**_size(state), "is_as_backfilled": _digest_files(state) == whole},
    }


def _digest_files(state: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in state.rglob("*.parquet")}


def _take_apart(state: Path) -> None:
    """Put the files of single runs in the place of each day's file."""
    for day in sorted(state.rglob("*.parquet")):
        for run in pl.read_parquet(day).partition_by("run_id", maintain_order=True):
            (day.parent / f"{run['run_id'][0]}-{run['as_of'][0]:%H%M%S%f}.parquet").write_bytes(encode(run))
        day.unlink()


def _profile(folder: Path) -> dict[str, float]:
    """Return the CPU seconds of each part of the work on a week, in one process."""
    settings = Settings(inventory=folder, state_dir=folder / "none")
    begun = time.process_time()
    with open_snapshots(_first_tars(folder), settings.limits) as source:
        unpacked = time.process_time()
        judge = make_judge(settings, source, choose_inventories(settings, None, source))
        days = group_days(within(source.list_snapshots(), START, START + timedelta(days=PROFILED_DAYS)))
        return {"unpack": round(unpacked - begun, 3), **_profile_days(judge, source, days)}


def _first_tars(folder: Path) -> Path:
    """Return a folder with the first week's archives alone."""
    place = folder / "week"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for tar in sorted((folder / "archive").iterdir())[:PROFILED_DAYS]:
        (place / tar.name).symlink_to(tar)
    return place


def _profile_days(judge: Judge, source: SnapshotSource, days: list[Any]) -> dict[str, float]:
    from flows.past.day import Batch, join_days, stretch
    from flows.past.make_days import to_history
    from flows.run.judge import judge as judge_worlds
    from flows.sources.world.actual import decode_readable_worlds

    taken: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        begun = time.process_time()
        result = work()
        taken[name] = round(taken.get(name, 0.0) + time.process_time() - begun, 3)
        return result

    for day in map(join_days, stretch(days, 1)):
        for version, worlds in timed("read", lambda day=day: list(judge.read_day(day, []))):
            known = judge.know(version)
            nodes = frozenset(known.desired.nodes["node"])
            decoded = timed(
                "decode", lambda w=worlds, n=nodes: decode_readable_worlds(w, judge.aliases, n, judge.limits)
            )
            judged = timed("judge", lambda k=known, d=decoded: judge_worlds(k.desired, d.actual, judge.rules))
            prints = timed(
                "fingerprint", lambda v=version, w=worlds: {one.as_of: judge.fingerprint(v, one) for one in w}
            )
            bad = {one.as_of for one in decoded.unreadable}
            kept = {as_of: of for as_of, of in prints.items() if as_of not in bad}
            rows = timed(
                "record", lambda k=known, d=decoded, j=judged, p=kept: to_history(Batch(k.desired, d.actual, j, p))
            )
            timed("encode", lambda r=rows: [encode(table) for table in r])
    source.close()
    return taken


if __name__ == "__main__":
    main()
