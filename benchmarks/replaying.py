"""A year of five-minute runs decided again by two policies: `supervisor policy replay`, the whole command.

    python -m benchmarks.replaying FOLDER [--jobs 2]

FOLDER is one of `benchmarks.backfill`: its snapshots become an archive as live runs keep it. One policy starts all by
itself, the other asks for all of it. Prints one JSON document.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from datetime import UTC
from pathlib import Path

from flows.ledger.archive import FILE_NAME
from flows.ledger.archive_writer import edit_archive
from flows.sources.snapshots.tars import find_tars, read_tar_worlds
from schemas.limits import Limits

COMMAND = [sys.executable, "-c", "from flows.cli import main; main()", "policy", "replay", "--json"]
ASKS = "rules: [{id: ask, match: {}, mode: approve}]\n"
STARTS = "rules: [{id: all, match: {}, mode: auto}]\n"


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    folder = options.folder.absolute()
    place = folder / "replayed"
    _keep(folder / "archive", place)
    (place / "policy.yaml").write_text(ASKS)
    (place / "draft.yaml").write_text(STARTS)
    (place / "supervisor.yaml").write_text(f"inventory: {folder}\nstate_dir: {place}\n")
    given = ["--policy", str(place / "draft.yaml"), "--config", str(place / "supervisor.yaml"), "--from", "36500d"]
    begun = time.perf_counter()
    done = subprocess.run(
        [*COMMAND, *given, "--jobs", str(options.jobs)], check=True, stdout=subprocess.PIPE, cwd=place
    )
    wall_s, spent = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = spent.ru_utime + spent.ru_stime
    said = json.loads(done.stdout)
    runs = said["runs"]
    told = {"runs": runs, "wall_s": round(wall_s, 1), "cpu_s": round(cpu_s, 1), "cpu_ms_a_run": cpu_s * 1000 / runs}
    print(json.dumps(told | {"peak_mb": spent.ru_maxrss // 1024, "rows": len(said["rows"])}))


def _keep(source: Path, place: Path) -> None:
    if (place / FILE_NAME).exists():
        return
    with edit_archive(place) as archive:
        for tar in find_tars(source):
            for world in read_tar_worlds(tar, Limits(), UTC):
                archive.add_world(world, even_unchanged=True)


if __name__ == "__main__":
    main()
