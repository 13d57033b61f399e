"""The journals: one for each role and user, each a chain of lines, together the ledger in the order of `n`.

Reading takes no lock. What an appender has under way is an unterminated last line, which is left out; a torn one looks
the same until its owner cuts it. Everything else that is not as it should be breaks the ledger, and says where.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from flows.errors import EmitError, SupervisorError, say_newer
from flows.files.file_system import doubt_file_systems
from flows.files.own import open_regular
from flows.ledger.actions.places import ActionPlace
from schemas.canonical import hash_canonical
from schemas.ledger_words import Role

VERSION = 1
BEGINNING = "0" * 64
"""What a journal's first line has for the hash of the line before it."""
MAX_LINE = 1024 * 1024
MAX_PART = 64 * 1024 * 1024
_NAME = re.compile(r"(decider|operator|executor)-(0|[1-9]\d{0,9})(?:\.([2-9]|[1-9]\d{1,3}))?\.jsonl")
_ROUNDS = 8
_HOLE = re.compile(rb"\0\0|\0\Z")
"""What a power cut leaves of a page that was never written; one NUL amid a line is a changed byte."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


class LedgerBrokenError(SupervisorError):
    """The journals contradict themselves, or are not whose they should be: nothing is written to them."""


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One record, with where it stands."""

    n: int
    role: Role
    uid: int
    record: Mapping[str, Any]
    digest: str
    """Of the line without its end."""
    path: Path
    number: int
    """The line's number in the file, from 1."""


class Tail(NamedTuple):
    """Where a journal ends: what its owner needs to append to it."""

    part: int
    """The number of its last part; 1 where there is none yet."""
    size: int
    """Of that part, as far as it is whole."""
    torn: bytes
    """What stands behind: the beginning of a line that was never acknowledged."""
    digest: str
    """Of the last line."""


NO_TAIL = Tail(1, 0, b"", BEGINNING)


@dataclass(frozen=True, slots=True)
class Journals:
    """All journals as they are at one moment."""

    lines: tuple[JournalLine, ...] = ()
    """By `n`."""
    problems: tuple[str, ...] = ()
    """Why the ledger is broken; none where it is whole."""
    tails: Mapping[tuple[Role, int], Tail] | None = None

    @property
    def greatest(self) -> int:
        """Return the greatest `n`; 0 where there is none."""
        return self.lines[-1].n if self.lines else 0

    def tail(self, role: Role, uid: int) -> Tail:
        """Return where one's journal ends."""
        return (self.tails or {}).get((role, uid), NO_TAIL)

    def check(self) -> None:
        """Raise `LedgerBrokenError` where the ledger is broken."""
        if self.problems:
            raise LedgerBrokenError("\n".join(("the ledger is broken; 'supervisor actions verify':", *self.problems)))


def part_path(place: ActionPlace, role: Role, uid: int, part: int = 1) -> Path:
    """Return the file of one part of a journal."""
    return place.journals / f"{role}-{uid}{'' if part == 1 else f'.{part}'}.jsonl"


def read_journals(place: ActionPlace) -> Journals:
    """Return all journals of the place, verified; nothing where the folder is absent.

    Read again while they change and something does not fit: a line of one journal can be seen before an earlier one of
    another.
    """
    before, found = stamp_journals(place), _read_all(place)
    for _ in range(_ROUNDS):
        after = stamp_journals(place)
        if not found.problems or before == after:
            break
        before, found = after, _read_all(place)
    return found


def stamp_journals(place: ActionPlace) -> tuple[tuple[str, int, int], ...]:
    """Return what tells one state of the journals from another without reading them."""
    return tuple(
        (entry.name, entry.stat(follow_symlinks=False).st_ino, entry.stat(follow_symlinks=False).st_size)
        for entry in _entries(place)
    )


def _entries(place: ActionPlace) -> list[os.DirEntry[str]]:
    with suppress(FileNotFoundError), os.scandir(place.journals) as entries:
        return sorted((entry for entry in entries if entry.name.endswith(".jsonl")), key=lambda entry: entry.name)
    return []


def _read_all(place: ActionPlace) -> Journals:
    problems = [*doubt_file_systems((place.journals.absolute(),))]
    try:
        parts, strange = _find_parts(place)
    except OSError as error:
        return Journals((), (f"{place.journals}: cannot be read: {error.strerror}",))
    problems += strange
    lines: list[JournalLine] = []
    tails: dict[tuple[Role, int], Tail] = {}
    for (role, uid), numbers in sorted(parts.items()):
        if sorted(numbers) != [*range(1, len(numbers) + 1)]:
            problems.append(f"{part_path(place, role, uid)}: a part of it is missing: there are {sorted(numbers)}")
            continue
        try:
            tails[role, uid] = _read_journal(place, role, uid, len(numbers), lines)
        except _BrokenError as error:
            problems.append(str(error))
    lines.sort(key=lambda line: line.n)
    problems += _check_numbers(lines) if not problems else []
    return Journals(tuple(lines), tuple(problems), tails)


def _find_parts(place: ActionPlace) -> tuple[dict[tuple[Role, int], list[int]], list[str]]:
    parts: dict[tuple[Role, int], list[int]] = {}
    strange = []
    for entry in _entries(place):
        match = _NAME.fullmatch(entry.name)
        if match is None:
            strange.append(f"{entry.path}: is no journal of ours; remove it")
            continue
        role, uid = Role(match[1]), int(match[2])
        allowed = place.owners_of(role)
        if allowed is not None and uid not in allowed:
            strange.append(f"{entry.path}: user {uid} is no {role} here (actions.{role}_uids: {_spell(allowed)})")
        parts.setdefault((role, uid), []).append(int(match[3] or 1))
    return parts, strange


def _spell(uids: Iterable[int]) -> str:
    return ", ".join(str(uid) for uid in sorted(uids)) or "nobody"


class _BrokenError(Exception):
    pass


def _read_journal(place: ActionPlace, role: Role, uid: int, part_count: int, lines: list[JournalLine]) -> Tail:
    """Append a journal's lines, of all its parts, and return where it ends."""
    head, size, torn = BEGINNING, 0, b""
    for part in range(1, part_count + 1):
        path = part_path(place, role, uid, part)
        if torn:
            raise _BrokenError(
                f"{part_path(place, role, uid, part - 1)}: ends with a torn line, and another part follows"
            )
        whole, torn = split_torn(_read_part(path, uid))
        size = len(whole)
        for number, content in enumerate(whole.split(b"\n")[:-1], start=1):
            line = _read_line(content, role, uid, path, number)
            if line.record["prev"] != head:
                raise _BrokenError(
                    f"{path}:{number}: does not follow the line before it; one of them was changed or removed"
                )
            head = line.digest
            lines.append(line)
        if _was_whole(torn):
            raise _BrokenError(f"{path}: the end of its last line was changed")
    if head != BEGINNING and not _has_seal(lines[-1].record):
        raise _BrokenError(f"{lines[-1].path}:{lines[-1].number}: was changed: its seal is of another record")
    return Tail(part_count, size, torn, head)


def split_torn(data: bytes) -> tuple[bytes, bytes]:
    """Return a part's whole lines, and what a killed write or a power cut left behind them.

    No line of ours holds a NUL: from the first one on, nothing was ever durable, and so never acknowledged.
    """
    hole = _HOLE.search(data)
    end = data.rfind(b"\n", 0, hole.start() if hole else len(data)) + 1
    return data[:end], data[end:]


def seal_record(record: Mapping[str, Any]) -> str:
    """Return the record's seal, 16 hex digits: a journal's last line has no line behind it that would tell of a change."""
    return hash_canonical({key: value for key, value in record.items() if key != "seal"})[:16]


def _has_seal(record: Mapping[str, Any]) -> bool:
    """Tell whether the record is as it was sealed; one of an earlier version has no seal."""
    return "seal" not in record or record["seal"] == seal_record(record)


def _was_whole(torn: bytes) -> bool:
    """Tell whether a whole record with something else than its line end stands there: no torn write leaves that."""
    try:
        msgspec.json.decode(torn[:-1])
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return torn[-1:] != b"\0"


def _read_part(path: Path, uid: int) -> bytes:
    try:
        fd = open_regular(path, os.O_RDONLY, frozenset({uid}))
    except FileNotFoundError:
        raise _BrokenError(f"{path}: was removed while it was read") from None
    except EmitError as error:
        raise _BrokenError(str(error)) from None
    with os.fdopen(fd, "rb") as file:
        size = os.fstat(fd).st_size
        if size > MAX_PART + MAX_LINE:
            raise _BrokenError(f"{path}: holds {size} bytes, more than any part of a journal of ours")
        try:
            return file.read(size)
        except OSError as error:
            raise _BrokenError(f"{path}: cannot be read: {error.strerror}") from None


def _read_line(content: bytes, role: Role, uid: int, path: Path, number: int) -> JournalLine:
    try:
        record = msgspec.json.decode(content)
        if _is_newer(record):
            raise _BrokenError(say_newer(f"{path}:{number}", record["v"], VERSION))
        is_ours = len(content) <= MAX_LINE and _has_form(record) and _is_by(record["by"], role, uid)
    except (msgspec.DecodeError, ValueError, RecursionError, KeyError, TypeError):
        record, is_ours = {}, False
    if not is_ours:
        raise _BrokenError(f"{path}:{number}: is no record of this journal's user; it was changed")
    return JournalLine(record["n"], role, uid, record, hashlib.sha256(content).hexdigest(), path, number)


def _is_newer(record: Any) -> bool:
    return isinstance(record, dict) and _is_count(record.get("v")) and record["v"] > VERSION


def _has_form(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and record["v"] == VERSION
        and _is_count(record["n"])
        and isinstance(record["kind"], str)
        and _INSTANT.fullmatch(record["at"]) is not None
        and isinstance(record["by"], dict)
        and isinstance(record["prev"], str)
    )


def _is_by(by: Mapping[str, Any], role: Role, uid: int) -> bool:
    """Tell whether a record names whom the kernel names: a string in it says nothing."""
    return bool(by["uid"] == uid and by["role"] == role)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _check_numbers(lines: list[JournalLine]) -> Iterator[str]:
    """Yield the first number that is missing or doubled."""
    for expected, line in enumerate(lines, start=1):
        if line.n != expected:
            fault = "stands there twice" if line.n < expected else f"is not there: {expected} is missing"
            yield f"{line.path}:{line.number}: the numbers are not 1 to {lines[-1].n}: {min(line.n, expected)} {fault}"
            return
