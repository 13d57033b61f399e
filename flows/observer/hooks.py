"""Hooks: what a deployment says of itself, since a failed pull changes nothing that an engine shows (OBSERVER 2.7).

Each hook writes files of its own, which did not exist before; the observer alone writes `deployments.json`.
"""

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from flows.errors import EmitError, SettingsError
from flows.files.own import (
    make_private_folder,
    settle_path,
    sweep_folder,
    sync_folder,
    trusted_owners,
    write_temporary,
)
from flows.files.sealed import seal, unseal
from schemas.observed import Hook

FOLDER = "deployments"
BEGIN, END = ".json", ".end.json"
KEEP_S = 30 * 86_400.0
MOST_FILES, MOST_BYTES = 10_000, 4_096
ID = re.compile(r"dep-\d{1,12}-[a-z0-9][a-z0-9._-]{0,130}", re.ASCII)
STEP = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
Content = TypeVar("Content")


class HookError(SettingsError):
    """What is said of a deployment does not fit to what was said before."""

    page = "docs/observing.md"


class _Begin(msgspec.Struct, frozen=True):
    node: str
    service: str
    started_at: float


class _End(msgspec.Struct, frozen=True):
    ended_at: float
    exit_code: int
    step: str | None = None


def start_hook(state_dir: Path, node: str, service: str, at: float | None = None) -> str:
    """Return the id of a deployment that begins now; raises `EmitError`."""
    folder = _own_folder(state_dir) / FOLDER
    moment = time.time() if at is None else at
    second = int(moment)
    while True:
        name = f"dep-{second}-{node}-{service}"
        try:
            _create(folder, name + BEGIN, _Begin(node, service, moment))
        except FileExistsError:
            second += 1
        else:
            return name


def _own_folder(state_dir: Path) -> Path:
    """Return the state folder: ours, made where it is absent, or for root that of the observer's user."""
    if os.geteuid() == 0 and state_dir.is_dir() and state_dir.stat().st_uid != 0:
        return settle_path(state_dir / FOLDER, trusted_owners([state_dir.stat().st_uid])).parent
    return make_private_folder(state_dir)


def finish_hook(state_dir: Path, name: str, exit_code: int, step: str | None, at: float | None = None) -> None:
    """Say how a deployment ended; raises `HookError` for one that did not begin or has ended, and `EmitError`."""
    folder = state_dir / FOLDER
    if not ID.fullmatch(name) or not (folder / (name + BEGIN)).is_file():
        raise HookError(f"{name[:200]!a}: no deployment has begun under this id; 'deployment start' prints one")
    if step is not None and not STEP.fullmatch(step):
        raise HookError(f"--step {step[:80]!a}: expected a word such as pull, build, start")
    try:
        _create(folder, name + END, _End(time.time() if at is None else at, exit_code, step))
    except FileExistsError:
        raise HookError(f"{name}: has ended already") from None


def _create(folder: Path, name: str, content: msgspec.Struct) -> None:
    """Make a file that did not exist, whole or not at all."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _give_to_owner_of(folder.parent, folder)
        sweep_folder(folder)
        temporary = write_temporary(folder / name, seal(msgspec.json.encode(content)))
        try:
            _give_to_owner_of(folder.parent, temporary)
            (folder / name).hardlink_to(temporary)
        finally:
            temporary.unlink()
        sync_folder(folder)
    except FileExistsError:
        raise
    except OSError as error:
        raise EmitError(f"{folder / name}: cannot be written: {error.strerror}") from None


def _give_to_owner_of(folder: Path, path: Path) -> None:
    """Let the observer's own user read what root writes for it."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def read_hooks(state_dir: Path, at: float) -> list[Hook]:
    """Return what hooks have said within thirty days; older files are removed, and what cannot be read is passed over."""
    folder = state_dir / FOLDER
    if not folder.is_dir():
        return []
    with suppress(OSError):
        sweep_folder(folder)
    hooks = []
    for path in sorted(folder.glob(f"dep-*{BEGIN}"))[-MOST_FILES:]:
        name = path.name.removesuffix(BEGIN)
        if path.name.endswith(END) or not ID.fullmatch(name):
            continue
        begin, end = _read(path, _Begin), _read(folder / (name + END), _End)
        if begin is None:
            continue
        if at - begin.started_at > KEEP_S:
            for old in (path, folder / (name + END)):
                old.unlink(missing_ok=True)
            continue
        hooks.append(
            Hook(
                id=name,
                node=begin.node,
                service=begin.service,
                started_at=begin.started_at,
                ended_at=end.ended_at if end else None,
                exit_code=end.exit_code if end else None,
                step=end.step if end else None,
            )
        )
    return hooks


def _read(path: Path, kind: type[Content]) -> Content | None:
    try:
        return msgspec.json.decode(unseal(path.read_bytes()[:MOST_BYTES]), type=kind)
    except (OSError, ValueError):
        return None
