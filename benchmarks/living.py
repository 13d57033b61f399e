"""A year of five-minute runs as live runs leave it: how many files, how large, how fast it is asked, what joining costs.

    python -m benchmarks.living FOLDER [--days 365] [--apart]

FOLDER is one of `benchmarks.backfill`, whose rows are written once more: run by run, one file for each table as a live run
does, joined as a live run does. With `--apart` nothing is joined, as before runs did. Prints one JSON document.
"""

import argparse
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
    """Write the year, ask it, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--apart", action="store_true", help="join nothing")
    options = parser.parse_args()
    options.snapshots = int(timedelta(days=options.days) / STEP)
    place = options.folder / "live"
    shutil.rmtree(place, ignore_errors=True)
    joined_s: list[float] = []
    most_files, earlier = 0, START
    for number, moment in enumerate(START + STEP * n for n in range(options.snapshots)):
        if moment.date() > earlier.date() or number == 0:
            day = _read_day(options.folder / "state", moment.date().isoformat())
        _write_run(place, day, moment)
        if not options.apart and is_due(earlier, moment, number + 1):
            if moment.hour == 0:
                most_files = max(most_files, _size(place)["history_files"])
            begun = time.process_time()
            assert join_days(place, moment) == []
            joined_s.append(time.process_time() - begun)
        earlier = moment
    print(
        json.dumps(
            {"days": options.days, **_size(place), "most_files": most_files, **_say(joined_s), **_ask(place, options)}
        )
    )


def _say(joined_s: list[float]) -> dict[str, Any]:
    if not joined_s:
        return {}
    last = joined_s[-24:]
    return {
        "joins": len(joined_s),
        "join_cpu_s": round(sum(joined_s), 1),
        "median_join_of_the_last_day_ms": round(statistics.median(last) * 1000, 1),
        "longest_join_ms": round(max(joined_s) * 1000, 1),
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
