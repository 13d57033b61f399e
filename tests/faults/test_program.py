"""The program itself: its options, settings, outputs, its orchestration, and what an attacker can put into texts."""

import csv
import hashlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import zipfile
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import distributions
from pathlib import Path

import polars as pl
import pytest

from flows.cli import OUT_OF_MEMORY
from flows.ledger import history_writer as history_sink
from flows.ledger.history_check import PART
from flows.past.study import study_past
from flows.render.past import past_to_csv
from flows.run import decide as decide_module
from flows.settings import Settings, load_settings
from flows.text.escape import csv_cell, markdown, show
from tests.faults.cases import case
from tests.faults.lab import NOON, Lab, call
from tests.faults.test_desired import as_nobody
from tests.helpers.program import SUPERVISOR

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOWN = {"a/web": "exited", "a/db": "ok", "b/cache": "ok"}
HOSTILE = "\x1b]52;c;aGk=\x07\x1b]0;t\x07\x1b]8;;http://evil\x07\x1b[2J\x9b31m\r\b\u202e[/][link=http://evil]x[/link]"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    lab.write_world(DOWN)
    return lab


def set_hostile(lab, status=HOSTILE):
    lab.set_services(
        json.dumps(
            {"a/web": {"status": status}, "a/db": {"status": "ok"}, f"a/{HOSTILE}": {}, "b/cache": {"status": "ok"}}
        )
    )
    incident = {"node": "a", "service": "db", "status": "active", "trigger_type": status, "severity": status}
    lab.write("world/incidents.json", json.dumps({"inc-1": incident}))


@pytest.mark.parametrize("output", ["table", "json", "ndjson", "markdown"])
@case("CLI-004", "CLI-005", "DES-036", "ACT-019")
def test_no_control_character_of_a_foreign_text_is_printed(lab, output):
    set_hostile(lab)
    ran = lab.reconcile("--format", output)

    assert ran.exit_code == 2
    assert RAW.search(ran.output + ran.errors) is None
    assert "\\x1b" in ran.output or "u001b" in ran.output
    if output == "table":
        assert "[link=http://evil]x[/link]" in ran.output.replace("\n", "").replace(" ", "")


@case("CLI-004")
def test_check_prints_no_control_character_either(lab):
    set_hostile(lab)
    lab.write("inventory/hosts/x\x1b[2J/services.yaml", "services: []")
    ran = call("check", "--inventory", str(lab.inventory), "--world", str(lab.world))

    assert ran.exit_code == 1
    assert RAW.search(ran.output + ran.errors) is None


@case("CLI-002")
def test_an_ascii_output_replaces_characters(lab):
    set_hostile(lab, "\u00e9 \U0001f4a5 \u2713")
    ran = lab.spawn("--format", "table", environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})

    assert ran.exit_code == 2
    assert ran.output.isascii()
    assert "UnicodeEncodeError" not in ran.errors


@case("CLI-003")
def test_without_a_terminal_there_is_no_escape_code_and_narrow_is_readable(lab):
    ran = lab.spawn("--format", "table", environment={"COLUMNS": "20", "TERM": "dumb", "NO_COLOR": "1"})

    assert "\x1b" not in ran.output
    assert "a/web" in ran.output
    plain = lab.spawn("--dry-run").document
    narrow = lab.spawn("--dry-run", environment={"COLUMNS": "20", "TERM": "xterm", "FORCE_COLOR": "1"}).document
    assert narrow == plain


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["reconcile", "--inventry", "x"], "No such option: --inventry (Possible options: --inventory)"),
        (["reconsile"], "No such command 'reconsile'. Did you mean 'reconcile'?"),
        (["reconcile", "--as-of", "9999-12-31T23:59:59Z"], "is no moment to judge at; write one from 1970"),
        (["reconcile", "--as-of", "yesterday"], "is no ISO 8601 moment such as"),
        (["reconcile", "--config", "/nowhere/supervisor.yaml"], "/nowhere/supervisor.yaml: no such settings file"),
    ],
)
@case("CLI-007", "CLI-014")
def test_a_usage_error_is_told_on_stderr(arguments, told):
    ran = call(*arguments)

    assert ran.exit_code == 1
    assert told in ran.errors
    assert ran.output == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("world_ttl: [", "supervisor.yaml:"),
        ("wolrd_ttl: 5m", "supervisor.yaml:1: 'wolrd_ttl' is not a setting; did you mean 'world_ttl'?"),
        ("\nworld_ttl: soon", "supervisor.yaml:2: world_ttl: "),
        ("limits: {max_recods: 5}", "supervisor.yaml:1: limits.max_recods: "),
        ("max_deployment_failures: 0", "supervisor.yaml:1: max_deployment_failures: "),
        ("deadline: 0", "supervisor.yaml:1: deadline: "),
    ],
)
@case("CLI-008", "CLI-014")
def test_bad_settings_are_named_with_line_and_key_and_nothing_is_written(lab, text, told):
    lab.write("inventory/supervisor.yaml", text)
    ran = lab.reconcile()

    assert ran.exit_code == 1
    assert told in ran.errors
    assert lab.written() == {}


@case("OWN-009")
def test_settings_that_are_no_file_do_not_hang(lab):
    (lab.inventory / "supervisor.yaml").unlink()
    os.mkfifo(lab.inventory / "supervisor.yaml")
    assert lab.reconcile().exit_code == 2
    ran = lab.reconcile("--config", str(lab.inventory / "supervisor.yaml"))

    assert ran.exit_code == 1
    assert "no such settings file" in ran.errors


@case("CLI-009")
def test_a_log_in_a_folder_that_is_not_there_is_an_error_before_any_work(lab):
    ran = lab.reconcile("--event-log", str(lab.folder / "nowhere/events.log"))

    assert ran.exit_code == 5
    assert "nowhere: cannot be used: No such file or directory" in ran.errors
    assert not (lab.folder / "nowhere").exists()


@case("CLI-010")
def test_paths_are_taken_as_a_shell_user_means_them(lab, monkeypatch):
    monkeypatch.chdir(lab.folder)
    monkeypatch.setenv("HOME", str(lab.folder))
    found = [
        lab.reconcile("--dry-run", "--inventory", inventory, "--world", world).drift
        for inventory, world in [("inventory", "world/"), ("~/inventory", "~/world"), ("world/../inventory", "./world")]
    ]

    assert found == [[("unhealthy_service", "a/web")]] * 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@case("CLI-012")
def test_another_user_after_root_is_told_whose_file_it_is():
    with tempfile.TemporaryDirectory() as name:
        lab = Lab(Path(name))
        Path(name).chmod(0o777 | 0o1000)
        lab.reconcile("--state-dir", f"{name}/state-of-root")
        with as_nobody():
            ran = lab.reconcile("--state-dir", f"{name}/state-of-nobody")

    assert ran.exit_code == 5
    assert "agent-events.log" in ran.errors or "supervisor-checkpoint.json" in ran.errors
    assert "ermission denied" in ran.errors or "belongs to user 0" in ran.errors


@case("CLI-013")
def test_a_dry_run_changes_no_file(lab):
    lab.reconcile()
    before = {path: path.stat().st_mtime_ns for path in lab.folder.rglob("*")}
    lab.write_world({"a/web": "ok"})
    changed = {path: path.stat().st_mtime_ns for path in lab.folder.rglob("*") if path.parent == lab.world}
    assert lab.reconcile("--dry-run").exit_code == 2

    assert {path: path.stat().st_mtime_ns for path in lab.folder.rglob("*")} == before | changed


@case("CLI-014")
def test_the_exit_codes_are_told_apart_and_documented(lab):
    help_text = " ".join(call("--help").output.split())
    codes = [lab.reconcile().exit_code, lab.reconcile("--exit-zero").exit_code]
    lab.write_world({"a/web": "ok", "a/db": "ok", "b/cache": "ok"})
    codes.append(lab.reconcile().exit_code)
    lab.set_desired("")
    codes.append(lab.reconcile().exit_code)
    lab.set_services("")
    codes.append(lab.reconcile().exit_code)

    assert codes == [2, 0, 0, 1, 3]
    assert all(f"{code} " in help_text for code in (0, 1, 2, 3, 4, 5, 70))


@pytest.mark.parametrize("spoil", ["world/services.json", "inventory/hosts/a/services.yaml"])
@case("CLI-015")
def test_stdout_is_one_document_in_an_error_too(lab, spoil):
    lab.write(spoil, "{")
    ran = lab.reconcile()

    assert ran.document["schema_version"] == 1
    assert ran.exit_code in (1, 3)


class PanicException(BaseException):
    """A panic of Rust's."""


@case("CLI-017")
@pytest.mark.parametrize("kind", [KeyError, PanicException])
def test_a_bug_is_one_line_with_a_number_and_nothing_is_written(lab, monkeypatch, kind):
    def stumble(*_):
        raise kind("\x1b[2J bug")

    monkeypatch.setattr(decide_module, "judge", stumble)
    ran = lab.reconcile()
    traced = call("--traceback", *lab.arguments())

    assert ran.exit_code == traced.exit_code == 70
    assert re.fullmatch(rf"error: a bug of the supervisor \([0-9a-f]{{8}}: {kind.__name__}: .*\n", ran.errors)
    assert "Traceback" in traced.errors
    assert RAW.search(ran.errors + traced.errors) is None
    assert lab.told() == []


@case("OWN-010")
@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        PanicException("Cannot allocate memory to hold CompactString"),
        PanicException('Os { code: 11, kind: WouldBlock, message: "Resource temporarily unavailable" }'),
        RuntimeError("can't start new thread"),
    ],
    ids=["python", "a text of polars", "a thread of polars", "a thread of python"],
)
def test_to_be_without_memory_is_no_bug_and_is_said_without_an_import(lab, monkeypatch, error):
    def stumble(*_):
        monkeypatch.setitem(sys.modules, "flows.render.screen", None)
        raise error

    monkeypatch.setattr(decide_module, "judge", stumble)
    ran = lab.reconcile()

    assert (ran.exit_code, ran.errors) == (1, f"{OUT_OF_MEMORY}\n")
    assert lab.told() == []


@case("CLI-017")
def test_an_error_of_the_system_is_no_bug_and_names_the_file(lab, monkeypatch):
    def stumble(*_):
        raise OSError(5, "Input/output error", "/some/file")

    monkeypatch.setattr(decide_module, "judge", stumble)
    ran = lab.reconcile()

    assert (ran.exit_code, ran.errors) == (1, "error: /some/file: Input/output error\n")
    assert "Traceback" in call("--traceback", *lab.arguments()).errors
    assert lab.told() == []


@pytest.mark.parametrize("option", ["--help", "--version"])
@pytest.mark.skipif(not any(distributions(name="runtime-supervisor")), reason="the supervisor is not installed")
@case("CLI-018", "PRE-006")
def test_help_and_version_import_nothing_heavy(option):
    heavy = "{'polars', 'pandera', 'numpy', 'pydantic', 'prefect', 'rich', 'asyncio'} & {*sys.modules}"
    code = f"import sys; from flows.cli import _run; code = _run(['{option}']); sys.exit(code or len({heavy}))"

    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


@case("PRE-006")
def test_a_run_of_plain_frames_imports_no_more_than_it_needs(lab):
    heavy = "{'pandera', 'numpy', 'pydantic', 'prefect', 'rich', 'asyncio'} & {*sys.modules}"
    code = f"import sys; from flows.cli import _run; _run(sys.argv[1:]); sys.exit(len({heavy}))"
    command = [sys.executable, "-c", code, *lab.arguments("--format", "json")]
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=False)

    assert ran.returncode == 0
    assert json.loads(ran.stdout)["summary"]["state"] == "degraded"


@case("OWN-008")
def test_a_reader_that_leaves_early_is_no_error(lab):
    lab.set_services(json.dumps({f"a/s{number}": {"status": "ok"} for number in range(3000)}))
    command = subprocess.list2cmdline([*SUPERVISOR, *lab.arguments("--dry-run")])
    ran = subprocess.run(["bash", "-c", f"set -o pipefail; {command} | head -c 10"], capture_output=True, check=False)

    assert ran.stderr == b""


@case("PRE-004", "PRE-006")
def test_the_command_runs_with_prefect_broken(lab):
    broken = lab.write("broken/prefect/__init__.py", "raise RuntimeError('broken')").parents[1]
    path = f"{broken}{os.pathsep}{ROOT}"
    ran = lab.spawn(environment={"PYTHONPATH": path, "PREFECT_API_URL": "http://127.0.0.1:1/api"})

    assert ran.exit_code == 2, ran.errors


@case("PRE-010")
def test_no_result_is_kept_and_nothing_is_cached():
    from prefect.cache_policies import NO_CACHE

    from flows.orchestration.tasks import as_task
    from flows.reconcile import reconcile
    from stages.detect import detect_drift

    assert reconcile.persist_result is False
    assert (as_task(detect_drift).persist_result, as_task(detect_drift).cache_policy) == (False, NO_CACHE)


@case("PRE-011")
def test_a_parameter_leads_nowhere_else(lab, monkeypatch):
    from flows.errors import SettingsError
    from flows.orchestration.parameters import check_inside, check_path

    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "a-deployment")
    with pytest.raises(SettingsError, match="is not inside"):
        check_inside("inventory", lab.inventory / "../../..", lab.inventory)
    with pytest.raises(ValueError, match="a path of more than 4096 characters"):
        check_path(Path("x" * (2 << 20)))


@case("PRE-012", "DES-035")
def test_hostile_texts_stay_one_row_of_a_table(lab):
    hostile = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) | `code` \x1b[2J \n\n# head ![i](http://x)"
    set_hostile(lab, hostile)
    output = lab.reconcile("--format", "markdown").output

    assert "<img" not in output
    assert "\x1b" not in output
    assert re.search(r"(?<!\\)\[x(?<!\\)\]\(", output) is None
    rows = [line for line in output.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows if "img" in row}) == 1


@case("PRE-016", "SEC-014", "SEC-015")
def test_the_supply_chain_can_be_checked():
    lock = (ROOT / "requirements.lock").read_text()
    targets = (ROOT / "Makefile").read_text()
    pins = [line for line in lock.splitlines() if line and not line.startswith((" ", "#", "-"))]

    assert len(pins) > 50
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert lock.count("--hash=sha256:") >= len(pins)
    assert "--require-hashes" in (ROOT / "tools/install.sh").read_text()
    assert re.search(r"^audit:", targets, re.MULTILINE)
    assert re.search(r"^sbom:", targets, re.MULTILINE)
    assert any(
        "fastapi" in one and "<" in one
        for one in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    )


@case("SEC-014")
def test_a_changed_wheel_is_refused(tmp_path):
    wheel = tmp_path / "changed-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("changed.py", "raise SystemExit('owned')")
        packed.writestr("changed-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: changed\nVersion: 1.0\n")
        packed.writestr("changed-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr("changed-1.0.dist-info/RECORD", "")
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    codes = []
    for digest in ("0" * 64, right):
        (tmp_path / "lock").write_text(f"changed==1.0 --hash=sha256:{digest}\n")
        options = ["--no-index", "--find-links", str(tmp_path), "--target", str(tmp_path / digest), "--no-deps"]
        command = [sys.executable, "-m", "pip", "install", *options, "--require-hashes", "-r", str(tmp_path / "lock")]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        codes.append(
            (ran.returncode, "DO NOT MATCH THE HASHES" in ran.stderr, (tmp_path / digest / "changed.py").exists())
        )

    assert codes == [(1, True, False), (0, False, True)]


class Advisories(BaseHTTPRequestHandler):
    """A database of known weaknesses that has one, of the package `weak`."""

    def do_POST(self):
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_weak = query["package"]["name"] == "weak"
        found = {"id": "X-1", "summary": "it is weak", "affected": [], "modified": "2026-01-01T00:00:00Z"}
        answer = json.dumps({"vulns": [found]} if is_weak else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """Be silent."""


@pytest.fixture
def advisories():
    server = HTTPServer(("127.0.0.1", 0), Advisories)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(not Path(sys.executable).with_name("pip-audit").exists(), reason="needs pip-audit")
@case("SEC-015")
def test_a_known_weakness_fails_the_audit_and_so_does_a_database_that_is_not_there(tmp_path, advisories):
    recipe = re.search(r"^audit:.*\n\t\.venv/bin/pip-audit (.*?) -r", (ROOT / "Makefile").read_text(), re.MULTILINE)
    told = []
    for name, database in [("sound", advisories), ("weak", advisories), ("sound", "http://127.0.0.1:1/v1/query")]:
        (tmp_path / "lock").write_text(f"{name}==1.0 --hash=sha256:{'0' * 64}\n")
        command = [Path(sys.executable).with_name("pip-audit"), *recipe[1].split(), "-s", "osv", "--osv-url", database]
        ran = subprocess.run([*command, "-r", tmp_path / "lock"], capture_output=True, text=True, check=False)
        told.append((ran.returncode, "X-1" in ran.stdout))

    assert told == [(0, False), (1, True), (1, False)]


@case("SEC-015")
def test_the_bill_of_materials_names_every_package_of_the_lock(tmp_path):
    recipe = re.search(r"^sbom:(?:.*\n\t)+(PYTHONWARNINGS=.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    command = (
        recipe[1]
        .replace(".venv/bin/", f"{Path(sys.executable).parent}/")
        .replace("build/sbom.json", f"{tmp_path}/sbom")
    )
    subprocess.run(command, shell=True, cwd=ROOT, check=True, capture_output=True)
    document = json.loads((tmp_path / "sbom").read_text())
    locked = re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)

    assert document["bomFormat"] == "CycloneDX"
    assert {component["name"] for component in document["components"]} == set(locked)
    assert all(
        reference["hashes"] for component in document["components"] for reference in component["externalReferences"]
    )


def a_file(folder):
    folder.write_text("x")


def a_loop(folder):
    folder.symlink_to(folder)


@pytest.mark.parametrize("place", ["history", "history/runs", "history/drift"])
@pytest.mark.parametrize("put", [a_file, os.mkfifo, a_loop])
@case("OWN-016")
def test_what_is_no_folder_in_the_place_of_the_history_is_named(lab, place, put):
    lab.reconcile()
    shutil.rmtree(lab.state_dir / place)
    put(lab.state_dir / place)
    options = ["--state-dir", str(lab.state_dir)]
    asked = [call("history", "--since", "2026-04-01T00:00:00Z", *options), call("history", "compact", *options)]
    ran = lab.reconcile()

    assert [one.exit_code for one in asked] == [1, 1]
    assert all(f"{lab.state_dir}/history" in one.errors for one in asked)
    assert (ran.exit_code, ran.drift) == (5, [("unhealthy_service", "a/web")])
    assert f"expected {lab.state_dir / place} to be a folder, found " in ran.errors


@case("OWN-016")
def test_a_skipped_run_beside_such_a_history_is_skipped_all_the_same(lab):
    lab.reconcile()
    shutil.rmtree(lab.state_dir / "history")
    a_file(lab.state_dir / "history")
    lab.set_services("{")
    ran = lab.reconcile()

    assert ran.exit_code == 3
    assert ran.document["notes"] == [f"this run is not in the history: {lab.state_dir}/history: File exists"]


@pytest.mark.parametrize("name", ["agent-events.log", "supervisor-checkpoint.json", "state"])
@case("EMI-035", "OWN-018")
def test_a_loop_of_links_in_our_place_is_refused(lab, name):
    a_loop(lab.folder / name)
    ran = lab.reconcile()
    places = {"SUPERVISOR_CHECKPOINT": str(lab.checkpoint), "SUPERVISOR_STATE_DIR": str(lab.state_dir)}
    asked = [
        call("ack", "add", "a/web", "--reason", "x", "--until", "3d", environment=places),
        call("status", environment=places),
        call("history", environment=places),
    ]

    assert ran.exit_code == 5
    assert f"{lab.folder / name}: " in ran.errors
    assert [one.errors for one in asked if "bug" in one.errors] == []
    assert asked[0].exit_code == (5 if name == "supervisor-checkpoint.json" else 3)


@case("OWN-016")
def test_the_first_run_beside_a_history_that_cannot_be_read_is_shown_and_written_by_the_next(lab):
    a_file(lab.write("state/placeholder", "").with_name("history"))
    lab.state_dir.chmod(0o700)
    ran = lab.reconcile()
    (lab.state_dir / "history").unlink()

    assert (ran.exit_code, ran.drift) == (5, [("unhealthy_service", "a/web")])
    assert "the history cannot be written: " in ran.errors
    assert lab.told() == []
    assert lab.reconcile().exit_code == 2
    assert lab.told() == [("opened", "redeploy-a-web")]


def garbage(file):
    file.write_bytes(b"\x93" * 5000)


@pytest.mark.parametrize("put", [Path.mkdir, os.mkfifo, a_loop, garbage])
@case("OWN-017")
def test_what_is_no_archive_in_its_place_is_named_and_stops_no_run(lab, put):
    lab.reconcile()
    archive = lab.state_dir / "archive.sqlite"
    archive.unlink()
    put(archive)
    lab.write_world({"a/web": "exited", "a/db": "ok", "b/cache": "exited"})
    ran = lab.reconcile()
    asked = call("archive", "list", "--state-dir", str(lab.state_dir))

    assert ran.exit_code == 2
    assert [note for note in ran.document["notes"] if note.startswith(f"this world is not in the archive: {archive}: ")]
    assert lab.told() == [("opened", "redeploy-a-web"), ("opened", "redeploy-b-cache")]
    assert (asked.exit_code, str(archive) in asked.errors) == (1, True)


OUTPUT, INPUT = "expected a regular file or nothing, found", "not a regular file"


@pytest.mark.parametrize("put", [os.mkfifo, a_loop, Path.mkdir])
@pytest.mark.parametrize(
    ("command", "exit_code", "told"),
    [
        (["report", "-o", "OTHER"], 5, OUTPUT),
        (["metrics", "--metrics-file", "OTHER"], 5, OUTPUT),
        (["reconcile", "--dry-run", "--baseline", "OTHER"], 1, "--baseline "),
        (["log", "verify", "OTHER"], 5, "expected a regular file"),
    ],
    ids=["report", "metrics", "baseline", "verify"],
)
@case("OWN-021")
def test_another_file_that_is_none_is_neither_waited_for_nor_replaced(lab, put, command, exit_code, told):
    other = lab.folder / "other"
    put(other)
    before = other.lstat()
    places = {"INVENTORY": lab.inventory, "WORLD": lab.world, "STATE_DIR": lab.state_dir, "CHECKPOINT": lab.checkpoint}
    environment = {f"SUPERVISOR_{name}": str(place) for name, place in places.items()}
    lab.reconcile()
    words = [str(other) if word == "OTHER" else word for word in command]
    begun = time.monotonic()
    ran = call(*words, environment=environment)

    assert (ran.exit_code, told in ran.errors, str(other) in ran.errors) == (exit_code, True, True), ran
    assert time.monotonic() - begun < 30
    assert os.path.samestat(before, other.lstat())


@case("OWN-021")
def test_a_world_is_exported_to_a_folder_alone(lab):
    lab.reconcile()
    a_file(lab.folder / "other")
    ran = call("archive", "export", str(lab.folder / "other"), "--state-dir", str(lab.state_dir))

    assert ran.exit_code == 1
    assert "cannot be written: File exists; name another folder" in ran.errors


@case("SEC-018")
def test_no_unit_leaves_a_core_behind():
    units = sorted((ROOT / "examples/systemd").glob("*.service"))

    assert units
    assert all("\nLimitCORE=0\n" in unit.read_text() for unit in units)


@case("SEC-007")
def test_a_flood_of_broken_files_is_counted(lab):
    for number in range(1000):
        lab.write(f"inventory/hosts/n{number}/services.yaml", "{")
    ran = lab.reconcile("--format", "table", "--dry-run")

    assert ran.exit_code == 1
    assert len(re.findall("error: ", ran.output)) == 20
    assert "more; 'supervisor check' lists all" in ran.output


@case("SEC-009", "SEC-010")
def test_a_refused_value_is_not_shown(lab):
    lab.write("inventory/supervisor.yaml", "node_alias_map: {a: [hunter2]}\n")
    in_settings = lab.reconcile()
    lab.write("inventory/supervisor.yaml", "")
    lab.set_desired("services:\n  web: {env: {PASSWORD: hunter2}}\n  db: PASSWORD=hunter2\n")
    lab.set_services('{"a/web": "PASSWORD=hunter2", "a/db": {"status": "exited", "env": {"PASSWORD": "hunter2"}}}')
    ran = lab.reconcile()

    assert in_settings.exit_code == 1
    assert ran.document["rejected"] != []
    assert "hunter2" not in in_settings.errors + ran.output + ran.errors
    assert "state/archive.sqlite" in lab.written()
    holding = {name for name, content in lab.written().items() if b"hunter2" in content}
    assert all(name.startswith(("state/archive", "state/cache/inventory-")) for name in holding)
    assert {(lab.state_dir.parent / name).stat().st_mode & 0o777 for name in holding} == {0o600}


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
@case("SEC-012", "HIS-016")
def test_a_formula_becomes_text_in_csv(text):
    row = io.StringIO()
    csv.writer(row).writerow([csv_cell(text)])

    assert row.getvalue().lstrip('"').startswith("'")
    assert RAW.search(row.getvalue().rstrip("\r\n")) is None


@case("SEC-018")
def test_a_key_that_is_not_read_is_nowhere_but_in_the_private_archive_and_cache(lab):
    lab.set_desired("services: {web: {secret_token: hunter2}}")
    lab.reconcile()

    assert "state/archive.sqlite" in lab.written()
    holding = {name for name, content in lab.written().items() if b"hunter2" in content}
    assert all(name.startswith(("state/archive", "state/cache/inventory-")) for name in holding)
    assert {(lab.state_dir.parent / name).stat().st_mode & 0o777 for name in holding} == {0o600}


@pytest.mark.parametrize("content", [b"", b"broken", b"\x93" * 10_000, b"\xdd\xff\xff\xff\xff"])
@case("OWN-011")
def test_a_broken_cache_is_not_believed(lab, content):
    first = lab.reconcile()
    for file in (lab.state_dir / "cache").iterdir():
        file.write_bytes(content)

    assert lab.reconcile().drift == first.drift != []


@case("SEC-013")
def test_every_text_is_safe_wherever_it_is_shown():
    everything = "".join(map(chr, range(0x110000)))
    for start in range(0, len(everything), 400):
        part = everything[start : start + 400]
        assert RAW.search(show(part, limit=10_000) + markdown(part)) is None


@case("HIS-008", "HIS-012", "HIS-011")
def test_a_past_that_is_not_there_is_empty_and_typed(tmp_path):
    past = study_past(tmp_path, Settings().past_rules(), NOON - timedelta(days=1), NOON)

    assert past.episodes.height == past.spans.height == 0
    assert pl.Null not in past.episodes.dtypes
    assert past_to_csv({"": past}).splitlines()[0].startswith("kind,node,service")


@case("HIS-010", "HIS-011")
def test_a_history_file_of_another_type_leaves_its_day_out_by_name(tmp_path):
    day = tmp_path / "history/runs/day=2026-05-01"
    day.mkdir(parents=True)
    pl.DataFrame({"as_of": ["noon"]}).write_parquet(day / f"x{PART}")

    past = study_past(tmp_path, Settings().past_rules(), NOON - timedelta(days=1), NOON + timedelta(days=1))

    assert [f"{day}/x.parquet" in text and "as_of" in text for text in past.left_out] == [True]


@case("HIS-005", "HIS-002")
def test_a_history_file_without_a_byte_leaves_its_day_out_by_name(tmp_path):
    day = tmp_path / "history/runs/day=2026-05-01"
    day.mkdir(parents=True)
    (day / f"x{PART}").touch()

    past = study_past(tmp_path, Settings().past_rules(), NOON - timedelta(days=1), NOON + timedelta(days=1))

    assert [f"{day}/x.parquet" in text for text in past.left_out] == [True]


@case("HIS-006", "HIS-001")
def test_what_a_dead_run_left_is_swept(tmp_path):
    left = tmp_path / f"history/runs/day=2026-05-01/.x{PART}.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")

    assert history_sink.sweep_temporaries(tmp_path) == 1
    assert not left.exists()


def read_table(lab, table):
    return pl.read_parquet([*lab.state_dir.glob(f"history/{table}/*/*.parquet")])


@case("HIS-003")
def test_one_run_again_is_one_file_and_one_set_of_rows(lab):
    moment = lab.as_of.isoformat()
    written = []
    for _ in range(2):
        lab.reconcile("--as-of", moment)
        written.append({name for name in lab.written() if name.startswith("state/history/")})

    assert written[0] == written[1]
    assert read_table(lab, "runs").height == read_table(lab, "drift").height == 1


@case("HIS-017")
def test_rows_of_the_history_say_where_they_come_from(lab):
    lab.reconcile()

    assert read_table(lab, "runs").select("source", "host").row(0) == ("live", socket.gethostname())


@case("HIS-008")
def test_a_deleted_history_is_made_again_and_told_of(lab):
    first = lab.reconcile()
    shutil.rmtree(lab.state_dir / "history")
    again, last = lab.reconcile(), lab.reconcile()

    told = f"{lab.state_dir}/history: the history of earlier runs is not there; it begins anew"
    assert [ran.document["notes"] for ran in (first, again, last)] == [[], [told], []]
    assert sorted(read_table(lab, "runs")["generation"]) == [2, 3]


@case("HIS-011", "HIS-012")
def test_a_value_that_comes_late_is_in_the_history(lab):
    names = [f"s{number:03}" for number in range(300)]
    lab.set_desired("services:\n" + "".join(f"  {name}:\n" for name in names))
    lab.set_services(json.dumps({f"a/{names[-1]}": {"status": "late"}}))  # what is missing has nothing observed
    lab.reconcile()
    observed = read_table(lab, "drift").sort("service").filter(pl.col("service").is_in(names))["observed"]

    assert observed.dtype == pl.String
    assert observed.to_list() == [None] * 299 + ["late"]


@case("HIS-003", "HIS-007", "HIS-017")
def test_a_runs_files_are_named_by_what_it_is_made_of():
    one = history_sink.derive_run_id("input", "rules", NOON)

    assert one == history_sink.derive_run_id("input", "rules", NOON)
    assert (
        len(
            {
                one,
                history_sink.derive_run_id("other", "rules", NOON),
                history_sink.derive_run_id("input", "rules", NOON + timedelta(seconds=1)),
            }
        )
        == 3
    )


@case("HIS-015")
def test_a_clock_that_jumps_back_numbers_runs_on(lab):
    generations = []
    for hours in (0, -3, 1):
        lab.as_of += timedelta(hours=hours)
        lab.reconcile()
        generations.append(json.loads(lab.checkpoint.read_bytes())["body"]["known"]["generation"])

    assert generations == [1, 2, 3]


@case("HIS-018")
def test_pruning_by_any_age_keeps_the_newest_world(tmp_path):
    from tests.ledger.test_archive import (
        test_pruning_by_age_keeps_the_newest_world_whatever_its_age as keeps_the_newest,
    )

    keeps_the_newest(tmp_path)


@case("CLI-010")
def test_config_shows_each_path_and_its_origin(lab):
    values = json.loads(call("config", "--json", "--inventory", str(lab.inventory)).output)

    assert values["inventory"] == {"value": str(lab.inventory), "origin": "option --inventory"}
    assert values["deadline"]["origin"] == "default"
    assert load_settings().settings.deadline == timedelta(minutes=10)
