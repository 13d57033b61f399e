"""An archive of invented past worlds in which outages begin and end: what the demo and the benchmarks look back on.

`ARCHIVE/2026-05-01T12-05-00Z/*.json`, or `ARCHIVE/2026-05-01.tar` with those folders in it. It is written as it is
made, a snapshot at a time, so that a year of it needs no more memory than an hour.
"""

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

START = datetime(2025, 5, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pace:
    """When the worlds are, and how often things break."""

    start: datetime = START
    step: timedelta = STEP
    service_outage_every: timedelta = timedelta(days=30)
    node_outage_every: timedelta = timedelta(days=25)


PACKS = {"folders": "", "tar": ".tar", "tar.gz": ".tar.gz", "tar.zst": ".tar.zst"}
"""The ways to keep a day, and their file endings; `tar.zst` needs the `zstd` program."""

DEPLOYMENT_EVERY = timedelta(days=14)
OBSERVER_OUTAGE_EVERY = timedelta(days=60)
TORN_SHARE = 0.0002
KEPT = timedelta(days=2)
"""How long the platform keeps deployments and incidents that are over."""


class Snapshot(NamedTuple):
    """One world of the past; torn ones end in the middle of `services.json`."""

    as_of: datetime
    files: dict[str, bytes]


def write_archive(
    folder: Path, names: dict[str, list[str]], count: int, seed: int, pack: str = "folders", pace: Pace = Pace()
) -> None:
    """Write `count` snapshots of the nodes and their services that `names` gives."""
    folder.mkdir(parents=True, exist_ok=True)
    worlds = evolve(names, count, seed, pace)
    for day, snapshots in groupby(worlds, key=lambda snapshot: snapshot.as_of.date()):
        if pack == "folders":
            write_folders(folder, snapshots)
        else:
            write_tar(folder / f"{day.isoformat()}{PACKS[pack]}", snapshots)


def write_folders(folder: Path, snapshots: Iterator[Snapshot]) -> None:
    """Write each snapshot as a folder of files."""
    for snapshot in snapshots:
        place = folder / f"{snapshot.as_of:%Y-%m-%dT%H-%M-%SZ}"
        place.mkdir(exist_ok=True)
        for name, content in snapshot.files.items():
            (place / name).write_bytes(content)


def write_tar(path: Path, snapshots: Iterator[Snapshot]) -> None:
    """Write a day's snapshots as one tar, compressed as its name says."""
    if path.suffix == ".zst":
        plain = path.with_suffix("")
        write_tar(plain, snapshots)
        subprocess.run([shutil.which("zstd") or "zstd", "-q", "-f", "--rm", str(plain), "-o", str(path)], check=True)
        return
    with tarfile.open(path, "w:gz", compresslevel=3) if path.suffix == ".gz" else tarfile.open(path, "w") as tar:
        for snapshot in snapshots:
            for name, content in snapshot.files.items():
                entry = tarfile.TarInfo(f"{snapshot.as_of:%Y-%m-%dT%H-%M-%SZ}/{name}")
                entry.size, entry.mtime = len(content), int(snapshot.as_of.timestamp())
                tar.addfile(entry, io.BytesIO(content))


class Outage(NamedTuple):
    """Something that is wrong with one service or one node until it ends."""

    began_at: datetime
    ends_at: datetime
    how: str


class InventedPast:
    """The fleet as it is at one moment of the past; `advance` moves it on by a step."""

    def __init__(self, names: dict[str, list[str]], seed: int, pace: Pace) -> None:
        """Begin with everything up."""
        self.pace = pace
        self.names = names
        self.random = Random(f"past {seed}")  # noqa: S311 - the same each time, and no secret
        self.targets = [(node, service) for node, services in names.items() for service in services]
        self.services: dict[tuple[str, str], Outage] = {}
        self.nodes: dict[str, Outage] = {}
        self.observer: Outage | None = None
        self.deployments: dict[str, dict[str, Any]] = {}
        self.incidents: dict[str, dict[str, Any]] = {}

    def happens(self, every: timedelta, among: int = 1) -> bool:
        """Return whether one of `among` things that each happen so often happens in this step."""
        return self.random.random() < among * (self.pace.step / every)

    def outage(self, now: datetime, *hows: str) -> Outage:
        """Return an outage that begins now: most last under an hour, some for a day."""
        lasts = timedelta(minutes=min(10 + self.random.lognormvariate(3, 1.2), 24 * 60))
        return Outage(now, now + lasts, self.random.choice(hows))

    def advance(self, now: datetime) -> None:
        """Let outages, deployments and incidents begin and end."""
        self.services = {target: outage for target, outage in self.services.items() if outage.ends_at > now}
        self.nodes = {node: outage for node, outage in self.nodes.items() if outage.ends_at > now}
        self.observer = self.observer if self.observer and self.observer.ends_at > now else None
        self.end_incidents(now)
        self.end_deployments(now)
        if self.happens(self.pace.service_outage_every, len(self.targets)):
            self.break_service(now)
        if self.happens(self.pace.node_outage_every, len(self.names)):
            self.nodes[self.random.choice(list(self.names))] = self.outage(now, "offline", "silent")
        if self.happens(DEPLOYMENT_EVERY, len(self.targets)):
            self.deploy(now)
        if self.observer is None and self.happens(OBSERVER_OUTAGE_EVERY):
            self.observer = self.outage(now, "stopped", "stopped", "restarted")

    def break_service(self, now: datetime) -> None:
        """Begin a service's outage, with an incident half of the time."""
        node, service = self.random.choice(self.targets)
        self.services[node, service] = self.outage(now, "missing", "unhealthy", "exited", "restarting")
        if self.random.random() < 0.5:
            key = f"inc-{int(now.timestamp())}-{node}-{service}"
            severity = self.random.choice(["warning", "error", "critical"])
            trigger = self.random.choice(["containers_not_running", "mqtt_unreachable", "disk_usage_high"])
            record = {"id": key, "node": node, "service": service, "status": "active", "severity": severity}
            self.incidents[key] = {**record, "trigger_type": trigger, "started_at": stamp(now, len(key))}

    def end_incidents(self, now: datetime) -> None:
        """Resolve the incidents of what is up again, and forget those that are long over."""
        for incident in self.incidents.values():
            if incident["status"] == "active" and (incident["node"], incident["service"]) not in self.services:
                incident |= {"status": "resolved", "resolved_at": int(now.timestamp())}
        horizon = int((now - KEPT).timestamp())
        self.incidents = {key: row for key, row in self.incidents.items() if row.get("resolved_at", horizon) >= horizon}

    def deploy(self, now: datetime) -> None:
        """Begin a deployment, during which its service is restarting."""
        node, service = target = self.random.choice(self.targets)
        self.services[target] = Outage(now, now + self.pace.step * 1.5, "starting")
        record = {"node": node, "service": service, "status": "running", "started_at": int(now.timestamp())}
        self.deployments[f"deploy-{int(now.timestamp())}-{node}-{service}"] = record

    def end_deployments(self, now: datetime) -> None:
        """Let deployments of two steps ago succeed, or fail in one case of six, and forget the old ones."""
        seconds = int(now.timestamp())
        for deployment in self.deployments.values():
            if deployment["status"] == "running" and seconds - deployment["started_at"] >= 2 * self.pace.step.seconds:
                deployment["status"] = "failed" if self.random.random() < 1 / 6 else "completed"
        horizon = seconds - int(KEPT.total_seconds())
        self.deployments = {key: row for key, row in self.deployments.items() if row["started_at"] >= horizon}

    def files(self, now: datetime) -> dict[str, bytes]:
        """Return the five files as the observer writes them now."""
        seen = {node: self.nodes[node].began_at if node in self.nodes else now for node in self.names}
        text = {
            "nodes.json": lines_of(self.node_line(node, seen[node], n) for n, node in enumerate(self.names)),
            "services.json": self.services_text(seen),
            "deployments.json": json.dumps(self.deployments),
            "incidents.json": json.dumps(self.incidents),
            "runtime-summary.json": json.dumps({"status": "NOMINAL", "last_update": now.timestamp() - 3.5}),
        }
        return {name: content.encode() for name, content in text.items()}

    def node_line(self, node: str, seen: datetime, style: int) -> str:
        """Return a node's line of `nodes.json`."""
        is_offline = node in self.nodes and self.nodes[node].how == "offline"
        record = {"status": "offline" if is_offline else "online", "roles": ["worker"], "last_seen": stamp(seen, style)}
        return f"{json.dumps(node)}: {json.dumps(record)}"

    def services_text(self, seen: dict[str, datetime]) -> str:
        """Return `services.json`, empty after a restart of the observer and torn now and then."""
        if self.observer and self.observer.how == "restarted":
            return "{}\n"
        lines = []
        for n, (node, services) in enumerate(self.names.items()):
            tail = f'", "incident_id": null, "last_seen": {json.dumps(stamp(seen[node], n))}}}'
            for service in services:
                outage = self.services.get((node, service))
                if outage is None or outage.how != "missing":
                    lines.append(f'"{node}/{service}": {{"status": "{outage.how if outage else "healthy"}{tail}')
        text = lines_of(iter(lines))
        return text[: self.random.randrange(len(text) - 2)] if self.random.random() < TORN_SHARE else text


def lines_of(lines: Iterator[str]) -> str:
    """Return an object with a line for each of its records."""
    return "{\n" + ",\n".join(lines) + "\n}\n"


def stamp(instant: datetime, style: int) -> str | int | float:
    """Return an instant as one of the platform's writers spells it."""
    spelled: list[str | int | float] = [instant.isoformat(), int(instant.timestamp()), instant.timestamp() + 0.25]
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}" if style % 4 == 3 else spelled[style % 4]


def evolve(names: dict[str, list[str]], count: int, seed: int, pace: Pace = Pace()) -> Iterator[Snapshot]:
    """Yield the snapshots in order of time. While the observer is stopped, its last files stand."""
    past, files = InventedPast(names, seed, pace), None
    for i in range(count):
        now = pace.start + i * pace.step
        past.advance(now)
        if files is None or past.observer is None or past.observer.how != "stopped":
            files = past.files(now)
        yield Snapshot(now, files)
