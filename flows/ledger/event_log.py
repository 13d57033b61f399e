"""The event log: a file that other agents append to, and that is rotated under us.

What is ours in it is read from a position on, through rotated parts, and appended so that each line is there once,
whole, whatever interrupted an earlier attempt. Lines of others are never changed.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from flows.errors import BusyError, EmitError
from flows.files.lock import is_same_file, wait_for_lock
from flows.files.own import create_file, open_regular, sync_folder
from flows.ledger.event_line import digest_line
from flows.ledger.log_file import LogFile, blank, drop_twins, find_zeros, mark_position, open_log_file, read_lines, seek
from flows.ledger.log_parts import Part, find_parts
from flows.ledger.own_event import OwnEvent, read_own_event
from flows.ledger.position import START, Position
from flows.ledger.torn import find_torn_length

_ROUNDS = 8
_GRACE_STEPS = 10
_GRACE_STEP_S = 0.03
MOST_PARTS = 200
"""Open at once; a process may open about a thousand files."""
MOST_PACKED = 30


class Scan(NamedTuple):
    """What a log and its rotated parts hold from a position on."""

    events: tuple[OwnEvent, ...]
    places: dict[str, Path]
    """The file of each event, by the digest of its line: one with our id and other bytes is not ours."""
    is_position_found: bool
    end: Position
    """Behind the last whole line."""
    tail: bytes
    """What stands behind the last line's end; no more of it than twice what a line of ours takes at most."""
    has_own_tail: bool
    """The tail is an event of ours that lacks nothing but its end."""


class EventLog:
    """The log of one path, with the users whose files are trusted there."""

    def __init__(self, path: Path, owners: frozenset[int]) -> None:
        """Take note of the path; nothing is opened yet."""
        self.path = path
        self.owners = owners
        self.is_deep = False
        """Look into compressed parts, too, even where nothing says that they are needed: a run was killed, or all is lost."""
        self.notes: dict[Path, str] = {}
        """What of the log's parts is not read, and why."""
        self._locks: dict[tuple[int, int], int] = {}

    def scan(self, position: Position) -> Scan:
        """Read our events behind the position, wherever rotation has put it.

        Read again when the log was rotated or cut while it was read. A position that is nowhere any more means that the
        log was replaced: everything that is there is read.
        """
        for _ in range(_ROUNDS):
            with ExitStack() as opened:
                listed = self._list_parts()
                files = self._open(opened, listed)
                chosen = seek(files, position)
                if chosen is None or (self.is_deep and position == START):
                    files = self._open(opened, listed, with_packed=True)
                    chosen = seek(files, position)
                scan = _read(chosen or files, is_position_found=chosen is not None, live=self._live(files))
                if self._is_unmoved(files, listed):
                    return scan
        raise EmitError(f"{self.path}: is rotated or cut faster than it can be read; try again")

    def append(self, lines: Sequence[tuple[str, bytes]], position: Position, deadline: float) -> Scan:
        """Bring each `(event id, line)` into the log once, whole and durable, and return what stands there then.

        What an earlier attempt wrote is looked for first, and the bytes that it left of a torn line are blanked.
        """
        for _ in range(_ROUNDS):
            self._lock_live(deadline)
            scan = self._settle_tail(position)
            missing = [line for _, line in lines if digest_line(line) not in scan.places]
            if not missing and not scan.has_own_tail:
                self._sync({scan.places[digest_line(line)] for _, line in lines})
                return scan
            if missing and self._blank_torn(missing[0], position):
                continue
            self._write((b"\n" if scan.tail else b"") + b"".join(line + b"\n" for line in missing))
        raise EmitError(f"{self.path}: our lines do not stay whole in it; they are kept for the next run")

    @contextmanager
    def locked(self, deadline: float) -> Iterator[None]:
        """Lock the log, which is made where it is absent; BusyError at the deadline (of `time.monotonic`)."""
        try:
            self._lock_live(deadline)
            yield
        finally:
            for fd in self._locks.values():
                os.close(fd)
            self._locks.clear()

    def _lock_live(self, deadline: float) -> None:
        """Lock the file that the path names now; one that was rotated away since stays locked as well."""
        fd = self._open_live(os.O_RDWR | os.O_APPEND)
        found = os.fstat(fd)
        if (found.st_dev, found.st_ino) in self._locks:
            os.close(fd)
        elif wait_for_lock(fd, deadline):
            self._locks[found.st_dev, found.st_ino] = fd
        else:
            os.close(fd)
            raise BusyError(f"{self.path}: another process holds its lock (`lslocks` names it); try again later")

    def _open_live(self, flags: int) -> int:
        """Open the log, or make it: never both in one call, which `fs.protected_regular` forbids even to root."""
        while True:
            with suppress(FileNotFoundError):
                return open_regular(self.path, flags, self.owners)
            with suppress(FileExistsError):
                fd = create_file(self.path, flags, 0o640)
                sync_folder(self.path.parent)
                return fd

    def _list_parts(self) -> list[Part]:
        """Return the parts that are read, the oldest first, and take note of those that are not."""
        found = find_parts(self.path, self.owners)
        self.notes = {part.path: part.problem for part in found if part.problem}
        good = [part for part in found if not part.problem]
        plain = [part for part in good if not part.is_packed][-MOST_PARTS:]
        packed = [part for part in good if part.is_packed][-MOST_PACKED:]
        kept = [part for part in good if part in plain or part in packed]
        if len(kept) < len(good):
            self.notes[self.path] = f"has {len(good)} rotated parts; the {len(good) - len(kept)} oldest are not read"
        return kept

    def _open(self, opened: ExitStack, listed: list[Part], *, with_packed: bool = False) -> list[LogFile]:
        """Open the log first and its parts then: what is renamed in between is seen twice, and never missed."""
        files = []
        with suppress(FileNotFoundError):
            fd = open_regular(self.path, os.O_RDONLY, self.owners)
            opened.callback(os.close, fd)
            files.append(LogFile(self.path, fd, os.fstat(fd).st_size))
        listed = listed if files else self._list_parts()
        for part in reversed(listed):
            if with_packed or not part.is_packed:
                try:
                    files.append(open_log_file(part.path, opened, self.owners))
                except EmitError as error:
                    if part.path.exists():
                        self.notes[part.path] = str(error).removeprefix(f"{part.path}: ")
        return drop_twins(files)[::-1]

    def _live(self, files: list[LogFile]) -> LogFile | None:
        return files[-1] if files and files[-1].path == self.path else None

    def _is_unmoved(self, files: list[LogFile], listed: list[Part]) -> bool:
        live = self._live(files)
        if live is None:
            return not self.path.exists()
        is_whole = is_same_file(live.fd, self.path) and os.fstat(live.fd).st_size >= live.size
        return is_whole and listed == self._list_parts()

    def _settle_tail(self, position: Position) -> Scan:
        """Scan until the last line has its end, or its writer had time enough to write it."""
        scan = self.scan(position)
        for _ in range(_GRACE_STEPS):
            if not scan.tail or scan.has_own_tail:
                break
            time.sleep(_GRACE_STEP_S)
            scan = self.scan(position)
        return scan

    def _write(self, data: bytes) -> None:
        fd = self._open_live(os.O_WRONLY | os.O_APPEND)
        try:
            # Once: what is missing after a short write is seen, blanked and written again by the next round.
            os.write(fd, data)
        except OSError as error:
            raise EmitError(
                f"{self.path}: cannot be appended to: {error.strerror}; the events are kept and written by the next run"
            ) from None
        finally:
            os.close(fd)

    def _blank_torn(self, line: bytes, position: Position) -> bool:
        """Turn what a killed run left of the line into blanks and a line's end, so that a line glued to it is free."""
        with ExitStack() as opened:
            files = self._open(opened, self._list_parts())
            for file in seek(files, position) or files:
                for found in read_lines(file):
                    torn = find_torn_length(found.content, line, is_tail=not found.is_terminated)
                    if torn:
                        return blank(file, found.offset, torn)
        return False

    def seal_zeros(self, position: Position) -> None:
        """Turn the zero bytes that a power cut left behind the position into blanks and a line's end.

        The size of a file can be on the disk before what was written there is; no line of anybody has a zero byte.
        """
        with ExitStack() as opened:
            files = self._open(opened, self._list_parts())
            for file in seek(files, position) or files:
                for offset, length in list(find_zeros(file)):
                    blank(file, offset, length)

    def _sync(self, paths: set[Path]) -> None:
        for path in paths:
            fd = open_regular(path, os.O_RDONLY, self.owners)
            try:
                os.fsync(fd)
            except OSError as error:
                raise EmitError(f"{path}: cannot be made durable: {error.strerror}") from None
            finally:
                os.close(fd)


def _read(files: list[LogFile], *, is_position_found: bool, live: LogFile | None) -> Scan:
    events: list[OwnEvent] = []
    places: dict[str, Path] = {}
    tail, end, has_own_tail = b"", 0, False
    for file in files:
        tail, end = b"", file.start
        for line in read_lines(file):
            event = read_own_event(line.content)
            if event is not None and event.digest not in places:
                events.append(event)
                places[event.digest] = file.path
            if line.is_terminated:
                end = line.offset + line.length + 1
            else:
                tail, has_own_tail = line.content, event is not None and file is files[-1]
    if live is None or files[-1].path != live.path:
        return Scan(tuple(events), places, is_position_found, START, b"", has_own_tail=False)
    return Scan(tuple(events), places, is_position_found, mark_position(live.fd, end), tail, has_own_tail)
