"""A month of example history before the homelab's bad evening, to look at: `python -m tools.example_past FOLDER`.

Writes FOLDER/past, an archive of worlds a quarter of an hour apart; `supervisor backfill` makes their history.
"""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import snapshots
from flows.run.gather import read_desired
from flows.settings import load_settings

HOMELAB = Path(__file__).parents[1] / "examples" / "homelab"
EVENING = datetime(2026, 6, 3, 19, 30, tzinfo=UTC)
STEP = timedelta(minutes=15)
SEED = 7


def write_past(folder: Path, days: int) -> Path:
    """Write the archive of the days before the evening, and return its folder; the same each time."""
    desired, _ = read_desired(load_settings({"inventory": HOMELAB}).settings)
    names: dict[str, list[str]] = {}
    for node, service in desired.services.filter("is_monitored").select("node", "service").iter_rows():
        names.setdefault(node, []).append(service)
    count = timedelta(days=days) // STEP
    snapshots.STEP, snapshots.START = STEP, EVENING - (count - 1) * STEP
    snapshots.SERVICE_OUTAGE_EVERY, snapshots.NODE_OUTAGE_EVERY = timedelta(days=9), timedelta(days=18)
    snapshots.write_archive(folder / "past", names, count, SEED, "tar")
    return folder / "past"


def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=30)
    given = parser.parse_args()
    print(write_past(given.folder.absolute(), given.days))


if __name__ == "__main__":
    main()
