"""A stranger's tar archive is read, or given up by name, in little memory and little time."""

import gzip
import io
import lzma
import tarfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard

from flows.errors import HistoryError
from flows.sources.snapshots import tar_stream
from flows.sources.snapshots.tars import read_tar_worlds
from schemas.limits import Limits
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import world

NAME = "2026-05-27T12-00-00Z"
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def header(kind: bytes, size: bytes, name: bytes = b"x", mtime: bytes = b"0") -> bytes:
    """Return a header with a right sum, whatever else is in it."""
    block = bytearray(512)
    block[:100] = name.ljust(100, b"\0")[:100]
    block[100:108] = block[108:116] = block[116:124] = b"0000644\0"
    block[124:136] = size.ljust(12, b"\0")[:12]
    block[136:148] = mtime.ljust(12, b"\0")[:12]
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 512)


def octal(number: int) -> bytes:
    return b"%011o\0" % number


def pax(data: bytes) -> bytes:
    return header(b"x", octal(len(data))) + padded(data)


def a_world(mtime: bytes = b"0", before: bytes = b"") -> bytes:
    """Return an archive of the world of noon, with something before each of its headers."""
    files = world(NOON, "piha/web").items()
    parts = [
        before + header(b"0", octal(len(data)), f"{NAME}/{name}".encode(), mtime) + padded(data) for name, data in files
    ]
    return b"".join(parts) + b"\0" * 1024


def sparse_number() -> bytes:
    record = b"GNU.sparse.map=" + b"9" * 30_000 + b"\n"
    return pax(b"%d %s" % (len(record) + 6, record))


HOSTILE = {
    "a path of a million parts": lambda: pax(b"1000018 path=" + b"a/" * 500_000 + b"\n") + a_world(),
    "a PAX length of many digits": lambda: pax(b"1" * 60_000 + b" path=a\n") + a_world(),
    "a long name of 2 GB": lambda: header(b"L", octal(2_000_000_000)) + b"\0" * 100_000,
    "a PAX header of 2 GB": lambda: header(b"x", octal(2_000_000_000)) + b"\0" * 100_000,
    "a size that is no number": lambda: header(b"0", b"99zz") + a_world(),
    "a size below nothing": lambda: header(b"0", b"\xff" * 12) + a_world(),
    "a size beyond everything": lambda: header(b"0", b"\x80" + b"\xff" * 11) + a_world(),
    "a sum that is another": lambda: b"\1" + a_world()[1:],
    "a sparse map of large numbers": lambda: sparse_number() + a_world(),
}


def read_or_told(archive: Path) -> bool:
    """Return whether the archive gave a world, or an error that names it."""
    try:
        return bool(list(read_tar_worlds(archive, Limits())))
    except HistoryError as error:
        return str(archive) in str(error)


@pytest.mark.parametrize("packer", [bytes, gzip.compress, lzma.compress, zstandard.compress])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_header_costs_little_and_is_told(tmp_path, hostile, packer):
    archive = tmp_path / "worlds.tar"
    archive.write_bytes(packer(HOSTILE[hostile]()))

    begun_s = time.monotonic()
    tracemalloc.start()
    try:
        told = read_or_told(archive)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert told
    assert time.monotonic() - begun_s < 5
    assert peak_bytes < 30_000_000


@pytest.mark.parametrize("mtime", [b"77777777777", b"\x80" + b"\xff" * 11, b"-1", b"nan", b"\xff" * 12])
def test_an_odd_time_of_a_file_is_no_time(tmp_path, mtime):
    (tmp_path / "a.tar").write_bytes(a_world(mtime))

    [found] = read_tar_worlds(tmp_path / "a.tar", Limits())

    assert found.as_of == NOON
    assert found.files_at <= NOON


@pytest.mark.parametrize("value", ["1e400", "-5", "nan", "99999999999999999999", "1779883200.5"])
def test_an_odd_time_of_a_pax_header_is_no_time(tmp_path, value):
    record = f"mtime={value}\n"
    (tmp_path / "a.tar").write_bytes(a_world(before=pax(f"{len(record) + 3} {record}".encode())))

    [found] = read_tar_worlds(tmp_path / "a.tar", Limits())

    assert (found.files_at.year == 2026) == (value == "1779883200.5")


def test_what_is_named_a_hundred_times_is_held_once(tmp_path):
    big = b" " * 5_000_000
    member = header(b"0", octal(len(big)), f"{NAME}/services.json".encode()) + padded(big)
    (tmp_path / "a.tar").write_bytes(gzip.compress(member * 20, 1))

    tracemalloc.start()
    try:
        [found] = read_tar_worlds(tmp_path / "a.tar", Limits())
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert found.contents == {"services.json": big}


def test_headers_that_describe_no_file_leave_nothing_in_memory(tmp_path):
    headers = [pax(b"".join(b"16 key%08d=\n" % (number * 1000 + each) for each in range(1000))) for number in range(20)]
    (tmp_path / f"{NAME}.tar").write_bytes(b"".join(headers) + a_world())

    tracemalloc.start()
    try:
        worlds = list(read_tar_worlds(tmp_path / f"{NAME}.tar", Limits()))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(worlds) == 1
    assert peak_bytes < 1_000_000


def test_an_archive_with_nothing_of_a_world_is_given_up_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(tar_stream, "MOST_SECONDS", 5)
    monkeypatch.setattr(
        tar_stream, "time", SimpleNamespace(monotonic=count().__next__)
    )  # a second goes by at each look
    other = header(b"0", octal(2_000_000_000), b"other")
    with gzip.open(tmp_path / "a.tar.gz", "wb", 1) as packed:
        packed.write(other)
        packed.write(b"\0" * 10_000_000)

    with pytest.raises(HistoryError, match="no file of a world for"):
        list(read_tar_worlds(tmp_path / "a.tar.gz", Limits()))


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime = len(data), NOON.timestamp() + 0.25
    tar.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("form", FORMATS)
def test_what_the_standard_library_writes_is_read(tmp_path, form):
    deep = "/".join(["a folder with a long name"] * (4 if form == tarfile.USTAR_FORMAT else 20))
    with tarfile.open(tmp_path / "a.tar", "w", format=form) as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for name, data in world(NOON, "piha/web").items():
            add(tar, f"{deep}/{NAME}/{name}", data)
        add(tar, f"{deep}/{NAME}/other.json", b"{}")

    [found] = read_tar_worlds(tmp_path / "a.tar", Limits())

    assert found.contents == world(NOON, "piha/web")
    assert found.as_of == NOON
    assert timedelta(0) <= NOON - found.files_at < timedelta(seconds=1)


def test_no_damage_of_an_archive_is_anything_but_told(tmp_path):
    """Each byte of the headers changed, the archive cut everywhere: worlds or a `HistoryError`, and nothing else."""
    whole, ends = a_world(before=pax(b"20 mtime=1779883200\n")), set()
    changed: list[Callable[[], bytes]] = [
        partial(whole.__getitem__, slice(place)) for place in range(0, len(whole), 97)
    ]
    changed += [
        lambda place=place, bit=bit: whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
        for place in range(0, 2560, 3)
        for bit in (0, 7)
    ]
    for make in changed:
        (tmp_path / "a.tar").write_bytes(make())
        try:
            ends.add(len(list(read_tar_worlds(tmp_path / "a.tar", Limits()))))
        except HistoryError:
            ends.add("told")

    assert ends >= {1, "told"}
