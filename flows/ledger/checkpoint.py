"""The checkpoint: what a run must know of those before it, in two equal copies, each replaced as a whole.

Both copies are durable before anything is appended: with the older state in one of them, losing the other would
lose the record of what was about to be written.
"""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from flows.errors import EmitError, NoRunError, SettingsError, say_newer
from flows.files.own import (
    UnsafeFileError,
    open_regular,
    remove_leftovers,
    settle_path,
    sync_folder,
    trusted_owners,
    write_temporary,
)
from flows.ledger.forms import (
    CheckpointForm,
    KnownForm,
    PendingForm,
    RunForm,
    of_form,
    read_episode,
    to_form,
    write_episode,
)
from flows.ledger.position import START, Position
from flows.ledger.skipped_run import read_attempt
from schemas.episode import Episode, Key
from schemas.last_run import LastAttempt, LastRun
from schemas.wait import SettlingService

VERSION = 1
MAX_BYTES = 64 * 1024 * 1024
_BODY = b',"body":'
"""What stands before the bytes that the checksum is of."""


@dataclass(frozen=True)
class Known:
    """What is known after a run, which changes no more."""

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

    @cached_property
    def text(self) -> msgspec.Raw:
        """Its JSON, made once: a run writes what was known before it, what will be known, and the latter once more."""
        return msgspec.Raw(msgspec.json.encode(_write_known(self)))


class Pending(NamedTuple):
    """What a run is about to write: the very lines, the files to put in place, and what is known then."""

    events: tuple[tuple[str, str], ...]
    """Event id and line."""
    files: tuple[tuple[str, str], ...]
    """Temporary and final path."""
    after: Known


class Checkpoint(NamedTuple):
    """The content of a checkpoint's copy."""

    known: Known = Known()
    log: str = ""
    """The event log that the position is in."""
    position: Position = START
    pending: Pending | None = None
    serial: int = 0
    """Counts what was written: of two good copies the higher is the newer."""


class Loaded(NamedTuple):
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
        except (ValueError, msgspec.ValidationError, RecursionError) as error:
            broken.append((copy, str(error) if isinstance(error, _BrokenCopyError) else "it is not what we write"))
    newest = max(good.values(), key=lambda checkpoint: checkpoint.serial, default=None)
    return Loaded(newest, tuple(broken))


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> Checkpoint:
    """Write both copies, durable when this returns; return the checkpoint with its new serial."""
    checkpoint = checkpoint._replace(serial=checkpoint.serial + 1)
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


def require_known(path: Path, state_dir: Path) -> Known:
    """Return what the last runs left. Raises `NoRunError` where there is no trace of any, in checkpoint or state folder."""
    known = read_known(path)
    hint = "'supervisor reconcile' makes one, and 'supervisor config' shows where a run is looked for"
    if known is None:
        raise NoRunError(f"{path}: no run yet; {hint}")
    if not state_dir.is_dir():
        raise NoRunError(f"{state_dir}: no run yet in this state folder; {hint}")
    return known


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
    body = msgspec.json.encode(_write(checkpoint))
    head = b'{"version":%d,"sha256":"%s"' % (VERSION, hashlib.sha256(body).hexdigest().encode("ascii"))
    data = b"".join((head, _BODY, body, b"}\n"))
    if len(data) > MAX_BYTES:
        raise EmitError(
            f"refused: this run would write {len(data)} bytes, more than the {MAX_BYTES} that a checkpoint holds;"
            " nothing was written"
        )
    return data


class _Envelope(msgspec.Struct):
    version: int
    sha256: str = ""
    body: msgspec.Raw = msgspec.Raw()


def decode_checkpoint(data: bytes, path: Path) -> Checkpoint:
    """Return a copy's content; ValueError or msgspec.ValidationError where it is broken."""
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
    except msgspec.ValidationError:
        raise _BrokenCopyError("it is not a checkpoint") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _BrokenCopyError("it is cut or not JSON") from None
    if envelope.version > VERSION:
        raise SettingsError(say_newer(path, envelope.version, VERSION))
    if hashlib.sha256(envelope.body).hexdigest() != envelope.sha256:
        raise _BrokenCopyError("its checksum does not match")
    return _read(msgspec.json.decode(envelope.body, type=CheckpointForm))


def _write(checkpoint: Checkpoint) -> CheckpointForm:
    pending = checkpoint.pending
    return to_form(
        CheckpointForm,
        checkpoint,
        position=tuple(checkpoint.position),
        known=checkpoint.known.text,
        pending=pending and to_form(PendingForm, pending, after=pending.after.text),
    )


def _read(form: CheckpointForm) -> Checkpoint:
    pending = form.pending
    return of_form(
        Checkpoint,
        form,
        position=Position(*form.position),
        known=_read_known(form.known),
        pending=pending and of_form(Pending, pending, after=_read_known(pending.after)),
    )


def _write_known(known: Known) -> KnownForm:
    is_acting = known.acting is not None or known.action_seq > 0
    return KnownForm(
        action_seq=known.action_seq if is_acting else UNSET,
        acting=_as_values(known.acting) if is_acting else UNSET,
        generation=known.generation,
        head=known.head,
        episodes=tuple(map(write_episode, known.episodes.values())),
        last_run=_write_run(known.last_run) if known.last_run else None,
    )


def _as_values(acting: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if acting is None else dict(acting)


def _read_known(text: msgspec.Raw) -> Known:
    form = msgspec.json.decode(text, type=KnownForm)
    episodes = map(read_episode, form.episodes)
    known = Known(
        generation=form.generation,
        head=form.head,
        episodes={episode.key: episode for episode in episodes},
        last_run=_read_run(form.last_run) if form.last_run else None,
        action_seq=0 if form.action_seq is UNSET else form.action_seq,
        acting=None if form.acting is UNSET else form.acting,
    )
    vars(known)["text"] = text  # What was read is not spelt again; `replace` gives a value that knows no text yet.
    return known


def _write_run(run: LastRun) -> RunForm:
    settling = tuple((row.node, row.service, row.first_seen_at) for row in run.settling)
    return to_form(RunForm, run, settling=settling, counts=dict(run.counts), taken_s=dict(run.taken_s))


def _read_run(form: RunForm) -> LastRun:
    settling = (SettlingService(node=node, service=service, first_seen_at=at) for node, service, at in form.settling)
    return of_form(LastRun, form, settling=tuple(settling))
