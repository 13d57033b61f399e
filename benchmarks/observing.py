"""A pass over 100 nodes of 30 containers each: what it costs the observer, and docker-py, in processor and memory.

    python -m benchmarks.observing [--nodes 100] [--containers 30] [--passes 7]

One process answers as that many engines, on unix sockets and with the bytes that a real one sends (fake_engine's). Each
way to ask is a process of its own; they take turns in one run. Processor and peak memory are the asking process's alone.
"""

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.helpers.fake_engine import composed, inspected, listed

LIST, ALL, WHOLE = "list only", "everything inspected", "the whole pass"
WAYS = {
    "ours, list only": ("ours", LIST),
    "ours, everything inspected": ("ours", ALL),
    "ours, whole pass: map, conclude, write": ("ours", WHOLE),
    "docker-py, list only": ("docker", LIST),
    "docker-py, everything inspected": ("docker", ALL),
}
PADDING = "x" * 3000
"""A real inspection has 6.6 kB, most of it settings that nobody here reads."""


def serve(folder: Path, nodes: int, containers: int) -> None:
    """Answer as so many engines, until killed."""
    asyncio.run(_serve(folder, nodes, containers))


async def _serve(folder: Path, nodes: int, containers: int) -> None:
    for node in range(nodes):
        made = [
            composed("shop", f"s{number}", serial=node * 1000 + number, env=[PADDING], started=time.time() - 86_400)
            for number in range(containers)
        ]
        answers = {"/_ping": b"OK", "/containers/json": json.dumps([listed(one) for one in made]).encode()}
        answers |= {f"/{one['id']}/json": json.dumps(inspected(one)).encode() for one in made}
        await asyncio.start_unix_server(_talk(answers), folder / f"{node}.sock")
    print("ready", flush=True)
    await asyncio.Event().wait()


def _talk(answers: dict[str, bytes]) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode().partition("?")[0]
                body = next(data for end, data in answers.items() if path.endswith(end))
                kind = "text/plain" if body == b"OK" else "application/json"
                writer.write(
                    b"HTTP/1.1 200 OK\r\nApi-Version: 1.45\r\nServer: Docker/26.1.5 (linux)\r\n"
                    + f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return talk


def ask_ours(folder: Path, what: str, passes: int) -> list[tuple[float, float]]:
    """Look so many times with the observer's own engines or the observer as a whole."""
    sockets = sorted(folder.glob("*.sock"))
    return asyncio.run(_ask_whole(folder, sockets, passes) if what == WHOLE else _ask_engines(sockets, what, passes))


async def _ask_engines(sockets: list[Path], what: str, passes: int) -> list[tuple[float, float]]:
    from flows.engines.address import parse_address
    from flows.engines.engine import Engine, look_at
    from flows.engines.http import HttpClient

    addresses = [parse_address(f"unix://{path}") for path in sockets]
    engines = [Engine(address.text, HttpClient(address)) for address in addresses]
    taken = []
    if what == LIST:
        await asyncio.gather(*map(look_at, engines))
    for _ in range(passes):
        if what == ALL:
            for engine in engines:
                engine.forget()
        begun = _now()
        found = await asyncio.gather(*map(look_at, engines))
        taken.append(_since(begun))
        assert all(look.containers and look.reason_class is None for look in found)
    await asyncio.gather(*(engine.client.close() for engine in engines))
    return taken


async def _ask_whole(folder: Path, sockets: list[Path], passes: int) -> list[tuple[float, float]]:
    from flows.observer.observer import Observer
    from flows.settings import Settings

    settings = Settings(inventory=folder / "inv", world=folder / "world", state_dir=folder / "state")
    for path in sockets:
        node = settings.inventory / "hosts" / f"node{path.stem}"
        node.mkdir(parents=True)
        (node / "node.yaml").write_text(json.dumps({"observe": {"docker": f"unix://{path}"}}))
        count = len(json.loads((folder / "containers").read_text()))
        (node / "services.yaml").write_text(json.dumps({"services": {f"s{number}": {} for number in range(count)}}))
    observer = Observer(settings, print)
    taken = []
    async with observer.opened():
        for _ in range(passes + 1):  # the first inspects everything
            begun = _now()
            await observer.look_once()
            taken.append(_since(begun))
    return taken[1:]


def ask_docker(folder: Path, what: str, passes: int) -> list[tuple[float, float]]:
    """Look so many times with docker-py's own client, connections kept."""
    import docker

    clients = [docker.DockerClient(base_url=f"unix://{path}", version="1.45") for path in sorted(folder.glob("*.sock"))]
    taken = []
    for _ in range(passes):
        begun = _now()
        for client in clients:
            found = client.api.containers(all=True)
            if what == ALL:
                for one in found:
                    client.api.inspect_container(one["Id"])
        taken.append(_since(begun))
    return taken


def _now() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def _since(begun: tuple[float, float]) -> tuple[float, float]:
    return time.process_time() - begun[0], time.perf_counter() - begun[1]


def main() -> None:
    """Serve, ask, or run both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in (("nodes", 100), ("containers", 30), ("passes", 7)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ask", nargs=3, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.serve:
        serve(told.serve, told.nodes, told.containers)
    elif told.ask:
        who, what, folder = told.ask
        ask = ask_ours if who == "ours" else ask_docker
        taken = ask(Path(folder), what, told.passes)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"taken": taken, "peak_mb": peak_mb}))
    else:
        _compare(told)


def _compare(told: argparse.Namespace) -> None:
    own = [sys.executable, "-m", "benchmarks.observing"]
    numbers = [f"--{name}={getattr(told, name)}" for name in ("nodes", "containers", "passes")]
    print(f"{told.nodes} nodes of {told.containers} containers, {told.passes} passes each, medians")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "containers").write_text(json.dumps(list(range(told.containers))))
        server = subprocess.Popen([*own, *numbers, "--serve", name], stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            server.stdout.readline()
            for label, (who, what) in WAYS.items():
                asked = subprocess.run(
                    [*own, *numbers, "--ask", who, what, name],
                    stdout=subprocess.PIPE, check=True,
                )  # fmt: skip
                found = json.loads(asked.stdout)
                cpu, wall = (statistics.median(each) * 1000 for each in zip(*found["taken"], strict=True))
                print(f"{label:40} {cpu:6.0f} ms of processor {wall:6.0f} ms {found['peak_mb']:5.0f} MB")
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
