"""Appending to one's own journal: under the lock of all, durable before anyone may act on it, and never half."""

import hashlib
import os
import pwd
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.errors import EmitError, SupervisorError
from flows.files.lock import is_same_file, wait_for_lock
from flows.files.own import create_file, open_regular, settle_path, sync_folder, trusted_owners, write_all
from flows.ledger.actions.journals import (
    MAX_LINE,
    MAX_PART,
    VERSION,
    JournalLine,
    Journals,
    Tail,
    part_path,
    read_journals,
    seal_record,
)
from flows.ledger.actions.places import ActionPlace
from flows.ledger.actions.share import share_file
from schemas.canonical import spell_instant, write_canonical
from schemas.ledger_words import Role

LOCK_TIMEOUT_S = 30.0


class LedgerWriteError(SupervisorError):
    """A journal cannot be appended to, now or at all: nothing was recorded."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes: the kernel's user, in one role."""

    uid: int
    name: str
    role: Role
    host: str
    pid: int

    def by(self) -> dict[str, object]:
        """Return it as a record says it."""
        return {"uid": self.uid, "name": self.name, "role": str(self.role), "host": self.host, "pid": self.pid}


def identify(role: Role) -> Author:
    """Return this process in a role."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Author(uid, name, role, socket.gethostname(), os.getpid())


class LockedLedger:
    """The journals while their lock is held: read, and appended to by one author."""

    def __init__(self, place: ActionPlace, author: Author) -> None:
        """Read all journals; a broken ledger is only noticed when it is asked for, or appended to."""
        self._place = place
        self._author = author
        self.journals = read_journals(place)

    def append(self, kind: str, at: datetime, fields: Mapping[str, object]) -> JournalLine:
        """Write one record, and return it when it is durable."""
        return self.append_all([(kind, fields)], at)[0]

    def append_all(self, records: Sequence[tuple[str, Mapping[str, object]]], at: datetime) -> tuple[JournalLine, ...]:
        """Write records in their order, as one durable write; all of them, or none but in a crash: then the first of them.

        Raises `LedgerBrokenError`, and `LedgerWriteError` where it cannot be written.
        """
        self.journals.check()
        if not records:
            return ()
        tail = self._settle(self.journals.tail(self._author.role, self._author.uid))
        lines, data = self._encode(records, at, tail)
        self._sync_others()
        self._write(part_path(self._place, self._author.role, self._author.uid, tail.part), tail.size, data)
        tails = dict(self.journals.tails or {})
        tails[self._author.role, self._author.uid] = Tail(tail.part, tail.size + len(data), b"", lines[-1].digest)
        self.journals = Journals((*self.journals.lines, *lines), (), tails)
        return tuple(lines)

    def _encode(
        self, records: Sequence[tuple[str, Mapping[str, object]]], at: datetime, tail: Tail
    ) -> tuple[list[JournalLine], bytes]:
        path = part_path(self._place, self._author.role, self._author.uid, tail.part)
        lines: list[JournalLine] = []
        data, head, first = bytearray(), tail.digest, self.journals.greatest + 1
        for n, (kind, fields) in enumerate(records, start=first):
            record: dict[str, Any] = {**fields, "v": VERSION, "n": n, "at": spell_instant(at), "kind": kind}
            record |= {"by": self._author.by(), "prev": head}
            record["seal"] = seal_record(record)
            content = write_canonical(record).encode("ascii")
            if len(content) > MAX_LINE:
                raise LedgerWriteError(
                    f"a record '{kind}' of {len(content)} bytes is more than the {MAX_LINE} of a journal's line"
                )
            head = hashlib.sha256(content).hexdigest()
            # The number of the line in its file is for messages about what was read, and not known here.
            lines.append(JournalLine(n, self._author.role, self._author.uid, record, head, path, 0))
            data += content + b"\n"
        return lines, bytes(data)

    def _settle(self, tail: Tail) -> Tail:
        """Cut a torn last line into a file of its own, and go on in a new part where the last one is full."""
        path = part_path(self._place, self._author.role, self._author.uid, tail.part)
        if tail.torn:
            self._cut(path, tail)
        return Tail(tail.part + 1, 0, b"", tail.digest) if tail.size >= MAX_PART else tail

    def _cut(self, path: Path, tail: Tail) -> None:
        aside = path.with_name(f"{path.name}.torn")
        with _explained(aside):
            _keep(aside, tail.torn)
        with _explained(path):
            fd = open_regular(path, os.O_WRONLY, frozenset({self._author.uid}))
            try:
                os.ftruncate(fd, tail.size)
                os.fsync(fd)
            finally:
                os.close(fd)

    def _sync_others(self) -> None:
        """Make durable what others wrote and were killed before they flushed it: our number says that it is there."""
        for (role, uid), tail in (self.journals.tails or {}).items():
            path = part_path(self._place, role, uid, tail.part)
            with _explained(path):
                fd = open_regular(path, os.O_RDONLY, frozenset({uid}))
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)
        with _explained(self._place.journals):
            sync_folder(self._place.journals)

    def _write(self, path: Path, size: int, data: bytes) -> None:
        with _explained(path):
            fd = self._open(path)
            try:
                os.lseek(fd, size, os.SEEK_SET)
                write_all(fd, data)
                os.fsync(fd)
            except OSError:
                # What may be there in part, or is not durable, was never said.
                with suppress(OSError):
                    os.ftruncate(fd, size)
                    os.fsync(fd)
                raise
            finally:
                os.close(fd)

    def _open(self, path: Path) -> int:
        with suppress(FileNotFoundError):
            return open_regular(path, os.O_WRONLY, frozenset({self._author.uid}))
        return _create_shared(path, os.O_WRONLY, 0o640)


@contextmanager
def open_ledger(
    place: ActionPlace, author: Author, *, timeout_s: float = LOCK_TIMEOUT_S, prepare: bool = True
) -> Iterator[LockedLedger]:
    """Hold the journals' lock, and give what they hold; LedgerWriteError after the time-out.

    The folder is made where it is absent (for one user alone; an installation with several makes it itself).
    """
    if prepare:
        prepare_place(place)
    with _explained(place.lock):
        fd = _lock(place, time.monotonic() + timeout_s, timeout_s)
    try:
        yield LockedLedger(place, author)
    finally:
        os.close(fd)


def prepare_place(place: ActionPlace) -> None:
    """Make the folders where they are absent, for this user alone, and refuse those that others could replace."""
    root = place.root.absolute()
    with _explained(root):
        for folder in (root, place.journals.absolute()):
            for part in reversed([part for part in (folder, *folder.parents) if not os.path.lexists(part)]):
                with suppress(FileExistsError):
                    part.mkdir(mode=0o750)
                    sync_folder(part.parent)
        settle_path(place.lock.absolute(), trusted_owners(place.decider_uids | place.executor_uids))


def _lock(place: ActionPlace, deadline: float, timeout_s: float) -> int:
    while True:
        fd = _open_lock(place.lock)
        if not wait_for_lock(fd, deadline):
            os.close(fd)
            raise LedgerWriteError(
                f"{place.lock}: another process holds it (`lslocks` names it); waited {timeout_s:g} s"
            )
        if is_same_file(fd, place.lock):
            return fd
        os.close(fd)


def _open_lock(path: Path) -> int:
    """Open the lock, which belongs to the installation: what counts is that nobody but the owners can replace it."""
    while True:
        with suppress(FileNotFoundError):
            return open_regular(path, os.O_RDONLY, None)
        with suppress(FileExistsError):
            return _create_shared(path, os.O_RDONLY, 0o660)


def _create_shared(path: Path, flags: int, mode: int) -> int:
    """Make a file for the group of its folder, whatever this user's own group and mask are."""
    fd = create_file(path, flags, mode)
    share_file(fd, path.parent, mode)
    sync_folder(path.parent)
    return fd


def _keep(path: Path, torn: bytes) -> None:
    flags = os.O_WRONLY | os.O_APPEND
    try:
        fd = open_regular(path, flags, frozenset({os.geteuid()}))
    except FileNotFoundError:
        fd = create_file(path, flags, 0o600)
    try:
        write_all(fd, torn + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_folder(path.parent)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except EmitError as error:
        raise LedgerWriteError(str(error)) from None
    except OSError as error:
        raise LedgerWriteError(f"{path}: cannot be written: {error.strerror}; nothing was recorded") from None
