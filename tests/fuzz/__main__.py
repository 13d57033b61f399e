"""`python -m tests.fuzz --seconds N [target...]`: each target for a while, with atheris where it is installed.

Coverage guides atheris, which ends its process: each target has one of its own. What is found is kept in the corpus.
"""

import argparse
import hashlib
import importlib.util
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests.fuzz.mutate import mutate
from tests.fuzz.targets import CORPUS, TARGETS, starting_points

SLOW_S = 1.0


def main() -> int:
    """Fuzz; return 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--engine", choices=["atheris", "random"])
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    asked = parser.parse_args()
    engine = asked.engine or ("atheris" if importlib.util.find_spec("atheris") else "random")
    found = [(fuzz_guided if engine == "atheris" else fuzz_randomly)(name, asked.seconds) for name in asked.targets]
    return int(any(found))


def fuzz_randomly(name: str, seconds: int, seed: int = 1) -> bool:
    """Mutate at random; return whether anything was found."""
    random, seeds = Random(seed), starting_points(name)
    until, count, slowest = time.monotonic() + seconds, 0, 0.0
    while (begun := time.monotonic()) < until:
        data = mutate(random, seeds)
        try:
            TARGETS[name](data)
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            print(f"{name}: {error!r} for {keep(name, data)}")
            return True
        count += 1
        slowest = max(slowest, time.monotonic() - begun)
    print(f"{name:10} random   {count:9} executions, slowest {slowest:.3f} s, nothing found")
    return slowest > SLOW_S


def fuzz_guided(name: str, seconds: int) -> bool:
    """Let atheris look for new paths; return whether anything was found."""
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(starting_points(name)):
            (Path(folder) / str(number)).write_bytes(data)
        crash = Path(folder).with_suffix(".crash")
        limits = [
            f"-max_total_time={seconds}",
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-max_len=4000",
            "-print_final_stats=1",
        ]
        command = [sys.executable, "-m", "tests.fuzz.guided", name, folder, *limits, f"-exact_artifact_path={crash}"]
        ran = subprocess.run(command, capture_output=True, check=False)
    told = ran.stderr.decode(errors="replace")
    stats = {
        key: re.findall(rf"stat::{key}:\s+(\d+)", told)
        for key in ("number_of_executed_units", "slowest_unit_time_sec", "peak_rss_mb")
    }
    count, slowest, peak = (values[0] if values else "?" for values in stats.values())
    is_found = ran.returncode != 0
    if crash.exists():
        print(f"{name}: see {keep(name, crash.read_bytes())}\n{told[-3000:]}")
        crash.unlink()
    verdict = "a finding" if is_found else "nothing found"
    print(f"{name:10} atheris  {count:>9} executions, slowest {slowest} s, {peak} MiB, {verdict}")
    if is_found:
        print(told[-3000:])
    return is_found


def keep(name: str, data: bytes) -> Path:
    """Keep what was found, and return where."""
    CORPUS.mkdir(exist_ok=True)
    path = CORPUS / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    code = main()
    print(f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MiB at most")
    sys.exit(code)
