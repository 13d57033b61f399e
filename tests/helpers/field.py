"""Cases of `cases.yaml`: their files written into a folder, as an operator and an observer would, and what is to follow.

A case has a fleet (`hosts` and `files` of the inventory; `nodes`, `services`, `deployments`, `incidents` of the world)
and `runs`, each `at` a minute after noon. A run may differ from its case by any of these keys for itself alone, but
for `files`, which stay (null removes one). `up`, `ok`, `exited` and every other word stands for a record that says so,
seen at `@`; `absent` leaves a record out. `failures: {node/service: 19}` are so many failed deployments in a row.
"""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.own_yaml import read_yaml

CASES = Path(__file__).parents[1] / "whole" / "field" / "cases.yaml"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
H = {
    "piha": {"mosquitto": None, "zigbee2mqtt": {"depends_on": ["mosquitto"]}, "web": None},
    "vps": {"npm": None, "outline": None, "joplin": None},
    "saturn": {"restic": None},
}
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
PARTS = ("hosts", "files", "nodes", "services", "deployments", "incidents", "failures", "settings", "world")


@dataclass
class Run:
    """One run of a case: its moment, what is different for it, and what is to follow."""

    at: datetime
    world_at: datetime
    given: dict[str, Any]
    expected: dict[str, Any]


@dataclass
class Case:
    """One case or variant."""

    name: str
    given: dict[str, Any]
    runs: list[dict[str, Any]] = field(default_factory=list)

    def __iter__(self) -> Iterator[Run]:
        for run in self.runs:
            at = NOON + timedelta(minutes=run.get("at", 0))
            world_at = NOON + timedelta(minutes=run.get("world_at", run.get("at", 0)))
            yield Run(at, world_at + duration(self.given.get("ahead", "0s")), merged(self.given, run), run)


def read_cases(path: Path = CASES) -> list[Case]:
    """Return each case and each variant of the file."""
    found = []
    for entry in read_yaml(path):
        given = {name: value for name, value in entry.items() if name not in {"name", "runs", "variants"}}
        if given.get("fleet") == "H":
            given["hosts"] = merged({"hosts": H}, given)["hosts"]
        found.append(Case(entry["name"], given, entry["runs"]))
        for variant in entry.get("variants", []):
            name = f"{entry['name']}: {variant['name']}"
            found.append(Case(name, merged(given, variant), variant.get("runs", entry["runs"])))
    return found


def merged(given: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given parts with those of a change; of a mapping the keys, and of hosts those of each node."""
    found = deepcopy(dict(given))
    for name in (*PARTS, "every_service", "acknowledged", "ahead"):
        if isinstance(change.get(name), dict) and name in {*PARTS}:
            for key, value in change[name].items():
                old = found.setdefault(name, {}).get(key)
                is_node = name == "hosts" and isinstance(old, dict)
                found[name][key] = {**old, **value} if is_node else value
        elif name in change:
            found[name] = change[name]
    return found


def duration(text: str) -> timedelta:
    """Return the duration of `2h`, `30m` and the like."""
    return timedelta(**{UNITS[text[-1]]: float(text[:-1])})


def spelled(value: Any, at: datetime) -> Any:
    """Return a value with the moments in it written out."""
    if isinstance(value, dict):
        return {key: spelled(inner, at) for key, inner in value.items()}
    found = re.fullmatch(r"@([-+][0-9]+[smhd])?", value) if isinstance(value, str) else None
    return (at + duration(found[1] or "0s")).isoformat() if found else value


def write_run(folder: Path, run: Run) -> None:
    """Write inventory and world of a run into the folder."""
    given = run.given
    hosts = {
        node: {name: entry for name, entry in services.items() if entry != "absent"}
        for node, services in given.get("hosts", {}).items()
    }
    for node, services in hosts.items():
        write(folder / "hosts" / node / "services.yaml", yaml.safe_dump({"services": services}))
    for path, text in given.get("files", {}).items():
        if text is None:
            (folder / path).unlink(missing_ok=True)
        else:
            write(folder / path, text)
    services = {f"{node}/{name}": "ok" for node, asked in hosts.items() for name in asked}
    every = given.get("every_service")
    services = dict.fromkeys(services, every or "ok")
    world = {
        "nodes.json": records(dict.fromkeys(hosts, "up") | given.get("nodes", {}), run.world_at),
        "services.json": records(services | given.get("services", {}), run.world_at),
        "deployments.json": failures(given, run.world_at) | records(given.get("deployments", {}), run.world_at),
        "incidents.json": records(given.get("incidents", {}), run.world_at),
        "runtime-summary.json": {"last_update": run.world_at.isoformat()},
    }
    for name, content in {**world, **given.get("world", {})}.items():
        write(folder / "world" / name, content if isinstance(content, str) else json.dumps(content))


def records(given: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return the records of a world file, words written out."""
    found = {}
    for key, value in given.items():
        if value != "absent":
            word = {"up": "online"}.get(value, value) if isinstance(value, str) else None
            found[key] = spelled({"status": word, "last_seen": "@"} if word is not None else value, at)
    return found


def failures(given: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return failed deployments in a row, one every nine minutes, each failed after eight; the last five ago."""
    found = {}
    for target, count in given.get("failures", {}).items():
        node, service = target.split("/")
        for place in range(count):
            begun_at = at - timedelta(minutes=13 + 9 * place)
            times = {"started_at": begun_at.isoformat(), "completed_at": (begun_at + timedelta(minutes=8)).isoformat()}
            found[f"{service}-{place}"] = {"node": node, "service": service, "status": "failed", **times}
    return found


def write(path: Path, text: str) -> None:
    """Write a file, and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def shown(row: Mapping[str, Any], wanted: str) -> str:
    """Return a recommendation in the words of an expected one: its id, and what that names besides."""
    found = [row["recommendation_id"]]
    words = wanted.split()[1:]
    if words and words[0] in {"info", "warning", "error", "critical"}:
        found.append(row["severity"])
    if "explains" in words:
        found += ["explains", str(row["blast_radius"])]
    if "roots" in words:
        found += ["roots", ",".join(row["root_causes"])]
    return " ".join(found)


def shown_all(rows: list[dict[str, Any]], wanted: list[str]) -> list[str]:
    """Return recommendations in the words of the expected ones, sorted; one that nobody expects with all there is."""
    by_id = {line.split()[0]: line for line in wanted}
    everything = "x info explains roots"
    return sorted(shown(row, by_id.get(row["recommendation_id"], everything)) for row in rows)


def shown_drift(rows: list[dict[str, Any]]) -> list[str]:
    """Return each drift as `kind node/service severity held_by`, sorted."""
    return sorted(
        f"{row['kind']} {row['node']}/{row['service']} {row['severity']} {row['held_by'] or ''}".strip() for row in rows
    )
