"""`supervisor watch`: from the change of a file to the printed summary, on the example homelab.

    python -m benchmarks.watching

A real process watches a copy of the example. A service falls ill and recovers by turns, each time by a rename.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

LAB = Path(__file__).parents[1] / "examples" / "homelab"
ROUNDS = 40
WATCH = [sys.executable, "-c", "from flows.cli import main; main()", "watch", "--quiet", "--format", "ndjson"]


def write_world(folder: Path, status: str) -> float:
    """Replace the world's services by ones that were just seen, and return when."""
    services = json.loads((LAB / "world-nominal" / "services.json").read_text())
    now = datetime.now(UTC).isoformat()
    for key, record in services.items():
        record |= {"last_seen": now, "status": status if key == "piha/mosquitto" else "healthy"}
    new = folder / "new"
    new.write_text(json.dumps(services))
    new.rename(folder / "services.json")
    return time.perf_counter()


def prepare(folder: Path) -> dict[str, str]:
    """Make the example's nominal world one of now, and return the environment of the command."""
    shutil.copytree(LAB, folder / "home")
    world = folder / "home" / "world"
    nodes = json.loads((LAB / "world-nominal" / "nodes.json").read_text())
    now = datetime.now(UTC).isoformat()
    (world / "nodes.json").write_text(json.dumps({key: {"status": "online", "last_seen": now} for key in nodes}))
    (world / "runtime-summary.json").write_text(json.dumps({"last_update": now}))
    for name in ("deployments.json", "incidents.json"):
        (world / name).write_text("{}")
    write_world(world, "healthy")
    settings = {
        "INVENTORY": folder / "home",
        "WORLD": world,
        "EVENT_LOG": folder / "log",
        "CHECKPOINT": folder / "checkpoint",
        "STATE_DIR": folder / "state",
        "WATCH_MIN_INTERVAL": "0s",
    }
    return os.environ | {f"SUPERVISOR_{name}": str(value) for name, value in settings.items()}


def wait_for_summary(output: "subprocess.Popen[bytes]") -> str:
    """Return the state of the next run, once its summary is printed."""
    assert output.stdout is not None
    for line in output.stdout:
        record = json.loads(line)
        if record["record"] == "run":
            return str(record["summary"]["state"])
    raise RuntimeError("watch has ended")


def used_ms(process: int) -> float:
    """Return the processor's time that a process has used."""
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) * 1000 / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print how long a change takes, and what of it is the processor's time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = prepare(folder)
        with subprocess.Popen(WATCH, env=environment, stdout=subprocess.PIPE) as process:
            states, taken_ms = {wait_for_summary(process)}, []
            time.sleep(1)
            before_ms = used_ms(process.pid)
            for number in range(ROUNDS):
                begun = write_world(folder / "home" / "world", "exited" if number % 2 == 0 else "healthy")
                states.add(wait_for_summary(process))
                taken_ms.append((time.perf_counter() - begun) * 1000)
                time.sleep(0.1)
            busy_ms = (used_ms(process.pid) - before_ms) / ROUNDS
            process.terminate()
    print(f"states seen: {', '.join(sorted(states))}")
    print(f"a file's change to the summary: median {statistics.median(taken_ms):.0f} ms, ", end="")
    print(f"9 of 10 within {statistics.quantiles(taken_ms, n=10)[-1]:.0f} ms, {ROUNDS} changes")
    print(f"of that the processor's time: {busy_ms:.0f} ms")


if __name__ == "__main__":
    main()
