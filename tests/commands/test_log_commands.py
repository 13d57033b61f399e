"""`supervisor log`: the chain, the latest events, and text of others that is safe to print."""

import gzip
import os

import pytest
import typer
from typer.testing import CliRunner

from flows.commands import log
from flows.ledger.chain import Place, verify_chain
from tests.crash.driver import run
from tests.crash.invariants import log_lines
from tests.helpers.episodes import paths


@pytest.fixture
def told(tmp_path):
    """Three runs, in a rotated part and the log, among the lines of another agent."""
    run(tmp_path, 0, ["web"])
    paths(tmp_path).event_log.rename(tmp_path / "agent-events.log.1")
    paths(tmp_path).event_log.write_bytes(b'{"id": 1}\nnot json\n')
    run(tmp_path, 1, ["web!", "db"])
    run(tmp_path, 2, ["db"])
    return tmp_path


@pytest.fixture
def supervisor(tmp_path):
    app = typer.Typer()
    log.register(app)

    def call(*words):
        whole = {"COLUMNS": None}  # as into a pipe, whatever runs the tests
        code, *rest = words, "--event-log", str(paths(tmp_path).event_log)
        return CliRunner().invoke(app, ["log", *code, *rest], standalone_mode=False, env=whole)

    return call


def files(folder):
    return [paths(folder).event_log, folder / "agent-events.log.1"]


def test_the_chain_holds_across_rotation_in_any_order(told):
    for order in (files(told), files(told)[::-1]):
        verdict = verify_chain(order)

        assert (verdict.event_count, verdict.problem, verdict.is_from_the_beginning) == (4, None, True)


def test_without_the_rotated_part_the_verdict_says_what_it_does_not_cover(told):
    verdict = verify_chain(files(told)[:1])

    assert (verdict.event_count, verdict.problem, verdict.is_from_the_beginning) == (3, None, False)


@pytest.mark.parametrize(
    ("spoil", "number", "problem"),
    [
        pytest.param(lambda own: [own[0], own[1].replace(b"db", b"dc"), own[2]], 3, "was changed", id="changed"),
        pytest.param(lambda own: [own[0], own[2]], 2, "is missing", id="removed"),
        pytest.param(lambda own: [own[0], own[0], *own[1:]], 2, "repeats event", id="doubled"),
        pytest.param(lambda own: [own[0], own[1][:300], own[2]], 2, "cut or changed", id="cut"),
        pytest.param(lambda own: [own[1], own[0], own[2]], 2, "does not follow", id="exchanged"),
    ],
)
def test_the_first_break_of_the_chain_is_named(told, spoil, number, problem):
    own = [line for line in paths(told).event_log.read_bytes().splitlines() if line.startswith(b'{"source"')]
    paths(told).event_log.write_bytes(b"".join(line + b"\n" for line in spoil(own)))
    verdict = verify_chain(files(told)[:1])

    assert verdict.break_at == Place(paths(told).event_log, number)
    assert problem in str(verdict.problem)


def test_verify_finds_the_rotated_parts_itself(told, supervisor):
    result = supervisor("verify", "--checkpoint", str(paths(told).checkpoint))

    assert (result.return_value, result.stdout) == (0, "4 events, each follows the one before it\n")


def test_verify_notices_that_the_end_was_cut(told, supervisor):
    lines = paths(told).event_log.read_bytes().splitlines(keepends=True)
    paths(told).event_log.write_bytes(b"".join(lines[:-1]))
    result = supervisor("verify", "--checkpoint", str(paths(told).checkpoint))

    assert result.return_value == 2
    assert "the end was cut" in result.stdout


def test_tail_shows_the_latest_events(told, supervisor):
    result = supervisor("tail", "-n", "2")

    assert [line.split()[3] for line in result.stdout.splitlines()] == ["changed", "drift"]


def test_tail_prints_no_control_character_of_a_foreign_text(told, supervisor):
    forged = log_lines(told)[-1].replace(b'"reason":"', b'"reason":"\\u001b]52;c;aGk=\\u0007\\u202e')
    with paths(told).event_log.open("ab") as file:
        file.write(forged.replace(b'"event_id":"', b'"event_id":"f') + b"\n")

    shown = supervisor("tail").stdout
    assert shown.count("\n") == 5
    assert shown.replace("\n", "").isprintable()


def test_replay_writes_what_the_log_lost(told, supervisor):
    paths(told).event_log.rename(told / "backup")
    options = ("--checkpoint", str(paths(told).checkpoint), "--state-dir", str(paths(told).state_dir))

    assert supervisor("replay", str(told / "backup"), *options).stdout == "3 events written again\n"
    assert verify_chain(files(told)).event_count == 4


def test_verify_reads_compressed_parts_and_says_what_it_does_not_cover(told, supervisor):
    checkpoint = ("--checkpoint", str(paths(told).checkpoint))
    packed = told / "agent-events.log.1.gz"
    packed.write_bytes(gzip.compress((told / "agent-events.log.1").read_bytes()))

    alone = supervisor("verify", str(packed), *checkpoint)
    assert (alone.return_value, alone.stdout.splitlines()[0]) == (0, "1 event, each follows the one before it")
    assert "not covered: whether the last event was changed, or more are missing at the end" in alone.stdout
    assert supervisor("verify", str(packed), str(paths(told).event_log), *checkpoint).stdout.splitlines() == [
        "4 events, each follows the one before it"
    ]


def test_the_log_is_the_log_however_its_path_is_spelt(told, supervisor):
    (told / "folder").mkdir()
    log, checkpoint = paths(told).event_log, ("--checkpoint", str(paths(told).checkpoint))
    named = (str(told / "agent-events.log.1"), str(told / "folder/.." / log.name))

    assert supervisor("verify", *named, *checkpoint).stdout == "4 events, each follows the one before it\n"


def test_a_named_file_without_a_line_of_ours_is_no_success(told, supervisor):
    (told / "other.log").write_bytes(b"{}\n")

    result = supervisor("verify", str(told / "other.log"), "--checkpoint", str(paths(told).checkpoint))

    assert result.return_value == 2
    assert "holds no event of ours" in result.stdout


def test_verify_of_named_files_notices_that_the_end_was_cut(told, supervisor):
    lines = paths(told).event_log.read_bytes().splitlines(keepends=True)
    paths(told).event_log.write_bytes(b"".join(lines[:-1]))

    result = supervisor("verify", *map(str, files(told)), "--checkpoint", str(paths(told).checkpoint))

    assert result.return_value == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_log_of_a_configured_owner_is_read_by_every_command(told, supervisor, monkeypatch):
    for file in files(told):
        os.chown(file, 12345, 12345)
    places = ("--checkpoint", str(paths(told).checkpoint))
    assert "belongs to user 12345" in supervisor("verify", *places).stderr

    monkeypatch.setenv("SUPERVISOR_LOG_OWNERS", "[12345]")

    assert supervisor("verify", *places).stdout == "4 events, each follows the one before it\n"
    assert len(supervisor("tail").stdout.splitlines()) == 4
    state = ("--state-dir", str(paths(told).state_dir))
    assert supervisor("replay", str(files(told)[1]), *places, *state).stdout == "0 events written again\n"
