"""The checkpoint: what a run must know of those before it, in two equal copies, each replaced as a whole.

Both copies are durable before anything is appended: with the older state in one of them, losing the other would
lose the record of what was about to be written.
"""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from flows.errors import EmitError, SettingsError
from flows.files.own import (
    UnsafeFileError,
    open_regular,
    remove_leftovers,
    settle_path,
    sync_folder,
    trusted_owners,
    write_temporary,
)
from flows.ledger.event_line import read_instant, write_instant
from flows.ledger.event_log import START, Position
from flows.ledger.skipped_run import read_attempt
from schemas.episode import Episode, Key
from schemas.last_run import LastAttempt, LastRun
from schemas.wait import SettlingService, Wait
from schemas.words import Action, DriftKind, EventType, Outcome, Severity, State

VERSION = 1
MAX_BYTES = 64 * 1024 * 1024
_BODY = b',"body":'
"""What stands before the bytes that the checksum is of."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known after a run."""

    generation: int = 0
    """Runs that were committed."""
    head: str | None = None
    """The hash of our latest event's line."""
    episodes: Mapping[Key, Episode] = field(default_factory=dict)
    last_run: LastRun | None = None
    action_seq: int = 0
    """Events about acting that were written."""
    acting: Mapping[str, object] | None = None
    """What a run must know about acting, as values of JSON; None where it is off."""
    last_attempt: LastAttempt | None = None
    """A run since, without conclusions; it is noted beside the checkpoint, not in it."""


@dataclass(frozen=True, slots=True)
class Pending:
    """What a run is about to write: the very lines, the files to put in place, and what is known then."""

    events: tuple[tuple[str, str], ...]
    """Event id and line."""
    files: tuple[tuple[str, str], ...]
    """Temporary and final path."""
    after: Known


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The content of a checkpoint's copy."""

    known: Known = field(default_factory=Known)
    log: str = ""
    """The event log that the position is in."""
    position: Position = START
    pending: Pending | None = None
    serial: int = 0
    """Counts what was written: of two good copies the higher is the newer."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found at the checkpoint's two paths."""

    checkpoint: Checkpoint | None
    broken: tuple[tuple[Path, str], ...]
    """Copies that cannot be used, with the reason."""


def backup_path(path: Path) -> Path:
    """Return where the second copy is."""
    return path.with_name(f"{path.name}.bak")


def load_checkpoint(path: Path) -> Loaded:
    """Return the newer of the good copies.

    A copy that a newer version wrote, or that is not a plain file of ours, is an error, and stays as it is.
    """
    good: dict[bytes, Checkpoint] = {}
    broken = []
    for copy in (path, backup_path(path)):
        try:
            data = _read_copy(copy)
            good[data] = good.get(data) or decode_checkpoint(data, copy)
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            broken.append((copy, str(error) if isinstance(error, _BrokenCopyError) else "it is not what we write"))
    newest = max(good.values(), key=lambda checkpoint: checkpoint.serial, default=None)
    return Loaded(newest, tuple(broken))


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> Checkpoint:
    """Write both copies, durable when this returns; return the checkpoint with its new serial."""
    checkpoint = replace(checkpoint, serial=checkpoint.serial + 1)
    data = encode_checkpoint(checkpoint)
    copies = (backup_path(path), path)
    written: list[Path] = []
    try:
        written.extend(write_temporary(copy, data) for copy in copies)
        for temporary, copy in zip(written, copies, strict=True):
            temporary.replace(copy)
        sync_folder(path.parent)
    except OSError as error:
        for temporary in written:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise EmitError(f"{path}: the checkpoint cannot be written: {error.strerror}; the one before stands") from None
    return checkpoint


def set_aside(broken: tuple[tuple[Path, str], ...]) -> None:
    """Keep broken copies as evidence under another name, where they are not in the way."""
    for copy, _ in broken:
        copy.replace(copy.with_name(f"{copy.name}.broken"))


def clear_leftovers(path: Path) -> None:
    """Remove the temporary files of killed runs."""
    remove_leftovers(path)
    remove_leftovers(backup_path(path))


def read_known(path: Path) -> Known | None:
    """Return what the last runs left, without a lock and without a log; None where there is no trace of any, nor a folder.

    What a killed run was about to write counts as known: the next run completes it.
    """
    if not path.absolute().parent.is_dir():
        return None
    settled = settle_path(path, trusted_owners())
    checkpoint = load_checkpoint(settled).checkpoint or Checkpoint()
    known = checkpoint.pending.after if checkpoint.pending else checkpoint.known
    attempt = read_attempt(settled, known.generation)
    return None if checkpoint.serial == 0 and attempt is None else replace(known, last_attempt=attempt)


class _BrokenCopyError(ValueError):
    pass


def _read_copy(path: Path) -> bytes:
    fd = open_regular(path, os.O_RDONLY, frozenset({os.geteuid()}) | ({0} if os.geteuid() else frozenset()))
    with os.fdopen(fd, "rb") as file:
        if os.fstat(fd).st_size > MAX_BYTES:
            raise UnsafeFileError(f"{path}: is larger than the {MAX_BYTES} bytes of any checkpoint; remove it")
        return file.read(MAX_BYTES)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return a copy's bytes; EmitError where they are more than a later run would read."""
    body = msgspec.json.encode(_dump(checkpoint))
    data = b'{"version":%d,"sha256":"%s"' % (VERSION, hashlib.sha256(body).hexdigest().encode("ascii"))
    data += _BODY + body + b"}\n"
    if len(data) > MAX_BYTES:
        raise EmitError(
            f"refused: this run would write {len(data)} bytes, more than the {MAX_BYTES} that a checkpoint holds;"
            " nothing was written"
        )
    return data


def decode_checkpoint(data: bytes, path: Path) -> Checkpoint:
    """Return a copy's content; ValueError, KeyError or TypeError where it is broken."""
    try:
        form = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _BrokenCopyError("it is cut or not JSON") from None
    if not isinstance(form, dict) or not isinstance(form.get("version"), int):
        raise _BrokenCopyError("it is not a checkpoint")
    if form["version"] > VERSION:
        raise SettingsError(
            f"{path}: was written by version {form['version']} of the checkpoint's format, this is {VERSION};"
            " use the newer supervisor, or another checkpoint path"
        )
    body = data.partition(_BODY)[2].rstrip()[:-1]
    if hashlib.sha256(body).hexdigest() != form["sha256"]:
        raise _BrokenCopyError("its checksum does not match")
    return _parse(form["body"])


def _dump(checkpoint: Checkpoint) -> dict[str, object]:
    pending = checkpoint.pending
    return {
        "serial": checkpoint.serial,
        "log": checkpoint.log,
        "position": list(checkpoint.position),
        "known": _dump_known(checkpoint.known),
        "pending": None
        if pending is None
        else {"events": pending.events, "files": pending.files, "after": _dump_known(pending.after)},
    }


def _parse(body: Mapping[str, Any]) -> Checkpoint:
    pending = body["pending"]
    offset, start, before = body["position"]
    return Checkpoint(
        known=_parse_known(body["known"]),
        log=str(body["log"]),
        position=Position(_whole(offset), str(start), str(before)),
        pending=None
        if pending is None
        else Pending(
            tuple((str(event_id), str(line)) for event_id, line in pending["events"]),
            tuple((str(temporary), str(final)) for temporary, final in pending["files"]),
            _parse_known(pending["after"]),
        ),
        serial=_whole(body["serial"]),
    )


def _dump_known(known: Known) -> dict[str, object]:
    # Only where acting was ever on, so that a checkpoint without it is byte for byte what it was.
    is_acting = known.acting is not None or known.action_seq > 0
    acting = {"action_seq": known.action_seq, "acting": known.acting} if is_acting else {}
    return {
        **acting,
        "generation": known.generation,
        "head": known.head,
        "episodes": [dump_episode(episode) for episode in known.episodes.values()],
        "last_run": _dump_run(known.last_run) if known.last_run else None,
    }


def _parse_known(form: Mapping[str, Any]) -> Known:
    episodes = [parse_episode(row) for row in form["episodes"]]
    return Known(
        generation=_whole(form["generation"]),
        head=None if form["head"] is None else str(form["head"]),
        episodes={episode.key: episode for episode in episodes},
        last_run=_parse_run(form["last_run"]) if form["last_run"] else None,
        action_seq=_whole(form.get("action_seq", 0)),
        acting=None if form.get("acting") is None else dict(form["acting"]),
    )


def dump_episode(episode: Episode) -> dict[str, object]:
    """Return an episode as values of JSON."""
    return {
        "id": episode.recommendation_id,
        "type": episode.event_type,
        "action": episode.action,
        "severity": episode.severity,
        "node": episode.node,
        "service": episode.service,
        "causing_kinds": list(episode.causing_kinds),
        "is_open": episode.is_open,
        "opened_at": write_instant(episode.opened_at),
        "last_event_at": write_instant(episode.last_event_at),
        "seq": episode.seq,
        "openings": [write_instant(moment) for moment in episode.openings],
        "root_causes": None if episode.root_causes is None else list(episode.root_causes),
    }


def parse_episode(form: Mapping[str, Any]) -> Episode:
    """Return the episode of values that `dump_episode` made; ValueError, KeyError or TypeError for others."""
    return Episode(
        recommendation_id=str(form["id"]),
        event_type=EventType(form["type"]),
        action=Action(form["action"]),
        severity=Severity(form["severity"]),
        node=str(form["node"]),
        service=str(form["service"]),
        causing_kinds=tuple(DriftKind(kind) for kind in form["causing_kinds"]),
        is_open=form["is_open"] is True,
        opened_at=read_instant(form["opened_at"]),
        last_event_at=read_instant(form["last_event_at"]),
        seq=_whole(form["seq"]),
        openings=tuple(read_instant(moment) for moment in form["openings"]),
        root_causes=None if form.get("root_causes") is None else tuple(str(name) for name in form["root_causes"]),
    )


def _dump_run(run: LastRun) -> dict[str, object]:
    return {
        "as_of": write_instant(run.as_of),
        "outcome": run.outcome,
        "state": run.state,
        "state_since": write_instant(run.state_since) if run.state_since else None,
        "world_at": write_instant(run.world_at) if run.world_at else None,
        "counts": dict(run.counts),
        "recommendations": [dict(row) for row in run.recommendations],
        "input_fingerprint": run.input_fingerprint,
        "inventory": run.inventory,
        "drift_counts": [list(row) for row in run.drift_counts],
        "recommendation_counts": [list(row) for row in run.recommendation_counts],
        "taken_s": dict(run.taken_s),
        "waits": [_dump_wait(wait) for wait in run.waits],
        "settling": [[row.node, row.service, write_instant(row.first_seen_at)] for row in run.settling],
    }


def _parse_run(form: Mapping[str, Any]) -> LastRun:
    return LastRun(
        as_of=read_instant(form["as_of"]),
        outcome=Outcome(form["outcome"]),
        state=State(form["state"]),
        state_since=_maybe_instant(form["state_since"]),
        world_at=_maybe_instant(form["world_at"]),
        counts={str(name): _whole(count) for name, count in form["counts"].items()},
        recommendations=tuple(dict(row) for row in form["recommendations"]),
        input_fingerprint=str(form["input_fingerprint"]),
        inventory=str(form.get("inventory", "")),
        drift_counts=tuple((str(a), str(b), held is True, _whole(n)) for a, b, held, n in form.get("drift_counts", [])),
        recommendation_counts=tuple(
            (str(event), str(action), str(severity), _whole(n))
            for event, action, severity, n in form.get("recommendation_counts", [])
        ),
        taken_s={str(name): float(taken_s) for name, taken_s in form.get("taken_s", {}).items()},
        waits=tuple(_parse_wait(row) for row in form.get("waits", [])),
        settling=tuple(
            SettlingService(node=str(node), service=str(service), first_seen_at=read_instant(at))
            for node, service, at in form.get("settling", [])
        ),
    )


def _dump_wait(wait: Wait) -> dict[str, object]:
    return {
        "node": wait.node,
        "service": wait.service,
        "kind": wait.kind,
        "first_seen_at": write_instant(wait.first_seen_at),
        "run_count": wait.run_count,
        "held_at": write_instant(wait.held_at) if wait.held_at else None,
    }


def _parse_wait(form: Mapping[str, Any]) -> Wait:
    return Wait(
        node=str(form["node"]),
        service=str(form["service"]),
        kind=DriftKind(form["kind"]),
        first_seen_at=read_instant(form["first_seen_at"]),
        run_count=_whole(form["run_count"]),
        held_at=_maybe_instant(form.get("held_at")),
    )


def _maybe_instant(text: object) -> datetime | None:
    return None if text is None else read_instant(text)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("expected a count")
    return value
