"""Bad worlds: an unreadable file skips the run, an unreadable record is set aside, and nothing hangs."""

import contextlib
import json
import os
import signal
import socket
import stat
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from flows.errors import WorldUnreadableError
from flows.files.foreign import read_file
from flows.sources.world.actual import decode_readable_worlds, read_world
from flows.sources.world.files import WorldFiles
from schemas.limits import Limits
from tests.faults.cases import case
from tests.faults.lab import NOON, SEEN, Lab
from tests.faults.test_desired import as_nobody
from tests.helpers.kept import Kept

pytestmark = pytest.mark.slow

GOOD = {"a/web": {"status": "ok"}, "a/db": {"status": "ok"}, "b/cache": {"status": "ok"}}
OTHERS = '{"a/web":{"status":"ok"},"a/db":{"status":"ok"},"b/cache":'


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Return a lab where an episode of `a/db` is open, and all is well again."""
    folder = tmp_path_factory.mktemp("before")
    lab = Lab(folder / "lab")
    lab.write_world({"a/web": "ok", "b/cache": "ok"})
    assert lab.reconcile().exit_code == 2
    lab.write_world(dict.fromkeys(GOOD, "ok"))
    return Kept(lab, folder / "kept")


@pytest.fixture
def opened(before):
    return before.back()


def check_skipped(lab, *problems):
    """Run on an unreadable world after an episode opened: nothing is concluded, and it stays open."""
    log = lab.log.read_bytes()
    begun = time.monotonic()
    ran = lab.reconcile()

    assert ran.exit_code == 3
    assert time.monotonic() - begun < 30
    for problem in problems:
        assert problem in ran.document["error"]
    assert ran.document["drift"] == ran.document["recommendations"] == []
    assert ran.document["summary"]["last_state"] == "degraded"
    assert lab.log.read_bytes() == log
    assert lab.open_episodes() == ["redeploy-a-db"]


def missing(file):
    file.unlink()


def a_fifo(file):
    file.unlink()
    os.mkfifo(file)


def a_link(file):
    file.rename(file.with_suffix(".elsewhere"))
    file.symlink_to(file.with_suffix(".elsewhere"))


def a_folder(file):
    file.unlink()
    file.mkdir()


def a_link_to_a_device(file):
    file.unlink()
    file.symlink_to("/dev/zero")


def a_device(file):
    file.unlink()
    os.mknod(file, stat.S_IFCHR | 0o666, os.makedev(1, 5))


def a_socket(file):
    file.unlink()
    with contextlib.chdir(file.parent), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(file.name)


def no_world(file):
    file.parent.rename(file.parent.with_name("elsewhere"))


def content(data):
    return lambda file: file.write_bytes(data if isinstance(data, bytes) else data.encode())


def too_large(file):
    with file.open("r+b") as opened:
        opened.truncate(300 << 20)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        pytest.param(content(b""), "services.json: the file is empty", marks=case("ACT-002")),
        pytest.param(missing, "services.json: no such file", marks=case("ACT-004")),
        pytest.param(no_world, "world: no such folder; name the world's folder with --world", marks=case("ACT-005")),
        pytest.param(content("[" * 100_000), "services.json: nested too deep to be read", marks=case("ACT-013")),
        pytest.param(
            too_large,
            "services.json: 314572800 bytes, over the limit of 134217728; make it smaller, or raise limits.max_world_file_bytes",
            marks=case("ACT-014"),
        ),
        pytest.param(content("{}{}"), "services.json:1:3: not JSON: Extra data", marks=case("ACT-017")),
        pytest.param(content("{}\n{"), "services.json:2:1: not JSON: Extra data", marks=case("ACT-017")),
        pytest.param(content('{"a/web": {"status": "o'), "services.json:1:22: not JSON: ", marks=case("ACT-017")),
        pytest.param(
            content("5"), "services.json:1:1: expected an object or a list, found a number", marks=case("ACT-017")
        ),
        pytest.param(a_fifo, "services.json: not a regular file but a named pipe", marks=case("ACT-035")),
        pytest.param(a_link, "services.json: a symbolic link, which is not followed", marks=case("ACT-035")),
        pytest.param(a_folder, "services.json: not a regular file but a folder", marks=case("ACT-035")),
        pytest.param(a_link_to_a_device, "services.json: a symbolic link", marks=case("ACT-035")),
        pytest.param(
            a_device,
            "services.json: not a regular file but a device",
            marks=[case("ACT-035"), pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")],
        ),
        pytest.param(a_socket, "services.json: not a regular file", marks=case("OWN-002")),
        pytest.param(
            content("{}".encode("utf-16")), "services.json: not UTF-8: the byte at offset 0", marks=case("OWN-005")
        ),
        pytest.param(
            content("[" + "[]," * 3_000_000 + "[]]"),
            "services.json: about 6000002 values, over the limit of 5000000; mend what writes it, or raise limits.max_json_values",
            marks=case("OWN-006"),
        ),
        pytest.param(
            content("[" + "5," * 1_250_000 + "5]"),
            "1250001 records, over the limit of 1250000; mend what writes it, or raise limits.max_records",
            marks=case("SEC-019"),
        ),
        pytest.param(
            content("[" + "5," * 100_000 + "5]"),
            "services.json: more than 100000 records cannot be read, one of them '0': expected an object",
            marks=case("OWN-012"),
        ),
        pytest.param(
            content(json.dumps({f"s{index}": {} for index in range(100_001)})),
            "services.json: more than 100000 records cannot be read, one of them 's100000': the key 's100000' is not",
            marks=case("OWN-012"),
        ),
        pytest.param(
            content(json.dumps({f"x/s{index}": {"status": "ok"} for index in range(100_001)})),
            "services.json: 100001 services that no inventory asks for, one of them 'x/s0', over the limit of 100000",
            marks=case("SEC-019"),
        ),
    ],
)
def test_an_unreadable_world_skips_the_run_and_nothing_is_forgotten(opened, spoil, problem):
    spoil(opened.world / "services.json")

    check_skipped(opened, problem)


@case("ACT-033")
def test_an_optional_file_that_is_there_and_broken_skips_the_run(opened):
    opened.write("world/incidents.json", '{"inc-1": {"node"')

    check_skipped(opened, "incidents.json:1:18: not JSON")


@pytest.mark.parametrize("file", ["nodes.json", "deployments.json", "incidents.json", "runtime-summary.json"])
@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (
            lambda file: os.truncate(file, 65 << 20),
            "68157440 bytes, over the limit of 67108864; make it smaller, or raise limits.max_other_file_bytes",
        ),
        (
            content("[" + "[]," * 1_000_001 + "[]]"),
            "about 2000004 values, over the limit of 2000000; mend what writes it, or raise limits.max_other_values",
        ),
        (
            content(json.dumps(dict.fromkeys(range(250_001)))),
            "250001 records, over the limit of 250000; mend what writes it, or raise limits.max_other_records",
        ),
    ],
    ids=["bytes", "values", "records"],
)
@case("ACT-014", "OWN-006", "SEC-019")
def test_the_smaller_files_have_limits_of_their_own(opened, file, spoil, problem):
    (opened.world / file).touch()
    spoil(opened.world / file)

    check_skipped(opened, f"{file}: {problem}")


@pytest.mark.parametrize("name", ["EIO", "ESTALE"])
@case("ACT-039")
def test_an_error_of_the_file_system_skips_the_run(opened, monkeypatch, name):
    inode, read = (opened.world / "services.json").stat().st_ino, os.read
    number = getattr(__import__("errno"), name)

    def fail(descriptor, length):
        if os.fstat(descriptor).st_ino == inode:
            raise OSError(number, os.strerror(number))
        return read(descriptor, length)

    monkeypatch.setattr(os, "read", fail)

    check_skipped(opened, f"services.json: cannot be read: {os.strerror(number)}")


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        pytest.param(OTHERS + '{"x":NaN}}', "NaN is no JSON number", marks=case("ACT-010")),
        pytest.param(OTHERS + '{"x":-Infinity}}', "-Infinity is no JSON number", marks=case("ACT-010")),
        pytest.param(OTHERS + '{"x":1e999}}', "the number '1e999' is too large", marks=case("ACT-010")),
        pytest.param(
            f'{OTHERS}{{"x":{2**63}}}}}', "the number '9223372036854775808' is outside 64 bits", marks=case("ACT-012")
        ),
        pytest.param(OTHERS + '{"x":' + "9" * 5000 + "}}", "is outside 64 bits", marks=case("ACT-012")),
        pytest.param(OTHERS + '{"status":"\\ud800"}}', "half of a surrogate pair in a text", marks=case("ACT-018")),
        pytest.param(OTHERS + '{"x":1,"x":2}}', "the key 'x' comes twice", marks=case("ACT-009")),
        pytest.param(OTHERS + '{},"b/cache":{}}', "the key comes twice", marks=case("ACT-009")),
        pytest.param(OTHERS + "[" * 60 + "]" * 60 + "}", "nested too deep", marks=case("ACT-013")),
        pytest.param(OTHERS + "null}", "expected an object, found null", marks=case("ACT-022")),
        pytest.param(
            OTHERS + '{"status":"' + "x" * 1001 + '"}}',
            "'status' has 1001 characters; at most 1000 are allowed",
            marks=case("OWN-013"),
        ),
        pytest.param(
            OTHERS + '{"status":[' + "0," * 600 + "0]}}",
            "no usable 'status': expected a text, found a list",
            marks=case("OWN-013"),
        ),
    ],
)
def test_an_unreadable_record_is_set_aside_and_its_service_is_not_missing(lab, written, reason):
    lab.set_services(written)
    ran = lab.reconcile()

    assert ran.exit_code == 2
    assert ran.drift == [("unreadable_observation", "b/cache")]
    assert {(row["file"], row["key"]) for row in ran.document["rejected"]} == {("services.json", "b/cache")}
    assert reason in ran.document["rejected"][0]["reason"]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        pytest.param("web", "the key 'web' is not '<node>/<service>'", marks=case("ACT-007")),
        pytest.param("a/b/c", "'b/c' cannot name a service", marks=case("ACT-007")),
        pytest.param("/web", "the name of the node is empty", marks=case("ACT-007")),
        pytest.param("a/", "the name of the service is empty", marks=case("ACT-007")),
        pytest.param("a/x\\u0000", "'x\\x00' cannot name a service", marks=case("ACT-019")),
        pytest.param("a/y\\u001b[2J", "'y\\x1b[2j' cannot name a service", marks=case("ACT-019")),
        pytest.param("a/z\\u202e", "'z\\u202e' cannot name a service", marks=case("ACT-019")),
        pytest.param("a/" + "x" * (1 << 20), "has 1048576 characters", marks=case("SEC-020")),
        pytest.param("a/web" + " " * 300, "has 303 characters; at most 255 are allowed", marks=case("SEC-020")),
        pytest.param("fleet/web", "'fleet' is reserved", marks=case("OWN-004")),
        pytest.param("a/all", "'all' is reserved", marks=case("OWN-004")),
    ],
)
def test_a_key_that_names_nothing_is_set_aside_and_counted(lab, key, reason):
    lab.set_services(f'{{"{key}": {{}}, {json.dumps(GOOD)[1:]}')
    ran = lab.reconcile()

    assert ran.drift == []
    assert ran.document["summary"]["rejected_count"] == 1
    assert reason in ran.document["rejected"][0]["reason"]
    written = json.loads(f'"{key}"')
    assert ran.document["rejected"][0]["key"] in (written, ascii(written)[1:-1], f"{written[:255]}…")
    assert ran.output.isascii()
    assert "\x1b" not in ran.output


@case("ACT-003")
def test_no_record_at_all_is_a_suspect_observer_and_no_wall_of_redeploys(lab):
    lab.set_services("{}")
    ran = lab.reconcile()

    assert ("observer_suspect", "fleet/all") in ran.drift
    assert [row["action"] for row in ran.document["recommendations"]] == ["observer_review"]
    assert {row["held_by"] for row in ran.document["drift"] if row["kind"] == "missing_service"} == {"observer_suspect"}
    lab.reconcile()
    lab.write_world(dict.fromkeys(GOOD, "ok"))
    lab.reconcile()
    assert lab.told() == [(transition, "observer-review-fleet-all") for transition in ("opened", "resolved")]


@case("ACT-008")
def test_the_key_wins_over_the_fields(lab):
    lab.set_services(json.dumps(GOOD | {"a/web": {"node": "b", "service": "cache", "status": "exited"}}))

    assert lab.reconcile().drift == [("unhealthy_service", "a/web")]


@case("ACT-015")
def test_a_byte_order_mark_changes_nothing(lab):
    lab.set_services(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())

    assert lab.reconcile().drift == []


@pytest.mark.parametrize("status", ["1", "1.0", "true", "null", '""', '" "'])
@case("ACT-020", "ACT-022")
def test_a_status_that_is_no_text_sets_its_record_aside(lab, status):
    lab.set_services(OTHERS + f'{{"status": {status}}}}}')
    first, again = lab.reconcile(), lab.reconcile()

    assert first.drift == again.drift == [("unreadable_observation", "b/cache")]
    assert lab.told() == [("opened", "observer-review-b-cache")]
    assert "no usable 'status'" in first.document["rejected"][0]["reason"]


@pytest.mark.parametrize("status", ['"zombie"', '"[/]\\u001b[31m"'])
@case("ACT-022")
def test_an_unknown_status_is_not_healthy(lab, status):
    lab.set_services(OTHERS + f'{{"status": {status}}}}}')
    ran = lab.reconcile()

    assert ran.drift == [("unhealthy_service", "b/cache")]
    assert ran.document["drift"][0]["evidence"].get("observed") == json.loads(status)


@case("ACT-023")
def test_what_is_not_known_yet_is_passed_over(lab):
    lab.set_services(json.dumps({key: {"status": "ok", "new": {"deep": [1]}} for key in GOOD}))
    lab.write("world/new.json", "not JSON")

    assert lab.reconcile().drift == []


@case("ACT-024")
def test_a_service_on_an_unknown_node_is_unexpected(lab):
    lab.set_services(json.dumps(GOOD | {"ghost/x": {"status": "ok"}}))

    assert lab.reconcile().drift == [("unexpected_service", "ghost/x")]


@case("ACT-025")
def test_a_node_that_is_down_is_one_finding(lab):
    lab.set_services(json.dumps({"b/cache": {"status": "ok"}}))
    lab.write("world/nodes.json", '{"a": {"status": "down"}, "b": {"status": "up"}}')
    ran = lab.reconcile()

    assert [row["recommendation_id"] for row in ran.document["recommendations"]] == ["failover-review-a-all"]
    assert {row["held_by"] for row in ran.document["drift"]} == {None, "offline_node"}


class Writer(threading.Thread):
    """An observer that rewrites `services.json` without a rest, in place or by rename, always with equal counts."""

    def __init__(self, file, *, is_careful):
        super().__init__()
        self.file, self.is_careful, self.is_over = file, is_careful, threading.Event()

    def run(self):
        number = 0
        while not self.is_over.wait(0.02):
            number += 1
            data = json.dumps({f"a/s{index}": {"status": str(number)} for index in range(600)})
            if self.is_careful:
                self.file.with_suffix(".tmp").write_text(data)
                self.file.with_suffix(".tmp").replace(self.file)
            else:
                self.file.write_text(data)


@pytest.mark.parametrize("is_careful", [True, False])
@case("ACT-027", "ACT-034", "ACT-038")
def test_a_busy_writer_is_never_read_half(lab, is_careful):
    limits = Limits(retries=50, retry_pause=timedelta(seconds=0.002), max_read_rounds=50)
    writer = Writer(lab.world / "services.json", is_careful=is_careful)
    lab.set_services(json.dumps({f"a/s{index}": {"status": "0"} for index in range(600)}))
    writer.start()
    read = 0
    try:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            with contextlib.suppress(WorldUnreadableError):
                services = read_world(lab.world, NOON, {}, {"a", "b"}, limits).services
                assert (services.height, services["status"].n_unique()) == (600, 1)
                read += 1
        assert read > 0
    finally:
        writer.is_over.set()
        writer.join()


@case("ACT-034")
def test_a_file_replaced_while_it_is_open_is_read_whole(lab, monkeypatch):
    file, read = lab.world / "services.json", os.read
    old = file.read_bytes()

    def replace_and_read(descriptor, length):
        if file.read_bytes() == old:
            file.with_suffix(".tmp").write_text("{}")
            file.with_suffix(".tmp").replace(file)
        return read(descriptor, length)

    monkeypatch.setattr(os, "read", replace_and_read)

    assert read_file(Path("services.json"), max_bytes=1 << 20, root=lab.world).data == old
    assert read_world(lab.world, NOON, {}, {"a", "b"}, Limits()).services.height == 0


@case("ACT-028")
def test_a_stale_world_is_told_once_and_resolves_nothing(opened):
    opened.as_of += timedelta(hours=3)
    for _ in range(3):
        assert ("stale_world", "fleet/all") in opened.reconcile().drift

    assert opened.told() == [("opened", "redeploy-a-db"), ("opened", "observer-review-fleet-all")]
    assert opened.open_episodes() == ["observer-review-fleet-all", "redeploy-a-db"]


@case("ACT-029")
def test_a_time_that_is_still_to_come_is_doubtful_and_noted(lab):
    lab.write("world/runtime-summary.json", '{"last_update": "2026-05-01T19:00:00Z"}')
    ran = lab.reconcile()

    assert ran.exit_code == 0
    assert ran.document["notes"] == [
        (
            "1 time cannot be read, or lies in the future, such as 'last_update' of runtime-summary.json:"
            " 2026-05-01T19:00:00Z; check that clock"
        )
    ]


@pytest.mark.parametrize("moment", ['"2026-05-01T25:00:00"', '"2026-13-01T00:00:00Z"', "17776367400", "1e300", "[]"])
@case("ACT-030")
def test_an_unreadable_time_is_none_and_counted(lab, moment):
    lab.set_services(json.dumps({key: {"status": "ok", "last_seen": SEEN} for key in GOOD}))
    lab.write("world/runtime-summary.json", f'{{"last_update": {moment}}}')
    ran = lab.reconcile()

    assert ran.exit_code == 0
    assert ran.document["summary"]["unreadable_timestamp_count"] == 1
    assert ran.document["summary"]["world_at"] == SEEN


@pytest.mark.parametrize("moment", ['"2026-05-01T11:59:00"', "1777636740000", '"Fri, 01 May 2026 11:59:00 GMT"'])
@case("ACT-030")
def test_a_time_without_a_zone_or_in_milliseconds_is_read(lab, moment):
    lab.write("world/runtime-summary.json", f'{{"last_update": {moment}}}')
    ran = lab.reconcile()

    assert ran.document["summary"]["unreadable_timestamp_count"] == 0
    assert ran.document["summary"]["world_at"] == "2026-05-01T11:59:00Z"


@case("ACT-032")
def test_an_incident_that_comes_and_goes_is_told_each_time_once(lab):
    for status in ("active", "active", "resolved", "active"):
        incident = {"node": "a", "service": "web", "status": status, "severity": "warning"}
        lab.write("world/incidents.json", json.dumps({"inc-1": incident}))
        lab.reconcile()

    assert [transition for transition, _ in lab.told()] == ["opened", "resolved", "opened"]


@pytest.mark.parametrize("file", ["deployments.json", "incidents.json"])
@case("OWN-013")
def test_a_long_word_of_another_record_sets_it_aside(lab, file):
    record = {"node": "a", "service": "web", "status": "x" * 1001, "severity": "critical"}
    lab.write(f"world/{file}", json.dumps({"one": record}))
    ran = lab.reconcile()

    assert ran.drift == []
    assert [(row["file"], row["key"]) for row in ran.document["rejected"]] == [(file, "one")]


@case("OWN-012")
def test_a_world_that_is_refused_leaves_nothing_in_a_batch():
    moments = [NOON + timedelta(minutes=number) for number in range(3)]
    good, bad = json.dumps(GOOD).encode(), b'{"a/web": {}, "a/db": 1, "b/cache": 2}'
    worlds = [
        WorldFiles(moment, {"nodes.json": b'{"a": {}}', "services.json": services}, NOON)
        for moment, services in zip(moments, [good, bad, good], strict=True)
    ]
    decoded = decode_readable_worlds(worlds, {}, {"a", "b"}, Limits(max_rejected_records=1))

    assert [world.as_of for world in decoded.unreadable] == [moments[1]]
    assert decoded.actual.rejected.height == 0
    for frame in (decoded.actual.snapshots, decoded.actual.nodes, decoded.actual.services):
        assert sorted(frame["as_of"].unique()) == [moments[0], moments[2]]


@case("SEC-019")
def test_the_services_of_a_node_that_is_unknown_are_no_strangers(lab):
    lab.write("inventory/supervisor.yaml", "limits: {retry_pause: 0, max_unexpected_services: 2}")
    lab.set_services(json.dumps(GOOD | {f"a/s{number}": {"status": "ok"} for number in range(3)}))
    assert lab.reconcile().exit_code == 3
    lab.set_desired("{")

    assert lab.reconcile().exit_code == 1


@case("ACT-037")
def test_a_hundred_thousand_services_end_in_time_and_memory(lab):
    records = {f"a/s{index}": {"status": "ok", "last_seen": SEEN} for index in range(100_000)}
    lab.set_services(json.dumps(records | GOOD))
    ran = lab.spawn("--dry-run", "--quiet", "--format", "table", within=("prlimit", f"--as={4 << 30}"), timeout_s=60)

    assert ran.exit_code == 0, ran.errors


@case("OWN-006", "OWN-010")
def test_without_memory_the_run_ends_with_a_word_and_not_half_done(lab):
    lab.write(
        "inventory/supervisor.yaml", "limits: {retry_pause: 0, max_json_values: 100000000, max_records: 100000000}"
    )
    lab.set_services('{"a/web":{},"x":[' + "[{}],{}," * 4_000_000 + "0]}")
    ran = lab.spawn(within=("prlimit", f"--as={1 << 30}"), timeout_s=100)
    nothing = not lab.log.exists()
    lab.write_world(dict.fromkeys(GOOD, "ok"))

    # Where polars is the one that gets no memory, Rust aborts, which is as a kill; which of both it is, is chance.
    words = {1: "out of memory", -signal.SIGABRT: "memory allocation of"}
    assert words[ran.exit_code] in ran.errors
    assert nothing
    assert lab.reconcile().exit_code == 0


def test_a_world_that_we_may_not_look_into_is_not_said_to_be_gone():
    with tempfile.TemporaryDirectory() as name:
        world = Path(name) / "shut" / "world"
        world.parent.mkdir(mode=0)
        Path(name).chmod(0o755)
        with (
            as_nobody(),
            pytest.raises(WorldUnreadableError, match="world: permission denied; let the user of this process"),
        ):
            read_world(world, NOON, {}, (), Limits(retries=0))
