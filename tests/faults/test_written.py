"""Faults of what is written: log, checkpoint and locks come through whole, and each event is there once."""

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from flows.errors import EmitError
from flows.ledger.checkpoint import MAX_BYTES
from flows.ledger.emit import open_emitter
from flows.run import deadline
from stages.transition import decide_transitions
from tests.crash.driver import run
from tests.crash.invariants import find_violations
from tests.faults import Fault, Killed, injected
from tests.faults.cases import case
from tests.faults.lab import Lab, call
from tests.helpers.episodes import DAY, judged, last_run, paths, recommended
from tests.helpers.program import SUPERVISOR, clean_environment

pytestmark = pytest.mark.slow

FOREIGN = b'{"id": 1, "message": "checked"}'
DOWN = {"a/web": "exited", "a/db": "ok", "b/cache": "ok"}
GOOD = {"a/web": "ok", "a/db": "ok", "b/cache": "ok"}
OPENED = [("opened", "redeploy-a-web")]
PROTECTED = Path("/proc/sys/fs/protected_regular")
SFTP_SERVER = "/usr/lib/openssh/sftp-server"


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    lab.write_world(DOWN)
    return lab


def strike(folder, fault, services, as_of_s=10):
    """Make a run that a fault strikes; return whether it did."""
    try:
        with injected(fault):
            run(folder, as_of_s, services, lock_timeout_s=0.3)
    except (Killed, EmitError):
        return True
    return False


def check_recovered(folder, services, foreign=()):
    run(folder, 20, services)
    assert find_violations(folder, services, list(foreign)) == []
    assert run(folder, 30, services) == 0


def count_calls(folder):
    fault = Fault(10_000)
    folder.mkdir()
    paths(folder).event_log.write_bytes(FOREIGN + b"\n")
    with injected(fault):
        run(folder, 10, ["web", "db"])
    return fault.count


@pytest.mark.parametrize("change", [["web", "db"], ["mqtt"]], ids=["same input", "another input"])
@case("EMI-001", "EMI-005", "PRE-001", "HIS-001", "CKP-019")
def test_a_kill_at_any_call_is_completed_by_the_next_run(tmp_path, change):
    for number in range(1, count_calls(tmp_path / "counted") + 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths(folder).event_log.write_bytes(FOREIGN + b"\n")
        assert strike(folder, Fault(number), ["web", "db"])
        check_recovered(folder, change, [FOREIGN])


@pytest.mark.parametrize("kept", [1, 30, 300])
@case("EMI-003", "HIS-002")
def test_torn_bytes_with_a_line_glued_behind_are_mended(tmp_path, kept):
    for number in range(1, 6):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths(folder).event_log.write_bytes(FOREIGN + b"\n")
        strike(folder, Fault(number, kept=kept, only="write"), ["web", "db"])
        glued = b'{"id": 2, "message": "after"}'
        with paths(folder).event_log.open("ab") as log:
            log.write(glued + b"\n")
        check_recovered(folder, ["web", "db"], [FOREIGN, glued])


@case("EMI-004")
def test_a_kill_during_the_recovery_is_recovered_from(tmp_path):
    for first, second in [(first, second) for first in range(4, 22, 4) for second in range(1, 22, 5)]:
        folder = tmp_path / f"{first}-{second}"
        folder.mkdir()
        strike(folder, Fault(first), ["web", "db"])
        strike(folder, Fault(second), ["web", "db"], as_of_s=15)
        check_recovered(folder, ["web", "db"])


def told_error(folder, fault):
    """Make a run in which a call fails; return what is told, none where the run got over it."""
    try:
        with injected(fault):
            run(folder, 10, ["web", "db"], lock_timeout_s=0.3)
    except EmitError as error:
        return str(error)
    return None


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES])
@case("EMI-013", "EMI-014", "CKP-024", "HIS-013")
def test_an_error_of_any_call_is_a_clear_one_and_loses_nothing(tmp_path, error):
    for number in range(1, 24):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths(folder).event_log.write_bytes(FOREIGN + b"\n")
        told = told_error(folder, Fault(number, error=error))
        assert told is None or os.strerror(error) in told
        check_recovered(folder, ["web", "db"], [FOREIGN])


@case("EMI-015")
def test_short_writes_double_nothing(tmp_path, monkeypatch):
    write, calls = os.write, []

    def write_less(fd, data):
        calls.append(fd)
        return write(fd, bytes(data)[: max(1, len(data) // 3)] if len(calls) % 3 else data)

    monkeypatch.setattr(os, "write", write_less)
    check_recovered(tmp_path, ["web", "db"])


@case("EMI-016", "EMI-013")
def test_a_file_size_limit_keeps_the_batch_for_the_next_run(lab):
    lab.log.write_bytes((FOREIGN + b"\n") * 400)
    ran = lab.spawn(within=("prlimit", "--fsize=12900"))

    assert ran.exit_code == 5
    assert "File too large" in ran.errors
    assert "Traceback" not in ran.errors
    assert lab.reconcile().exit_code == 2
    assert lab.told() == OPENED
    assert lab.log.read_bytes().splitlines().count(FOREIGN) == 400


@case("EMI-006", "PRE-002")
def test_the_same_input_ten_times_is_told_once(lab):
    moment = lab.as_of.isoformat()
    documents = [lab.reconcile("--as-of", moment).document for _ in range(10)]

    assert lab.told() == OPENED
    assert len({json.dumps(document["recommendations"]) for document in documents}) == 1


@case("EMI-008")
def test_two_inputs_in_turn_have_an_id_for_each_change(lab):
    for services in (DOWN, GOOD, DOWN, GOOD):
        lab.write_world(services)
        lab.reconcile()

    ids = [event["payload"]["event_id"] for event in lab.events()]
    assert len(set(ids)) == len(ids) == 4
    assert [event["payload"]["seq"] for event in lab.events()] == [1, 2, 3, 4]


@case("EMI-009", "CKP-020", "PRE-007")
def test_a_second_run_ends_busy_and_names_the_first(lab):
    lab.reconcile()
    with open_emitter(paths(lab.folder)):
        ran = lab.reconcile()

    assert ran.exit_code == 4
    assert f"another run holds the lock {lab.state_dir}/lock (process {os.getpid()}, started " in ran.errors


@case("EMI-009", "EMI-010", "PRE-007")
def test_runs_at_once_tell_each_event_once(lab):
    command = [sys.executable, "-m", "tests.crash.driver", str(lab.folder), "1", "web", "db"]
    runs = [subprocess.Popen(command) for _ in range(3)]

    assert {process.wait(60) for process in runs} <= {0, 4}
    assert find_violations(lab.folder, ["web", "db"], []) == []


def wait_for_the_queue(process, lab):
    """Wait until a process of its own waits for the lock."""
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError):
            if any(fd.readlink() == lab.state_dir / "lock" for fd in Path(f"/proc/{process.pid}/fd").iterdir()):
                return
        time.sleep(0.05)
    raise AssertionError(process.poll())


@case("EMI-010")
def test_inputs_are_read_under_the_lock(lab):
    lab.write("inventory/supervisor.yaml", "lock_timeout: 60\n")
    with open_emitter(paths(lab.folder)):
        ran = subprocess.Popen(
            [sys.executable, "-c", "from flows.cli import main; main()", *lab.arguments("--quiet")],
            stdout=subprocess.DEVNULL,
        )
        wait_for_the_queue(ran, lab)
        lab.write_world(GOOD)

    assert ran.wait(60) == 0
    assert lab.told() == []


@case("EMI-011")
def test_a_backfill_leaves_the_live_files_alone(lab):
    lab.reconcile()
    before = {path: path.read_bytes() for path in (lab.log, lab.checkpoint)}
    shutil.copytree(lab.world, lab.folder / "past/2026-04-30T12-00-00Z")
    settings = lab.write("settings.yaml", f"event_log: {lab.log}\ncheckpoint: {lab.checkpoint}\n")
    places = ["--inventory", str(lab.inventory), "--state-dir", str(lab.state_dir), "--config", str(settings)]
    ran = call("backfill", str(lab.folder / "past"), *places, "--jobs", "1")

    assert ran.exit_code == 0, ran.errors
    assert {path: path.read_bytes() for path in before} == before


@case("EMI-018", "SEC-017", "PRE-017", "CKP-016")
def test_files_are_private_whatever_the_umask_zone_and_locale(lab):
    other = {"TZ": "Pacific/Chatham", "LC_ALL": "C", "LANG": "tr_TR.UTF-8"}
    lab.spawn("--quiet", environment=other, umask=0)
    ids = [event["payload"]["event_id"] for event in lab.events()]
    modes = {path.name: path.stat().st_mode & 0o777 for path in (lab.log, lab.checkpoint, lab.state_dir)}
    for path in (lab.log, lab.checkpoint, lab.checkpoint.with_name(f"{lab.checkpoint.name}.bak")):
        path.unlink()
    lab.spawn("--quiet", environment={"TZ": "UTC"})

    assert modes == {"agent-events.log": 0o640, "supervisor-checkpoint.json": 0o600, "state": 0o700}
    assert [event["payload"]["event_id"] for event in lab.events()] == ids != []


@case("EMI-019")
def test_a_deleted_log_is_noted_and_not_written_again(lab):
    lab.reconcile()
    lab.log.unlink()
    ran = lab.reconcile()

    assert "was replaced since the last run" in ran.document["notes"][0]
    assert lab.events() == []


def renamed(log):
    log.rename(log.with_name(f"{log.name}.1"))
    log.touch(mode=0o640)


def copied(log):
    shutil.copy(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


def outgrown(log):
    size = log.stat().st_size
    os.truncate(log, 0)
    log.write_bytes((FOREIGN + b"\n") * (size // len(FOREIGN) + 5))


@pytest.mark.parametrize(
    "rotate",
    [
        pytest.param(renamed, marks=case("EMI-020")),
        pytest.param(copied, marks=case("EMI-021")),
        pytest.param(outgrown, marks=case("EMI-023")),
    ],
)
def test_a_rotated_log_doubles_nothing(lab, rotate):
    lab.reconcile()
    rotate(lab.log)
    lab.reconcile()
    lab.write_world(DOWN | {"b/cache": "exited"})
    lab.reconcile()

    assert lab.told() == [("opened", "redeploy-b-cache")]
    assert lab.open_episodes() == ["redeploy-a-web", "redeploy-b-cache"]


@case("EMI-024", "EMI-025")
def test_a_line_without_its_end_is_given_one_after_a_while(lab):
    lab.log.write_bytes(b'{"id": 7, "message": "cut o')
    lab.reconcile()

    assert lab.log.read_bytes().startswith(b'{"id": 7, "message": "cut o\n{"source"')
    assert lab.told() == OPENED


@case("EMI-026")
def test_lines_of_others_are_passed_over_and_stay(lab):
    foreign = (
        b"\n".join([b"{no", b"x" * (10 << 20), bytes(range(11, 256)), "{}".encode("utf-16"), b"", b"\0" * 100]) + b"\n"
    )
    lab.log.write_bytes(foreign)
    lab.reconcile()
    lab.reconcile()

    assert lab.log.read_bytes().startswith(foreign)
    assert lab.told() == OPENED


HOSTILE = "\u2028\u0085\x1b[2J\x00\r\n\U0001f4a5\u202e"


@case("EMI-028", "OWN-007")
def test_any_text_of_the_world_is_one_ascii_line(lab):
    lab.set_services(json.dumps({"a/web": {"status": HOSTILE}, "a/db": {"status": "ok"}, "b/cache": {"status": "ok"}}))
    ran = lab.reconcile("--format", "ndjson")

    assert lab.log.read_bytes().isascii()
    assert len(lab.log.read_text().splitlines()) == len(lab.events()) == 1
    assert ran.output.isascii()
    assert all(json.loads(line) for line in ran.output.splitlines())


@pytest.mark.parametrize("value", [float("nan"), b"bytes", {1, 2}, object()])
@case("EMI-029")
def test_what_json_has_no_form_for_is_refused_before_anything_is_written(tmp_path, value):
    advice = [recommended("db"), recommended(evidence={"observed": value})]
    with open_emitter(paths(tmp_path)) as emitter, pytest.raises(EmitError, match="cannot be written as JSON"):
        emitter.commit(decide_transitions({}, judged(*advice), reminder_interval=DAY), last_run())

    assert not paths(tmp_path).event_log.exists()


@case("EMI-030")
def test_a_huge_event_is_cut_and_says_so(lab):
    lab.write("inventory/supervisor.yaml", "limits: {max_word_length: 3000000}")
    lab.set_services(
        json.dumps({"a/web": {"status": "x" * (2 << 20)}, "a/db": {"status": "ok"}, "b/cache": {"status": "ok"}})
    )
    assert lab.reconcile().exit_code == 2

    assert len(lab.log.read_bytes()) <= 65 * 1024
    assert lab.told() == OPENED


@case("EMI-031", "SEC-019")
def test_more_events_than_allowed_are_refused_before_any(lab):
    lab.write("inventory/supervisor.yaml", "limits: {max_events: 1, retry_pause: 0}")
    lab.write_world({"a/web": "exited", "a/db": "ok", "b/cache": "exited"})
    ran = lab.reconcile()

    assert ran.exit_code == 5
    assert "refused: 2 events in one run are more than the 1 of limits.max_events" in ran.errors
    assert lab.told() == []


@contextmanager
def network_file_system(folder):
    """Mount a folder over SFTP, which a server on this machine speaks over a pipe: no network is needed."""
    (folder / "served").mkdir()
    mount = folder / "mounted"
    mount.mkdir()
    asked, answered = os.pipe(), os.pipe()
    server = subprocess.Popen([SFTP_SERVER], stdin=asked[0], stdout=answered[1])
    options = ["-f", "-o", "passive", f":{folder / 'served'}", str(mount)]
    client = subprocess.Popen(["sshfs", *options], stdin=answered[0], stdout=asked[1])
    for descriptor in (*asked, *answered):
        os.close(descriptor)
    try:
        until = time.monotonic() + 10
        while not mount.is_mount() and time.monotonic() < until:
            time.sleep(0.05)
        yield mount
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(mount)], check=False, capture_output=True)
        for process in (client, server):
            process.terminate()
            process.wait(10)


@pytest.mark.skipif(
    shutil.which("sshfs") is None or not Path(SFTP_SERVER).exists(), reason="needs sshfs and its server"
)
@case("EMI-033")
def test_a_log_on_a_network_file_system_is_warned_of_and_written(lab):
    with network_file_system(lab.folder) as mount:
        if not mount.is_mount():
            pytest.skip("nothing can be mounted here")
        lab.log = mount / "agent-events.log"
        first, again = lab.reconcile(), lab.reconcile()

    (note,) = [note for note in first.document["notes"] if "network file system" in note]
    assert note.startswith(f"{lab.log}: is on a network file system (fuse.sshfs at {lab.folder}/mounted)")
    assert note in again.document["notes"]
    lab.log = lab.folder / "served/agent-events.log"
    assert lab.told() == OPENED


@case("EMI-033")
def test_a_log_on_this_machine_is_not_warned_of(lab):
    assert lab.reconcile().document["notes"] == []


@pytest.mark.skipif(shutil.which("chattr") is None, reason="needs chattr")
@case("EMI-034")
def test_a_log_that_may_only_be_appended_to(tmp_path):
    log = paths(tmp_path).event_log
    log.write_bytes(FOREIGN + b"\n")
    if subprocess.run(["chattr", "+a", str(log)], capture_output=True, check=False).returncode:
        pytest.skip("this file system has no append-only files")
    try:
        check_recovered(tmp_path, ["web"], [FOREIGN])
    finally:
        subprocess.run(["chattr", "-a", str(log)], check=True)


@pytest.mark.parametrize("name", ["agent-events.log", "supervisor-checkpoint.json", "supervisor-checkpoint.json.lock"])
@pytest.mark.parametrize("kind", ["link", "hard link", "FIFO", "device", "folder"])
@case("EMI-035", "CKP-014", "CKP-015", "SEC-002", "SEC-003")
def test_what_is_no_plain_file_is_refused_at_once_by_the_command(lab, name, kind):
    victim, planted = lab.write("victim", "precious"), lab.folder / name
    made = {
        "link": lambda: planted.symlink_to(victim),
        "hard link": lambda: os.link(victim, planted),
        "FIFO": lambda: os.mkfifo(planted),
        "device": lambda: planted.symlink_to("/dev/zero"),
        "folder": planted.mkdir,
    }
    made[kind]()
    begun = time.monotonic()
    ran = lab.reconcile()

    assert ran.exit_code == 5
    assert name in ran.errors
    assert time.monotonic() - begun < 30
    assert victim.read_text() == "precious"


@case("EMI-036")
def test_an_existing_log_is_never_opened_to_be_made(lab, monkeypatch):
    lab.log.touch(mode=0o640)
    opened, real = [], os.open

    def watch(path, flags, *rest, **options):
        opened.append((str(path), flags))
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", watch)
    lab.reconcile()

    assert lab.told() == OPENED
    assert [flags for path, flags in opened if path == str(lab.log) and flags & os.O_CREAT] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.skipif(not PROTECTED.exists() or PROTECTED.read_text().strip() == "0", reason="needs fs.protected_regular")
@case("EMI-036")
def test_another_users_log_in_a_folder_of_all_is_appended_to(lab):
    folder = lab.folder / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    log = lab.write("tmp/agent-events.log", FOREIGN + b"\n")
    os.chown(log, 12345, 12345)
    with pytest.raises(PermissionError):
        os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lab.write("inventory/supervisor.yaml", "log_owners: [12345]\n")
    lab.log = log

    assert lab.reconcile().exit_code == 2
    assert lab.told() == OPENED


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
@case("EMI-038", "OWN-001")
def test_an_interrupted_run_shows_no_traceback_and_the_next_completes_it(lab, number, exit_code):
    lab.write("inventory/supervisor.yaml", "lock_timeout: 60\n")
    with open_emitter(paths(lab.folder)):
        ran = subprocess.Popen(
            [sys.executable, "-c", "from flows.cli import main; main()", *lab.arguments()], stderr=subprocess.PIPE
        )
        wait_for_the_queue(ran, lab)
        ran.send_signal(number)
        _, errors = ran.communicate(timeout=30)

    assert ran.returncode == exit_code
    assert b"Traceback" not in errors
    assert lab.reconcile().exit_code == 2
    assert lab.told() == OPENED


@case("EMI-039")
def test_no_memory_in_the_middle_is_as_a_kill(tmp_path, monkeypatch):
    fsync, calls = os.fsync, []

    def fail(fd):
        calls.append(fd)
        if len(calls) == 4:
            raise MemoryError
        fsync(fd)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(MemoryError):
        run(tmp_path, 10, ["web"])
    monkeypatch.setattr(os, "fsync", fsync)
    check_recovered(tmp_path, ["web"])


def backup(lab):
    return lab.checkpoint.with_name(f"{lab.checkpoint.name}.bak")


def lose_both(lab):
    lab.checkpoint.unlink()
    backup(lab).unlink()


def spoil(data):
    def spoil_both(lab):
        lab.checkpoint.write_bytes(data)
        backup(lab).write_bytes(data)

    return spoil_both


def spoil_main(data):
    return lambda lab: lab.checkpoint.write_bytes(data)


def wrong_types(lab):
    import hashlib

    body = b'{"serial":9,"log":[],"position":[0,"",""],"known":[],"pending":null}'
    digest = hashlib.sha256(body).hexdigest().encode()
    spoil(b'{"version":1,"sha256":"' + digest + b'","body":' + body + b"}\n")(lab)


@pytest.mark.parametrize(
    "lose",
    [
        pytest.param(lose_both, marks=case("CKP-001")),
        pytest.param(spoil_main(b'{"version":1,"sha'), marks=case("CKP-004")),
        pytest.param(spoil_main(b""), marks=case("CKP-004")),
        pytest.param(spoil_main(b"\0" * 4096), marks=case("CKP-004")),
        pytest.param(lambda lab: backup(lab).write_bytes(b"broken"), marks=case("CKP-005")),
        pytest.param(spoil(b"broken"), marks=case("CKP-006")),
        pytest.param(spoil(b"[" * 100_000), marks=case("CKP-006")),
        pytest.param(wrong_types, marks=case("CKP-009")),
        pytest.param(
            lambda lab: lab.write(f"{lab.checkpoint.name}.0123456789abcdef.tmp", "left"), marks=case("CKP-012")
        ),
    ],
)
def test_a_lost_or_broken_checkpoint_doubles_no_event(lab, lose):
    lab.reconcile()
    lose(lab)
    ran = lab.reconcile()

    assert ran.exit_code == 2
    assert lab.told() == OPENED
    assert lab.open_episodes() == ["redeploy-a-web"]
    assert json.loads(backup(lab).read_bytes())["body"] == json.loads(lab.checkpoint.read_bytes())["body"]
    assert [path for path in lab.folder.iterdir() if path.name.endswith(".tmp")] == []


@case("CKP-002")
def test_without_checkpoint_and_log_the_same_events_come_again(lab):
    lab.reconcile()
    first = [event["payload"]["event_id"] for event in lab.events()]
    lose_both(lab)
    lab.log.unlink()
    lab.reconcile()

    assert [event["payload"]["event_id"] for event in lab.events()] == first


@case("CKP-007")
def test_a_checkpoint_of_a_newer_version_is_refused_and_stays(lab):
    lab.reconcile()
    newer = lab.checkpoint.read_bytes().replace(b'"version":1', b'"version":9')
    lab.checkpoint.write_bytes(newer)
    ran = lab.reconcile()

    assert ran.exit_code == 1
    assert "found format 9, this one reads up to 1" in ran.errors
    assert lab.checkpoint.read_bytes() == newer


@case("CKP-010")
def test_an_old_backup_follows_the_log(lab):
    lab.reconcile()
    old = lab.checkpoint.read_bytes()
    for services in (GOOD, DOWN, GOOD, DOWN):
        lab.write_world(services)
        lab.reconcile()
    told = lab.told()
    spoil(old)(lab)
    lab.reconcile()

    assert lab.told() == told


@case("CKP-011")
def test_a_checkpoint_of_another_log_is_noticed(lab):
    lab.reconcile()
    lab.log.rename(lab.folder / "other.log")
    ran = lab.reconcile("--event-log", str(lab.folder / "new.log"))

    assert any("belongs to the log" in note for note in ran.document["notes"])
    assert ran.exit_code == 2


@case("CKP-016")
def test_a_checkpoint_that_all_can_read_becomes_private(lab):
    lab.reconcile()
    lab.checkpoint.chmod(0o644)
    lab.reconcile()

    assert lab.checkpoint.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("name", ["agent-events.log", "supervisor-checkpoint.json"])
@case("CKP-016", "SEC-004", "CLI-012")
def test_another_users_file_is_refused_and_named(lab, name):
    os.chown(lab.write(name, b""), 12345, 12345)
    ran = lab.reconcile()

    assert ran.exit_code == 5
    assert f"{name}: belongs to user 12345" in ran.errors


@case("CKP-017")
def test_a_state_folder_that_goes_during_a_run_is_an_error_and_made_again(lab):
    with open_emitter(paths(lab.folder)) as emitter:
        transitions = decide_transitions(emitter.episodes, judged(recommended()), reminder_interval=DAY)
        temporary = lab.state_dir / "part.tmp"
        temporary.write_text("part")
        shutil.rmtree(lab.state_dir)
        with pytest.raises(EmitError, match="was the state folder removed during the run"):
            emitter.commit(transitions, last_run(), [(temporary, lab.state_dir / "part")])

    assert lab.told() == []
    assert lab.reconcile().exit_code == 2


@case("CKP-021")
def test_a_child_does_not_hold_the_lock_on(lab):
    lab.reconcile()
    with open_emitter(paths(lab.folder)):
        child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        with (lab.state_dir / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        child.kill()
        child.wait()


@case("CKP-022")
def test_a_huge_checkpoint_is_refused(lab):
    lab.reconcile()
    with lab.checkpoint.open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    ran = lab.reconcile()

    assert ran.exit_code == 5
    assert f"is larger than the {MAX_BYTES} bytes of any checkpoint" in ran.errors


@case("OWN-001")
def test_a_run_that_takes_too_long_is_ended(lab):
    lab.write("inventory/supervisor.yaml", "deadline: 0.5\nlock_timeout: 60\n")
    with open_emitter(paths(lab.folder)):
        begun = time.monotonic()
        ran = lab.spawn()

    assert ran.exit_code == 1
    assert "the run took longer than 0.5 s and was ended; the next run completes" in ran.errors
    assert time.monotonic() - begun < 30
    lab.write("inventory/supervisor.yaml", "")
    assert lab.reconcile().exit_code == 2
    assert lab.told() == OPENED


@pytest.mark.parametrize(
    "command", [["reconcile", "--dry-run"], ["check"], ["explain", "a/web"], ["report", "-o", "page.html"]]
)
@case("OWN-001")
def test_whatever_reads_the_inputs_has_a_deadline(lab, command):
    for number in range(300):
        lab.write(f"inventory/hosts/n{number}/services.yaml", "services: [web]")
    lab.write("inventory/supervisor.yaml", f"deadline: 0.01\nworld: {lab.world}\nstate_dir: {lab.state_dir}\n")
    # In a process of its own: the alarm of this one is the test runner's.
    words = [*SUPERVISOR, *command, "--inventory", str(lab.inventory)]
    ran = subprocess.run(words, capture_output=True, cwd=lab.folder, env=clean_environment(), check=False)

    assert (ran.returncode, ran.stdout) == (1, b"")
    assert b"the run took longer than 0.01 s and was ended" in ran.stderr


@case("OWN-014")
def test_a_run_that_no_signal_reaches_is_ended_all_the_same():
    code = """
import hashlib
from datetime import timedelta
from flows.run import deadline
deadline.LAST_RESORT_S = 0.3
with deadline.end_in_time(timedelta(seconds=0.2)):
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"a calculation", b"of an hour", (1 << 31) - 1)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)

    assert (ran.returncode, ran.stdout) == (1, b"begun\n")
    assert ran.stderr.startswith(b"error: the run took longer than 0.2 s and was ended; the next run completes")


@case("OWN-014")
def test_a_run_that_ends_in_time_is_left_alone(monkeypatch):
    monkeypatch.setattr(deadline, "LAST_RESORT_S", 0.1)
    with deadline.end_in_time(timedelta(seconds=0.1)):
        pass
    time.sleep(0.4)

    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


@case("PRE-009")
def test_a_clock_that_is_set_back_doubles_nothing(lab):
    lab.reconcile()
    lab.as_of -= timedelta(hours=2)
    lab.reconcile()
    lab.as_of += timedelta(hours=4)
    lab.write("inventory/supervisor.yaml", "world_ttl: 30d\nnode_ttl: 30d\n")
    lab.reconcile()

    review = "observer-review-fleet-all"  # every time was still to come, for a while
    assert lab.told() == [*OPENED, ("opened", review), ("resolved", review)]


@case("SEC-005")
def test_a_folder_that_another_user_could_exchange_is_refused(lab):
    (lab.folder / "open").mkdir()
    (lab.folder / "open").chmod(0o777)
    ran = lab.reconcile("--event-log", str(lab.folder / "open/events.log"))

    assert ran.exit_code == 5
    assert "every user can replace files in it" in ran.errors
    assert list(Path(lab.folder / "open").iterdir()) == []
