"""The files around the events: lost, broken, rotated, planted by another user, or held by another run."""

import errno
import fcntl
import hashlib
import json
import os
import pwd
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from flows.errors import BusyError, EmitError, SettingsError
from flows.files.lock import hold_lock
from flows.files.own import UnsafeFileError, create_file, open_regular, settle_path, trusted_owners
from flows.ledger.checkpoint import VERSION, read_known
from flows.ledger.emit import open_emitter
from flows.ledger.own_event import read_own_event
from flows.ledger.places import Places
from schemas.last_run import LastAttempt, LastRun
from schemas.words import Outcome, Severity, State
from stages.transition import decide_transitions
from tests.crash.driver import run
from tests.crash.invariants import find_violations, log_lines
from tests.helpers.episodes import DAY, NOON, judged, last_run, paths, recommended

STRANGER = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def remembered(folder: Path) -> tuple[LastRun, LastAttempt | None]:
    known = read_known(paths(folder).checkpoint)
    assert known is not None
    assert known.last_run is not None
    return known.last_run, known.last_attempt


def warnings_of(folder: Path) -> list[str]:
    with open_emitter(paths(folder)) as emitter:
        return emitter.warnings


def test_ten_runs_on_the_same_input_write_its_events_once(tmp_path):
    assert [run(tmp_path, number, ["web"]) for number in range(10)] == [1, *[0] * 9]


def test_modes_are_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        run(tmp_path, 0, ["web"])
    finally:
        os.umask(before)

    modes = {path.name: path.stat().st_mode & 0o777 for path in [*tmp_path.iterdir(), tmp_path / "state" / "lock"]}
    assert modes == {
        "agent-events.log": 0o640,
        "state": 0o700,
        "lock": 0o600,
        "supervisor-checkpoint.json": 0o600,
        "supervisor-checkpoint.json.bak": 0o600,
        "supervisor-checkpoint.json.lock": 0o600,
    }


@pytest.mark.parametrize("broken", [b"", b"\0" * 4096, b'{"version": 1, "sha256": "", "body": {}}', b"[]", b"{"])
def test_a_broken_copy_is_replaced_by_the_other_and_kept_as_evidence(tmp_path, broken):
    run(tmp_path, 0, ["web"])
    paths(tmp_path).checkpoint.write_bytes(broken)

    assert "supervisor-checkpoint.json: cannot be used" in warnings_of(tmp_path)[0]
    assert run(tmp_path, 1, ["web"]) == 0
    assert find_violations(tmp_path, ["web"], []) == []
    assert (tmp_path / "supervisor-checkpoint.json.broken").read_bytes() == broken


def test_a_right_checksum_over_wrong_types_is_a_broken_copy(tmp_path):
    run(tmp_path, 0, ["web"])
    form = json.loads(paths(tmp_path).checkpoint.read_text())
    form["body"]["known"]["episodes"] = {"web": "open"}
    body = json.dumps(form["body"])
    digest = hashlib.sha256(body.encode()).hexdigest()
    paths(tmp_path).checkpoint.write_text(f'{{"version":1,"sha256":"{digest}","body":{body}}}')

    assert run(tmp_path, 1, ["web"]) == 0


def test_without_any_copy_the_open_episodes_come_from_the_log(tmp_path):
    run(tmp_path, 0, ["web", "db"])
    run(tmp_path, 1, ["web!"])
    for copy in tmp_path.glob("supervisor-checkpoint.json*"):
        copy.unlink()

    assert "rebuilt from the log" in warnings_of(tmp_path)[0]
    with open_emitter(paths(tmp_path)) as emitter:
        assert [row.severity for row in emitter.episodes.values() if row.is_open] == [Severity.CRITICAL]


def restore_after(folder):
    """Make three runs, and put the checkpoint back as it was after the first; return its lines from then on."""
    run(folder, 0, ["web"])
    old = paths(folder).checkpoint.read_bytes()
    run(folder, 1, ["web!", "db"])
    run(folder, 2, ["db"])
    for copy in folder.glob("supervisor-checkpoint.json*"):
        copy.write_bytes(old)


def test_an_old_backup_of_the_checkpoint_follows_the_events_that_our_records_confirm(tmp_path):
    restore_after(tmp_path)
    asked = []

    def confirm(events, generation):
        asked.append((len(events), generation))
        return frozenset(event.digest for event in events)

    with open_emitter(paths(tmp_path), confirm=confirm) as emitter:
        assert [row.service for row in emitter.episodes.values() if row.is_open] == ["db"]
        assert emitter.warnings == []
    assert asked == [(3, 1)]


def test_behind_an_old_backup_what_no_record_confirms_is_told_and_not_believed(tmp_path):
    restore_after(tmp_path)

    with open_emitter(paths(tmp_path)) as emitter:
        assert [row.service for row in emitter.episodes.values() if row.is_open] == ["web"]
        assert "3 events in it claiming to be ours" in emitter.warnings[0]


def forge(folder, **changes):
    """Append a line that follows our last one, and tells of another service."""
    [*_, last] = log_lines(folder)
    form = json.loads(last)
    form["service"] = changes.get("service", "db")
    form["correlation_id"] = f"redeploy-piha-{form['service']}"
    form["payload"] |= {
        "event_id": changes.get("event_id", "f" * 64),
        "recommendation_id": form["correlation_id"],
        "previous": hashlib.sha256(last).hexdigest(),
        "transition": "opened",
        "resolution": None,
        "seq": 1,
    }
    line = json.dumps(form, separators=(",", ":")).encode()
    with paths(folder).event_log.open("ab") as log:
        log.write(line + b"\n")
    assert read_own_event(line) is not None
    return line


def real_events(folder, service):
    return [
        event
        for line in log_lines(folder)
        if (event := read_own_event(line)) and event.event_id != "f" * 64 and event.episode.service == service
    ]


def test_a_forged_event_whose_chain_fits_does_not_take_the_place_of_the_real_one(tmp_path):
    run(tmp_path, 0, ["web"])
    forge(tmp_path, service="db")

    assert run(tmp_path, 1, ["web", "db"]) == 1
    [real] = real_events(tmp_path, "db")
    assert real.transition == "opened"


def test_a_forged_event_in_the_midst_of_a_run_does_not_either(tmp_path):
    run(tmp_path, 0, ["web"])
    with open_emitter(paths(tmp_path)) as emitter:
        forge(tmp_path, service="db")
        conclusions = judged(recommended("web"), recommended("db"), as_of=NOON + timedelta(seconds=1))
        lines = emitter.commit(decide_transitions(emitter.episodes, conclusions, reminder_interval=DAY), last_run())
        assert "1 event in it claiming to be ours" in emitter.warnings[-1]
    assert len(lines) == 1
    assert len(real_events(tmp_path, "db")) == 1


def test_a_rebuilt_checkpoint_believes_its_chain_and_no_other(tmp_path):
    run(tmp_path, 0, ["web"])
    forge(tmp_path, service="mqtt")
    run(tmp_path, 1, ["web", "db"])
    for copy in tmp_path.glob("supervisor-checkpoint.json*"):
        copy.unlink()

    def confirm(events, generation):
        return frozenset(event.digest for event in events if event.episode.service == "db")

    with open_emitter(paths(tmp_path), confirm=confirm) as emitter:
        assert {row.service for row in emitter.episodes.values()} == {"web", "db"}
        assert "1 event in it claiming" in emitter.warnings[-1]


def test_a_forged_event_behind_our_last_is_not_believed(tmp_path):
    run(tmp_path, 0, ["web"])
    forged = log_lines(tmp_path)[0].replace(b'"seq":1', b'"seq":2').replace(b'"opened"', b'"resolved"')
    with paths(tmp_path).event_log.open("ab") as log:
        log.write(forged + b"\n")

    with open_emitter(paths(tmp_path)) as emitter:
        assert [row.is_open for row in emitter.episodes.values()] == [True]
        assert "not believed" in emitter.warnings[0]


def test_a_checkpoint_of_a_newer_version_is_refused_and_stays(tmp_path):
    run(tmp_path, 0, ["web"])
    newer = paths(tmp_path).checkpoint.read_bytes().replace(b'"version":%d' % VERSION, b'"version":99', 1)
    paths(tmp_path).checkpoint.write_bytes(newer)

    with pytest.raises(SettingsError, match=r"found format 99, this one reads up to 1"):
        run(tmp_path, 1, ["web"])
    assert paths(tmp_path).checkpoint.read_bytes() == newer


def test_a_deleted_log_is_noted_once_and_its_events_are_not_written_again(tmp_path):
    run(tmp_path, 0, ["web"])
    paths(tmp_path).event_log.unlink()

    assert "was replaced since the last run" in warnings_of(tmp_path)[0]
    assert run(tmp_path, 1, ["web"]) == 0
    assert warnings_of(tmp_path) == []
    assert not paths(tmp_path).event_log.exists()


def test_a_log_that_grew_past_our_place_with_other_content_is_read_from_its_beginning(tmp_path):
    run(tmp_path, 0, ["web"])
    paths(tmp_path).event_log.write_bytes(b'{"id": 1}\n' * 1000)

    assert "was replaced" in warnings_of(tmp_path)[0]


def test_events_of_a_lost_log_are_written_again_on_request(tmp_path):
    from flows.ledger.chain import read_event_lines, verify_chain

    run(tmp_path, 0, ["web", "db"])
    backup = paths(tmp_path).event_log.rename(tmp_path / "backup")
    for _ in range(2):
        with open_emitter(paths(tmp_path)) as emitter:
            emitter.write_again(read_event_lines(backup))

    assert paths(tmp_path).event_log.read_bytes() == backup.read_bytes()
    assert run(tmp_path, 1, ["web"]) == 1
    assert verify_chain([paths(tmp_path).event_log]).problem is None


def test_a_leftover_of_a_killed_run_is_removed_and_never_read(tmp_path):
    run(tmp_path, 0, ["web"])
    (tmp_path / "supervisor-checkpoint.json.tmp").write_bytes(b"half")
    run(tmp_path, 1, ["web"])

    assert [*tmp_path.glob("*.tmp")] == []


def test_foreign_lines_of_any_kind_are_passed_over(tmp_path):
    foreign = [b"not json", b"\xff\xfe\x00binary", b'{"source":"runtime-supervisor","x":1}', b"x" * 10_000_000]
    paths(tmp_path).event_log.write_bytes(b"\n".join(foreign) + b"\n")

    assert run(tmp_path, 0, ["web"]) == 1
    assert find_violations(tmp_path, ["web"], foreign) == []


def test_a_skipped_run_keeps_the_last_state_and_says_so(tmp_path):
    run(tmp_path, 0, ["web"])
    before = paths(tmp_path).checkpoint.read_bytes()
    with open_emitter(paths(tmp_path)) as emitter:
        emitter.note_skipped(NOON + DAY, "services.json is cut")
    last, attempt = remembered(tmp_path)

    assert paths(tmp_path).checkpoint.read_bytes() == before

    assert last.state == State.DEGRADED
    assert attempt == LastAttempt(as_of=NOON + DAY, outcome=Outcome.SKIPPED, reason="services.json is cut")
    run(tmp_path, 1, ["web"])
    assert remembered(tmp_path)[1] is None


def test_a_skipped_first_run_makes_no_checkpoint(tmp_path):
    with open_emitter(paths(tmp_path)) as emitter:
        emitter.note_skipped(NOON, "services.json is cut")
    known = read_known(paths(tmp_path).checkpoint)

    assert not paths(tmp_path).checkpoint.exists()
    assert known is not None
    assert known.last_attempt == LastAttempt(as_of=NOON, outcome=Outcome.SKIPPED, reason="services.json is cut")


def test_a_state_is_dated_from_when_it_began(tmp_path):
    for day, state in enumerate([State.UNSTABLE, State.DEGRADED, State.DEGRADED]):
        with open_emitter(paths(tmp_path)) as emitter:
            transitions = decide_transitions(emitter.episodes, judged(), reminder_interval=DAY)
            emitter.commit(transitions, last_run(NOON + day * DAY, state))

    assert remembered(tmp_path)[0].state_since == NOON + DAY


def test_reading_the_episodes_changes_no_byte(tmp_path):
    run(tmp_path, 0, ["web"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert [row.service for row in read_known(paths(tmp_path).checkpoint).episodes.values()] == ["web"]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_more_events_than_a_run_may_write_are_refused_before_any(tmp_path):
    many = [recommended(f"s{number}") for number in range(20_001)]
    with open_emitter(paths(tmp_path)) as emitter, pytest.raises(EmitError, match="refused: 20001 events"):
        emitter.commit(decide_transitions({}, judged(*many), reminder_interval=DAY), last_run())

    assert not paths(tmp_path).event_log.exists()


@pytest.mark.parametrize("name", ["agent-events.log", "supervisor-checkpoint.json", "supervisor-checkpoint.json.lock"])
@pytest.mark.parametrize("kind", ["symlink", "hard link", "FIFO", "folder", "dangling"])
def test_what_is_no_plain_file_of_ours_is_refused_at_once(tmp_path, name, kind):
    victim, planted = tmp_path / "victim", tmp_path / name
    victim.write_bytes(b"precious")
    {
        "symlink": lambda: planted.symlink_to(victim),
        "dangling": lambda: planted.symlink_to(tmp_path / "nowhere"),
        "hard link": lambda: os.link(victim, planted),
        "FIFO": lambda: os.mkfifo(planted),
        "folder": planted.mkdir,
    }[kind]()

    begun = time.monotonic()
    with pytest.raises(EmitError, match=name.replace(".", r"\.")):
        run(tmp_path, 0, ["web"])
    assert time.monotonic() - begun < 1
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "nowhere").exists()


@as_root
@pytest.mark.parametrize("name", ["agent-events.log", "supervisor-checkpoint.json", "supervisor-checkpoint.json.lock"])
def test_a_file_of_another_user_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    os.chown(tmp_path / name, STRANGER, STRANGER)

    with pytest.raises(UnsafeFileError, match=f"belongs to user {STRANGER}"):
        run(tmp_path, 0, ["web"])


@as_root
def test_the_log_of_a_trusted_user_is_appended_to(tmp_path):
    trusting = Places(
        event_log=tmp_path / "agent-events.log",
        checkpoint=tmp_path / "checkpoint",
        state_dir=tmp_path / "state",
        log_owners=trusted_owners([STRANGER]),
    )
    trusting.event_log.write_bytes(b"")
    os.chown(trusting.event_log, STRANGER, STRANGER)
    with open_emitter(trusting) as emitter:
        [event] = emitter.commit(decide_transitions({}, judged(recommended()), reminder_interval=DAY), last_run())

    assert trusting.event_log.read_bytes() == event.line + b"\n"


@as_root
def test_a_folder_that_another_user_could_exchange_is_refused(tmp_path):
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", STRANGER, STRANGER)

    with pytest.raises(UnsafeFileError, match="could put other files in our place"):
        run(tmp_path / "theirs", 0, ["web"])


def test_a_folder_in_which_anyone_can_replace_files_is_refused(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    with pytest.raises(UnsafeFileError, match="every user can replace files"):
        run(tmp_path / "open", 0, ["web"])


@as_root
def test_a_folder_in_which_others_of_its_group_can_replace_files_is_refused(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    os.chown(folder, -1, pwd.getpwnam("daemon").pw_gid)
    folder.chmod(0o775)

    with pytest.raises(UnsafeFileError, match=r"others of its group \(daemon.*chmod g-w"):
        settle_path(folder / "log", trusted_owners())
    folder.chmod(0o1775)
    assert settle_path(folder / "log", trusted_owners()) == folder / "log"


def test_a_folder_of_a_group_that_has_nobody_else_is_ours_alone(tmp_path):
    tmp_path.chmod(0o775)

    assert settle_path(tmp_path / "log", trusted_owners()) == tmp_path / "log"


def test_a_second_run_waits_and_then_says_who_holds_the_lock(tmp_path):
    with (
        open_emitter(paths(tmp_path)),
        pytest.raises(BusyError, match=rf"process {os.getpid()}, started .*waited 0.1 s"),
        open_emitter(paths(tmp_path, lock_timeout_s=0.1)),
    ):
        pass


@pytest.mark.parametrize("shared", ["checkpoint", "state_dir"])
def test_runs_that_share_only_one_path_exclude_each_other(tmp_path, shared):
    ours = paths(tmp_path)
    (tmp_path / "other").mkdir()
    theirs = paths(tmp_path / "other")
    values = {name: getattr(theirs, name) for name in ("event_log", "checkpoint", "state_dir")}
    mixed = Places(**values | {shared: getattr(ours, shared), "lock_timeout_s": 0.1})

    with open_emitter(ours), pytest.raises(BusyError), open_emitter(mixed):
        pass


def test_runs_that_share_only_the_log_tell_of_each_other_and_swallow_nothing(tmp_path):
    (tmp_path / "other").mkdir()
    other = paths(tmp_path / "other")
    sharing = Places(event_log=paths(tmp_path).event_log, checkpoint=other.checkpoint, state_dir=other.state_dir)
    with open_emitter(sharing) as emitter:
        run(tmp_path, 0, ["web"])
        transitions = decide_transitions(emitter.episodes, judged(recommended("db")), reminder_interval=DAY)
        emitter.commit(transitions, last_run())
        assert "1 event in it claiming to be ours" in emitter.warnings[-1]

    assert [row.service for row in read_known(sharing.checkpoint).episodes.values()] == ["db"]
    assert "1 event in it claiming to be ours" in warnings_of(tmp_path)[0]
    assert [row.service for row in read_known(paths(tmp_path).checkpoint).episodes.values()] == ["web"]


def test_another_process_that_locks_the_log_makes_us_busy(tmp_path):
    log = paths(tmp_path).event_log
    log.touch()
    with log.open("rb") as held, open_emitter(paths(tmp_path, lock_timeout_s=0.1)) as emitter:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match=r"agent-events\.log"):
            emitter.commit(decide_transitions({}, judged(recommended()), reminder_interval=DAY), last_run())


def test_a_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path):
    parent = (
        "import subprocess, sys, time; from pathlib import Path; from flows.files.lock import hold_lock\n"
        f"with hold_lock(Path({str(tmp_path / 'lock')!r}), 1):\n"
        "    child = subprocess.Popen(['sleep', '60'], close_fds=False, stdout=subprocess.DEVNULL)\n"
        "    print(child.pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    try:
        with hold_lock(tmp_path / "lock", 1):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_lock_file_that_a_cleaner_removed_is_made_again(tmp_path):
    with hold_lock(tmp_path / "lock", 1):
        (tmp_path / "lock").unlink()
        with hold_lock(tmp_path / "lock", 0.1):
            pass


def test_the_history_of_the_same_run_takes_the_place_of_the_one_before(tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / "part-1.json").write_text("of an earlier attempt")

    run(tmp_path, 0, ["web"])

    assert (tmp_path / "state" / "part-1.json").read_text() != "of an earlier attempt"


def test_what_writes_events_needs_nothing_but_the_standard_library():
    heavy = "{'polars', 'pandera', 'pydantic', 'prefect', 'typer', 'yaml'} & {*sys.modules}"
    code = f"import sys, flows.ledger.emit, flows.ledger.chain, stages.transition; sys.exit(len({heavy}))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_foreign_line_without_its_end_gets_one_before_ours(tmp_path):
    paths(tmp_path).event_log.write_bytes(b'{"id": 1, "message": "cut o')

    run(tmp_path, 0, ["web"])

    assert find_violations(tmp_path, ["web"], [b'{"id": 1, "message": "cut o']) == []


def test_a_file_of_another_user_that_may_not_be_opened_is_told_with_both_users(tmp_path, monkeypatch):
    (tmp_path / "log").touch()

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(EmitError) as refused:
        open_regular(tmp_path / "log", os.O_RDONLY, None)

    user = os.geteuid()
    assert str(refused.value) == f"{tmp_path}/log: cannot be opened by user {user}: it belongs to user {user}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_folder_that_may_not_be_written_to_is_told_with_the_user_and_the_folder(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(EmitError) as refused:
            create_file(folder / "log", os.O_WRONLY, 0o600)
    finally:
        os.seteuid(0)

    said = f"cannot be opened by user 65534, who needs rights in {folder}: Permission denied"
    assert str(refused.value) == f"{folder}/log: {said}"
