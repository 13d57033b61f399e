"""`supervisor watch` in a storm: a file of the world that changes a thousand times a second, for a minute.

    python -m benchmarks.storm [--seconds 60] [--per-second 1000]

Prints the runs, the memory of the process second by second at a few moments, and the processor's time that it used.
"""

import argparse
import json
import subprocess
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.watching import WATCH, prepare, used_ms, wait_for_summary, write_world


def main() -> None:
    """Print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--per-second", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        environment = prepare(Path(name)) | {"SUPERVISOR_WATCH_MIN_INTERVAL": "1s"}
        with subprocess.Popen(WATCH, env=environment, stdout=subprocess.PIPE) as process:
            wait_for_summary(process)
            runs: list[float] = []
            reader = threading.Thread(target=_count, args=(process, runs), daemon=True)
            reader.start()
            before_ms = used_ms(process.pid)
            written, resident_mb = _storm(Path(name) / "home" / "world", process.pid, options)
            busy_s = (used_ms(process.pid) - before_ms) / 1000
            process.terminate()
    gaps = [late - early for early, late in pairwise(runs)]
    told = {
        "changes_per_s": round(written / options.seconds),
        "runs": len(runs),
        "shortest_gap_s": round(min(gaps), 2),
        "resident_mb": resident_mb,
        "processor_s": round(busy_s, 1),
    }
    print(json.dumps(told))


def _count(process: "subprocess.Popen[bytes]", runs: list[float]) -> None:
    assert process.stdout is not None
    runs.extend(time.perf_counter() for line in process.stdout if json.loads(line)["record"] == "run")


def _storm(world: Path, pid: int, options: argparse.Namespace) -> tuple[int, list[int]]:
    """Change the file, in step with the clock; return how often, and the memory ten times on the way."""
    write_world(world, "healthy")
    text = (world / "services.json").read_text()
    texts = [text, text.replace('"healthy"', '"exited"', 1)]
    begun, written, resident_mb = time.perf_counter(), 0, []
    while (passed := time.perf_counter() - begun) < options.seconds:
        if written < passed * options.per_second:
            new = world / "new"
            new.write_text(texts[written // 1000 % 2])
            new.rename(world / "services.json")
            written += 1
        else:
            time.sleep(0.0002)
        if passed > len(resident_mb) * options.seconds / 10:
            resident_mb.append(_resident_mb(pid))
    return written, resident_mb


def _resident_mb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) // 1024


if __name__ == "__main__":
    main()
