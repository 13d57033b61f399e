"""Rotated parts of the log in every state that logrotate, an operator or another user leaves them in."""

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from flows.errors import EmitError
from flows.files.own import trusted_owners
from flows.ledger.chain import verify_chain
from flows.ledger.emit import open_emitter
from flows.ledger.event_log import EventLog
from flows.ledger.position import START
from tests.crash.driver import run
from tests.helpers.episodes import paths

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}


class Cut(BaseException):
    """The process dies here."""


def die_behind_the_append(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run die when its events are in the log, before it is committed."""
    with monkeypatch.context() as patched:
        patched.setattr("flows.ledger.emit.Emitter._finish", lambda *_: (_ for _ in ()).throw(Cut))
        with pytest.raises(Cut):
            run(folder, 1, ["web", "db"])


def pack(log: Path, suffix: str) -> Path:
    """Rotate the log as logrotate does with `compress` and without `delaycompress`."""
    packed = log.with_name(f"{log.name}.1{suffix}")
    packed.write_bytes(PACKERS[suffix](log.read_bytes()))
    os.utime(packed, ns=(log.stat().st_atime_ns, log.stat().st_mtime_ns))
    log.unlink()
    log.touch()
    return packed


def event_ids(folder: Path) -> list[str]:
    log = EventLog(paths(folder).event_log, trusted_owners())
    log.is_deep = True
    return [event.event_id for event in log.scan(START).events]


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("is_first", [True, False])
def test_events_of_a_killed_run_are_found_in_a_part_that_was_compressed_since(tmp_path, monkeypatch, suffix, is_first):
    if not is_first:
        run(tmp_path, 0, ["web"])
    die_behind_the_append(tmp_path, monkeypatch)
    packed = pack(paths(tmp_path).event_log, suffix)

    run(tmp_path, 2, ["web", "db"])

    assert paths(tmp_path).event_log.read_bytes() == b""
    assert len(event_ids(tmp_path)) == len(set(event_ids(tmp_path))) == 2
    assert verify_chain([packed]).event_count == 2


def test_open_episodes_are_rebuilt_from_compressed_parts(tmp_path):
    run(tmp_path, 0, ["web"])
    pack(paths(tmp_path).event_log, ".gz")
    for copy in tmp_path.glob("supervisor-checkpoint.json*"):
        copy.unlink()

    with open_emitter(paths(tmp_path)) as emitter:
        assert [episode.service for episode in emitter.episodes.values()] == ["web"]


def test_no_part_is_unpacked_where_nothing_asks_for_it(tmp_path, monkeypatch):
    run(tmp_path, 0, ["web"])
    pack(paths(tmp_path).event_log, ".gz")
    run(tmp_path, 1, ["web", "db"])
    monkeypatch.setattr("flows.ledger.log_file.unpack", lambda *_: pytest.fail("it was unpacked"))

    run(tmp_path, 2, ["db"])


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda part: os.link(part, part.with_name("other name")), id="hard-linked"),
        pytest.param(lambda part: part.rename(f"{part}.gz"), id="damaged"),
        pytest.param(lambda part: os.chown(part, 12345, 12345), id="of another user"),
    ],
)
def test_an_odd_part_is_told_and_the_run_goes_on(tmp_path, spoil):
    run(tmp_path, 0, ["web"])
    part = tmp_path / "agent-events.log.1"
    paths(tmp_path).event_log.rename(part)
    spoil(part)

    with open_emitter(paths(tmp_path)) as emitter:
        assert any("agent-events.log." in text and "passed over" in text for text in emitter.warnings)
    run(tmp_path, 1, ["web", "db"])


def test_a_thousand_parts_do_not_stop_a_run(tmp_path):
    run(tmp_path, 0, ["web"])
    for number in range(1, 1200):
        (tmp_path / f"agent-events.log.{number}").write_bytes(b"{}\n")
        os.utime(tmp_path / f"agent-events.log.{number}", (1_700_000_000 - number, 1_700_000_000 - number))

    with open_emitter(paths(tmp_path)) as emitter:
        assert any("1199 rotated parts" in text for text in emitter.warnings)
    run(tmp_path, 1, ["web", "db"])


def test_what_unpacks_to_more_than_its_limit_is_no_part(tmp_path, monkeypatch):
    monkeypatch.setattr("flows.ledger.log_parts.MOST_UNPACKED_BYTES", 2_000_000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"\0" * 50_000_000))

    with pytest.raises(EmitError, match="more than 2000000 bytes"):
        verify_chain([tmp_path / "a.gz"])


@pytest.mark.parametrize("glued", [b"", b'{"id": 7}\n'])
@pytest.mark.parametrize("kept", [0, 1, 4000, 4096])
def test_the_zero_bytes_of_a_power_cut_are_sealed(tmp_path, monkeypatch, kept, glued):
    """The size of the file was on the disk, and what was written behind some byte was not; another agent wrote then."""
    run(tmp_path, 0, ["web"])
    before = paths(tmp_path).event_log.stat().st_size
    services = [f"service-{number}" for number in range(12)]
    with monkeypatch.context() as patched:
        patched.setattr("flows.ledger.emit.Emitter._finish", lambda *_: (_ for _ in ()).throw(Cut))
        with pytest.raises(Cut):
            run(tmp_path, 1, services)
    data = paths(tmp_path).event_log.read_bytes()
    assert len(data) - before > 4096
    cut = before + kept
    paths(tmp_path).event_log.write_bytes(data[:cut] + b"\0" * (len(data) - cut) + glued)

    run(tmp_path, 2, services)

    after = paths(tmp_path).event_log.read_bytes()
    assert b"\0" not in after
    assert not glued or glued.strip() in after.split(b"\n")
    assert len(event_ids(tmp_path)) == len(set(event_ids(tmp_path))) == 1 + 1 + 12
    assert verify_chain([paths(tmp_path).event_log]).problem is None


def test_an_event_with_our_id_and_other_bytes_does_not_take_the_place_of_ours(tmp_path, monkeypatch):
    run(tmp_path / "elsewhere", 0, ["web"])
    forged = paths(tmp_path / "elsewhere").event_log.read_bytes().replace(b'"severity":"error"', b'"severity":"info"')
    (real,) = paths(tmp_path / "elsewhere").event_log.read_bytes().splitlines()
    log = EventLog(tmp_path / "log", trusted_owners())
    log.path.write_bytes(forged)
    assert forged.strip() != real

    with log.locked(1e12):
        log.append([("id", real)], START, 1e12)

    assert log.path.read_bytes().splitlines() == [forged.strip(), real]
