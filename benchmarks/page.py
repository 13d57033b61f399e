"""The page: how long from a file's change to the pixel, and what many open pages cost beside a run a second.

    python -m benchmarks.page pixel --rounds 24
    python -m benchmarks.page crowd --pages 50 --minutes 10

A real `supervisor watch --web` watches a copy of the example. An open page of the crowd does what a browser does: it listens
for changes, and fetches the page's part at each. Every change has a number of its own, which the part shows.
"""

import argparse
import asyncio
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.watching import prepare, write_world
from tests.helpers.browser import open_browser

WATCH = [sys.executable, "-c", "from flows.cli import main; main()", "watch", "--web", "--quiet"]
NUMBER = re.compile(r"broken-(\d+)")
PATIENCE_S = 300.0
APPEARED = """new Promise((done) => {
    const look = () => document.body.innerText.includes('%s')
        ? requestAnimationFrame(() => requestAnimationFrame(() => done(Date.now() / 1000))) : requestAnimationFrame(look);
    look();
})"""


@contextmanager
def serve(folder: Path) -> Iterator[tuple[str, Path, subprocess.Popen[bytes]]]:
    """Yield the page's address, the world's folder and the process, once a run was recorded."""
    port = find_port()
    environment = prepare(folder) | {"SUPERVISOR_WEB__PORT": str(port)}
    process = subprocess.Popen(WATCH, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(address, "/healthz"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield address, folder / "home" / "world", process
    finally:
        process.terminate()
        process.wait()


def find_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(address: str, path: str) -> bool:
    """Return whether a server gives what it is asked for."""
    try:
        return httpx.get(f"{address}{path}").status_code == 200
    except httpx.TransportError:
        return False


def measure_pixel(rounds: int) -> tuple[list[float], float]:
    """Return the seconds from a world's rename to the frame that shows it, for each round, and the processor's time of one.

    That time is of the process that runs, judges for the page and serves it; the browser's own is not in it.
    """
    taken_s = []
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as (address, world, process):
        profile = Path(folder) / "profile"
        profile.mkdir()
        with open_browser(profile) as page:
            page.open(f"{address}/")
            time.sleep(5)
            before_s = _processor(process.pid)
            for number in range(rounds):
                time.sleep(1.5)  # a run is made at most once a second: the wait for it is no part of this
                write_world(world, f"broken-{number}")
                begun = time.time()
                taken_s.append(page.evaluate(APPEARED % f"broken-{number}") - begun)
            spent_s = _processor(process.pid) - before_s
    return taken_s, spent_s / rounds


async def _listen(address: str, stop: asyncio.Event, seen: dict[int, float]) -> None:
    """Be one open page; note when each change was shown."""
    async with (
        httpx.AsyncClient(base_url=address, timeout=None) as client,
        client.stream("GET", "/changes") as stream,
    ):
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                part = await client.get("/part/fleet")
                for number in NUMBER.findall(part.text):
                    seen.setdefault(int(number), time.time())
            if stop.is_set():
                return


async def _change(world: Path, seen: list[dict[int, float]], seconds: float) -> dict[int, float]:
    """Write a world a second, and wait until the last is on every page, or for long; return when each was written."""
    written: dict[int, float] = {}
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        number = len(written)
        write_world(world, f"broken-{number}")
        written[number] = time.time()
        await asyncio.sleep(max(0.0, begun + number + 1 - time.monotonic()))
    for _ in range(int(PATIENCE_S * 10)):
        if all(max(written) in own for own in seen):
            break
        await asyncio.sleep(0.1)
    return written


async def _crowd(
    address: str, world: Path, pages: int, seconds: float
) -> tuple[dict[int, float], list[dict[int, float]]]:
    stop = asyncio.Event()
    seen: list[dict[int, float]] = [{} for _ in range(pages)]
    open_pages = [asyncio.create_task(_listen(address, stop, own)) for own in seen]
    await asyncio.sleep(2)
    written = await _change(world, seen, seconds)
    stop.set()
    write_world(world, "healthy")
    await asyncio.wait(open_pages, timeout=30)
    return written, seen


def measure_crowd(pages: int, seconds: float) -> None:
    """Print the memory, the processor's time, and what anybody missed."""
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as (address, world, process):
        before, cpu = _resident(process.pid), _processor(process.pid)
        written, seen = asyncio.run(_crowd(address, world, pages, seconds))
        after, spent = _resident(process.pid), _processor(process.pid) - cpu
    skipped = [number for number in written if not any(number in own for own in seen)]
    missed = sum(number not in own for own in seen for number in written if number not in skipped)
    late = [own[number] - written[number] for own in seen for number in written if number in own]
    print(f"{pages} pages, {len(written)} worlds in {seconds:.0f} s")
    print(f"memory: {before:.0f} MiB before, {after:.0f} MiB after; processor: {spent / seconds:.2f} of a core")
    print(f"worlds that no run judged, since the next was there: {len(skipped)}; changes that a page missed: {missed}")
    print(f"the last world was shown on {sum(max(written) in own for own in seen)} of {pages} pages")
    print(f"from the file to the page's part: median {statistics.median(late):.2f} s, worst {max(late):.2f} s")


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _processor(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["pixel", "crowd"])
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    if given.what == "crowd":
        measure_crowd(given.pages, given.minutes * 60)
        return
    taken_s, spent_s = measure_pixel(given.rounds)
    median_ms, worst_ms = statistics.median(taken_s) * 1000, max(taken_s) * 1000
    print(f"{given.rounds} changes: median {median_ms:.0f} ms, worst {worst_ms:.0f} ms")
    print(f"the processor's time of one, of run and page together: {spent_s * 1000:.0f} ms")


if __name__ == "__main__":
    main()
