"""What the supervisor finds on this machine: versions, files, clock, messages, space. Writes nothing, and tells no secret."""

import ctypes
import os
import platform
import re
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from flows.errors import SupervisorError
from flows.files.file_system import doubt_file_systems
from flows.ledger.checkpoint import read_known
from flows.setting_sources import PREFIX
from flows.settings import Loaded, Settings
from flows.telling.outbox import VARIABLE, is_address, read_addresses
from flows.text.spoken import size, spoken_moment, spoken_since
from schemas.spoken import count

PACKAGES = ("polars", "pandera", "pydantic", "msgspec", "rich", "typer", "apprise", "tzdata")
EXTRAS = {
    "prefect": "serve, and the flows (left out of the container's image)",
    "prefect-dask": "reconcile-fleet on Dask (extra dask)",
    "s3fs": "a history on object storage (extra s3)",
    "aiomqtt": "the observer's MQTT hooks (extra mqtt)",
    "altair": "the notebook (extra notebook)",
}
PROGRAMS = {
    "docker": "act: docker and compose steps",
    "podman": "act: the same with podman",
    "ssh": "observe and act on other nodes",
    "systemctl": "observe and act on units",
    "git": "backfill and what-if from a repository",
}
LEAST_FREE_BYTES = 200 * 1024 * 1024
UNSYNCHRONIZED = 5
"""What the kernel says of a clock that nobody keeps (TIME_ERROR)."""
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,30})://")


class Word(StrEnum):
    """How a finding is."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"


class Finding(NamedTuple):
    """One thing that was looked at."""

    group: str
    name: str
    word: Word
    said: str
    advice: str = ""


def examine(loaded: Loaded, now: datetime) -> Iterator[Finding]:
    """Yield what is found, by group; of engines nothing, since this reaches none."""
    yield from _versions()
    yield from _files(loaded)
    yield from _settings(loaded)
    yield from _clock(loaded.settings, now)
    yield from _last_run(loaded.settings, now)
    yield from _messages()
    yield from _space(loaded.settings)


def _versions() -> Iterator[Finding]:
    yield Finding("installed", "runtime-supervisor", Word.OK, _version("runtime-supervisor") or "from a folder")
    yield Finding(
        "installed", "python", Word.OK, f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    for name in PACKAGES:
        found = _version(name)
        word = Word.OK if found else Word.FAULT
        yield Finding("installed", name, word, found or "not installed", "" if found else "install the package anew")
    for name, use in EXTRAS.items():
        found = _version(name)
        yield Finding(
            "installed", name, Word.OK, f"{found}, for {use}" if found else f"not installed; needed for {use}"
        )
    for name, use in PROGRAMS.items():
        place = shutil.which(name)
        yield Finding("programs", name, Word.OK, place or f"not found; needed for {use}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _files(loaded: Loaded) -> Iterator[Finding]:
    settings = loaded.settings
    yield Finding(
        "files", "user", Word.OK, f"{os.geteuid()}, of the groups {', '.join(map(str, os.getgroups())) or 'none'}"
    )
    yield _may_read("inventory", settings.inventory / "hosts", "'supervisor observe --init lab' writes one")
    yield _may_read("world", settings.world, "'supervisor watch --observe' makes it, or an observer of yours")
    writes = {
        "event_log": settings.event_log,
        "checkpoint": settings.checkpoint,
        "state_dir": settings.state_dir,
        "metrics_file": settings.metrics_file,
        "report_file": settings.report_file,
    }
    for name, path in writes.items():
        if path is not None:
            yield _may_write(name, path)
    if settings.actions.automation != "off":
        yield _may_read("actions.policy", settings.actions.policy, "see docs/policy.md")
        yield _may_read("actions.operators", settings.actions.operators, "see docs/acting.md")
        yield _may_write("actions.actions_dir", settings.actions_root())
    for warning in doubt_file_systems([settings.event_log.absolute(), settings.state_dir.absolute()]):
        yield Finding("files", "file system", Word.NOTE, warning)


def _may_read(name: str, path: Path, advice: str) -> Finding:
    if not path.exists():
        return Finding("files", name, Word.FAULT, f"{_plain(path)}: not there", advice)
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        return Finding("files", name, Word.FAULT, f"{_describe(path)}: may not be read", "give it the right")
    return Finding("files", name, Word.OK, f"{_describe(path)}: may be read")


def _may_write(name: str, path: Path) -> Finding:
    """Say whether it may be written, and what stands in the way: of what is not there its nearest folder counts."""
    path = path.absolute()
    place = path if path.exists() else next(folder for folder in path.parents if folder.exists())
    is_there = place == path
    if not os.access(place, os.W_OK):
        return Finding("files", name, Word.FAULT, f"{_describe(place)}: may not be written to", "give it the right")
    if not is_there and name in {"event_log", "checkpoint"} and place != path.parent:
        return Finding("files", name, Word.FAULT, f"{_plain(path.parent)}: not there", "make it, or name another place")
    return Finding(
        "files", name, Word.OK, f"{_describe(path) if is_there else f'{_plain(path)}, not there yet'}: may be written"
    )


def _describe(path: Path) -> str:
    found = path.stat()
    return f"{_plain(path)} ({stat.filemode(found.st_mode)}, of user {found.st_uid})"


def _plain(path: Path) -> str:
    return os.path.normpath(path.absolute())


def _settings(loaded: Loaded) -> Iterator[Finding]:
    origins = sorted({str(origin).rpartition(":")[0] for origin in loaded.origins.values() if ":" in str(origin)})
    yield Finding("settings", "file", Word.OK, ", ".join(origins) or "none: every default stands")
    names = sorted(name for name in os.environ if name.startswith(PREFIX))
    yield Finding("settings", "environment", Word.OK, ", ".join(names) or f"no variable {PREFIX}...")


def _clock(settings: Settings, now: datetime) -> Iterator[Finding]:
    yield Finding("clock", "now", Word.OK, f"{spoken_moment(now)}; times are shown in the zone {settings.timezone}")
    is_kept = read_synchronized()
    if is_kept is None:
        yield Finding("clock", "kept", Word.NOTE, "this system does not tell whether somebody keeps the clock")
    elif is_kept:
        yield Finding("clock", "kept", Word.OK, "the kernel says that it is synchronized")
    else:
        advice = "ages are judged by it: switch on systemd-timesyncd or chrony (a container has its host's)"
        yield Finding("clock", "kept", Word.NOTE, "the kernel says that nobody synchronizes it", advice)


def read_synchronized() -> bool | None:
    """Return whether the kernel takes the clock for synchronized; None where it does not say."""
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != UNSYNCHRONIZED


def _last_run(settings: Settings, now: datetime) -> Iterator[Finding]:
    checkpoint = settings.checkpoint.absolute()
    try:
        known = read_known(checkpoint) if checkpoint.parent.is_dir() else None
    except (SupervisorError, OSError) as error:
        yield Finding("runs", "last run", Word.FAULT, str(error), "see docs/guarantees.md")
        return
    last = known.last_run if known else None
    if last is None:
        yield Finding("runs", "last run", Word.NOTE, "there was none", "'supervisor reconcile' makes one")
        return
    age, state = spoken_since(last.as_of, now), last.state
    if last.as_of > now + timedelta(minutes=5):
        yield Finding(
            "runs", "last run", Word.FAULT, f"it lies in the future ({spoken_moment(last.as_of)})", "check the clock"
        )
    elif now - last.as_of > settings.run_ttl:
        yield Finding(
            "runs", "last run", Word.NOTE, f"{age} ago, {state}: nothing runs it, it seems", "see docs/scheduling.md"
        )
    else:
        yield Finding("runs", "last run", Word.OK, f"{age} ago, {state}")


def _messages() -> Iterator[Finding]:
    """Tell of each address its place and the kind of service alone: the rest is a secret."""
    addresses = read_addresses()
    if not addresses:
        yield Finding("messages", VARIABLE, Word.NOTE, "not set: nobody is told", "see docs/messages.md")
    for place, address in enumerate(addresses.values(), 1):
        scheme = _SCHEME.match(address)
        if scheme and is_address(address):
            yield Finding("messages", f"address {place}", Word.OK, f"{scheme[1]}; 'supervisor notify test' tries it")
        else:
            yield Finding("messages", f"address {place}", Word.FAULT, "none that Apprise knows", "write scheme://...")


def _space(settings: Settings) -> Iterator[Finding]:
    places = {"state_dir": settings.state_dir, "event_log": settings.event_log, "world": settings.world}
    for name, path in places.items():
        place = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
        disk = shutil.disk_usage(place)
        files = os.statvfs(place)
        is_short = disk.free < LEAST_FREE_BYTES or (files.f_files and files.f_favail < 1000)
        inodes = f", room for {count(files.f_favail, 'file')}" if files.f_files else ""
        said = f"{size(disk.free)} of {size(disk.total)} free{inodes}"
        yield Finding("space", name, Word.FAULT if is_short else Word.OK, said, "make room" if is_short else "")


def to_document(findings: list[Finding], now: datetime) -> dict[str, object]:
    """Return it as plain values, for a report of a bug."""
    return {
        "schema_version": 1,
        "at": now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "is_fine": all(finding.word is not Word.FAULT for finding in findings),
        "findings": [finding._asdict() for finding in findings],
    }
