"""What runs for weeks: whether its memory or its open files grow, while it is given work without a pause.

    python -m benchmarks.soak watch|observe|web [--minutes 20] [--per-second 2]

The command is a real process. `watch` is given a changed world so often; `observe` looks at an engine whose containers fall
ill and recover; `web` is given worlds too, while pages are loaded and streams of changes come and go. Memory and open files
are read each second; the slope is that of the straight line through the second half, by least squares.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from benchmarks.page import answers, find_port
from benchmarks.watching import WATCH, prepare, used_ms, write_world
from tests.helpers.fake_engine import FakeEngine, composed

COMMAND = WATCH[:3]
PAGES = ("/", "/wall", "/services", "/target/piha/mosquitto", "/past", "/actions", "/part/fleet", "/api/v1/status")
STREAMS = 5
PATIENCE_S = 120.0


class Sample(NamedTuple):
    """The process at one moment."""

    at_s: float
    resident_mb: float
    open_files: int


class Subject(NamedTuple):
    """A running command, what it is given each time, and what it has done so far."""

    process: "subprocess.Popen[bytes]"
    work: Callable[[int], object]
    done: Counter[str]


def main() -> None:
    """Print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=list(SUBJECTS))
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--per-second", type=float, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, SUBJECTS[given.what](Path(name)) as subject:
        before_ms = used_ms(subject.process.pid)
        samples = _press(subject, given.minutes * 60, 1 / given.per_second)
        busy_s = (used_ms(subject.process.pid) - before_ms) / 1000
    print(json.dumps({"what": given.what, **subject.done, "processor_s": round(busy_s), **_say(samples)}))


def _press(subject: Subject, seconds: float, pause_s: float) -> list[Sample]:
    """Give work in step with the clock; return a sample for each second."""
    begun, number, samples = time.monotonic(), 0, list[Sample]()
    while (passed := time.monotonic() - begun) < seconds:
        assert subject.process.poll() is None, "it has ended"
        subject.work(number)
        number += 1
        if passed >= len(samples):
            samples.append(_look(subject.process.pid, passed))
        time.sleep(max(0.0, begun + number * pause_s - time.monotonic()))
    return samples


def _look(pid: int, at_s: float) -> Sample:
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Sample(at_s, resident / 2**20, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))


def _say(samples: list[Sample]) -> dict[str, object]:
    half = samples[len(samples) // 2 :]
    times = [sample.at_s / 3600 for sample in half]
    per_hour = {
        name: statistics.linear_regression(times, [getattr(sample, name) for sample in half]).slope
        for name in ("resident_mb", "open_files")
    }
    tenths = [samples[number * (len(samples) - 1) // 10] for number in range(11)]
    return {
        "minutes": round(samples[-1].at_s / 60),
        "resident_mb": [round(sample.resident_mb) for sample in tenths],
        "open_files": [sample.open_files for sample in tenths],
        "most_open_files": max(sample.open_files for sample in samples),
        "resident_mb_per_hour": round(per_hour["resident_mb"], 1),
        "open_files_per_hour": round(per_hour["open_files"], 1),
    }


@contextmanager
def _running(command: list[str], environment: dict[str, str], **options: object) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen([*COMMAND, *command], env=environment, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _change_world(world: Path) -> Callable[[int], object]:
    return lambda number: write_world(world, "exited" if number % 2 else "healthy")


@contextmanager
def soak_watch(folder: Path) -> Iterator[Subject]:
    """`watch`, with a run for each change."""
    environment = prepare(folder)
    done: Counter[str] = Counter()
    with _running(WATCH[3:], environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = process.stdout
        threading.Thread(target=lambda: done.update(json.loads(line)["record"] for line in lines), daemon=True).start()
        yield Subject(process, _change_world(folder / "home" / "world"), done)


@contextmanager
def soak_observe(folder: Path) -> Iterator[Subject]:
    """`observe`, which looks at its engine several times a second."""
    done: Counter[str] = Counter()
    made = [composed("shop", f"s{number}", serial=number) for number in range(10)]
    node = folder / "inventory" / "hosts" / "piha"
    node.mkdir(parents=True)
    services: dict[str, dict[str, str]] = {f"s{number}": {} for number in range(10)}
    (node / "services.yaml").write_text(json.dumps({"services": services}))
    with FakeEngine(made, folder / "engine") as engine:
        (node / "node.yaml").write_text(json.dumps({"observe": {"docker": engine.url}}))
        places = {"INVENTORY": folder / "inventory", "WORLD": folder / "world", "STATE_DIR": folder / "state"}
        told = {f"SUPERVISOR_{name}": str(value) for name, value in places.items()}

        def fall_ill(number: int) -> None:
            one = made[number // 20 % len(made)]
            is_ill = number // 10 % 2
            one.update(state="exited" if is_ill else "running", exit_code=1 if is_ill else 0, id=f"{number // 20:064x}")
            looks = sum("/containers/json" in target for target in engine.requests)
            engine.requests.clear()
            done["passes"] += looks

        with _running(["observe"], os.environ | told | {"SUPERVISOR_OBSERVE_EVERY": "0.1s"}) as process:
            yield Subject(process, fall_ill, done)


@contextmanager
def soak_web(folder: Path) -> Iterator[Subject]:
    """`web`, whose world changes while pages are loaded and streams come and go."""
    port = find_port()
    address = f"http://127.0.0.1:{port}"
    environment = prepare(folder) | {"SUPERVISOR_WEB__PORT": str(port)}
    done: Counter[str] = Counter()
    is_over = threading.Event()
    with _running(["web"], environment, stdout=subprocess.DEVNULL) as process, httpx.Client(base_url=address) as client:
        until = time.monotonic() + PATIENCE_S
        while not answers(address, "/badge.svg"):
            assert time.monotonic() < until
            time.sleep(0.1)
        listeners = [threading.Thread(target=_listen, args=(address, is_over, done)) for _ in range(STREAMS)]
        for listener in listeners:
            listener.start()
        change = _change_world(folder / "home" / "world")

        def load(number: int) -> None:
            if number % 4 == 0:
                change(number // 4)
            path = PAGES[number % len(PAGES)]
            done[f"{path} {client.get(path, timeout=60).status_code}"] += 1

        try:
            yield Subject(process, load, done)
        finally:
            is_over.set()
            for listener in listeners:
                listener.join()


def _listen(address: str, is_over: threading.Event, done: Counter[str]) -> None:
    """Open a stream, hear three changes, and go away without a word; again and again."""
    while not is_over.is_set():
        with contextlib.suppress(httpx.TransportError), httpx.stream("GET", f"{address}/changes", timeout=60) as stream:
            heard = 0
            for line in stream.iter_lines():
                heard += line.startswith("data:")
                if heard == 3 or is_over.is_set():
                    break
            done["streams"] += 1


SUBJECTS = {"watch": soak_watch, "observe": soak_observe, "web": soak_web}

if __name__ == "__main__":
    main()
