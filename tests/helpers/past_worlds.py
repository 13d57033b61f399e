"""Inventories and worlds of the past, as bytes: a test says what was desired and what was there."""

import json
import os
import subprocess
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

Files = dict[str, bytes]


def inventory(**nodes: Iterable[str]) -> Files:
    """Return an inventory's files: each node and its services."""
    return {
        f"hosts/{node}/services.yaml": ("services:\n" + "".join(f"  {name}: {{}}\n" for name in names)).encode()
        for node, names in nodes.items()
    }


def world(moment: datetime, *services: str, sick: Iterable[str] = (), silent_s: float = 0) -> Files:
    """Return a world's files: these services are healthy, those sick are not, their nodes were seen so long ago."""
    seen = int(moment.timestamp() - silent_s)
    states = dict.fromkeys(services, "healthy") | dict.fromkeys(sick, "exited")
    return {
        "services.json": _json({key: {"status": status, "last_seen": seen} for key, status in states.items()}),
        "nodes.json": _json({key.split("/")[0]: {"status": "online", "last_seen": seen} for key in states}),
        "runtime-summary.json": _json({"last_update": int(moment.timestamp())}),
    }


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def write(folder: Path, files: Files) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def commit(repository: Path, moment: datetime, files: Files) -> None:
    """Commit files, and nothing else, at a moment; the repository is made where there is none."""
    if not (repository / ".git").exists():
        repository.mkdir(parents=True, exist_ok=True)
        _git(repository, "init", "--quiet", "--initial-branch=main")
    for path in repository.rglob("*"):
        if path.is_file() and ".git" not in path.parts:
            path.unlink()
    write(repository, files)
    commit_all(repository, moment)


def commit_all(repository: Path, moment: datetime) -> None:
    """Commit the working tree as it is."""
    _git(repository, "add", "--all")
    stamp = f"{int(moment.timestamp())} +0000"
    dates = {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
    _git(repository, "commit", "--quiet", "--allow-empty", "--message", "a change", **dates)


def _git(repository: Path, *arguments: str, **environment: str) -> None:
    who = {f"GIT_{role}_{field}": "a@b.example" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")}
    apart = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(
        ["git", "-C", str(repository), *arguments], check=True, env={**os.environ, **who, **apart, **environment}
    )
