"""A year of five-minute runs as live runs leave it: how many files, how large, how fast it is asked, what joining costs.

    python -m benchmarks.living FOLDER [--days 2]

FOLDER is one of `benchmarks.backfill`, whose history is that of the year; its last days are written once more, run by run as
live runs do, and joined as they do: what comes of a day is byte for byte what backfill made of it. Prints one JSON document.
"""

import argparse
import hashlib
import json
import shutil
import statistics
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.backfill import _ask, _size
from flows.ledger.history_check import name_file
from flows.ledger.history_upkeep import is_due, join_days
from flows.ledger.history_writer import encode
from flows.past.invented import START, STEP
from schemas.history import TABLES


def main() -> None:
    """Write the last days, ask the year, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=2, help="written run by run, at the end of the year")
    options = parser.parse_args()
    state, place = options.folder / "state", options.folder / "live"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(state / "history", place / "history")
    year = sorted(path.name for path in (place / "history" / "runs").iterdir())
    options.snapshots = int(timedelta(days=len(year)) / STEP)
    for name in year[-options.days :]:
        for table in TABLES:
            shutil.rmtree(place / "history" / table / name)
    joined_s: list[float] = []
    earlier, most_files = START, 0
    for number in range(options.snapshots - int(timedelta(days=options.days) / STEP), options.snapshots):
        moment = START + STEP * number
        if moment.date() > earlier.date():
            day = _read_day(state, moment.date().isoformat())
        _write_run(place, day, moment)
        if is_due(earlier, moment, number + 1):
            most_files = max(most_files, _size(place)["history_files"])
            begun = time.process_time()
            assert join_days(place, moment) == []
            joined_s.append(time.process_time() - begun)
        earlier = moment
    same = _digest(place, year[-2]) == _digest(state, year[-2])
    told = {"days": len(year), **_size(place), "most_files": most_files, "is_as_backfilled": same}
    print(json.dumps(told | _say(joined_s[1:]) | _ask(place, options)))


def _digest(root: Path, day: str) -> dict[str, str]:
    files = (root / "history").glob(f"*/{day}/*.parquet")
    return {str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _say(joined_s: list[float]) -> dict[str, Any]:
    return {
        "joins": len(joined_s),
        "median_join_ms": round(statistics.median(joined_s) * 1000),
        "longest_join_ms": round(max(joined_s) * 1000),
    }


def _read_day(state: Path, day: str) -> dict[str, dict[Any, pl.DataFrame]]:
    """Return the rows of a day's runs, by table and moment."""
    tables = {}
    for table in TABLES:
        files = sorted((state / "history" / table / f"day={day}").glob("*.parquet"))
        rows = pl.concat([pl.read_parquet(file) for file in files]) if files else None
        parts = rows.partition_by("as_of", as_dict=True) if rows is not None else {}
        tables[table] = {key[0]: part for key, part in parts.items()}
    return tables


def _write_run(place: Path, day: dict[str, dict[Any, pl.DataFrame]], moment: Any) -> None:
    for table, runs in day.items():
        if moment in runs:
            folder = place / "history" / table / f"day={moment.date().isoformat()}"
            folder.mkdir(parents=True, exist_ok=True)
            data = encode(runs[moment])
            (folder / name_file(f"{runs[moment]['run_id'][0]}-{moment:%H%M%S%f}", data)).write_bytes(data)


if __name__ == "__main__":
    main()
