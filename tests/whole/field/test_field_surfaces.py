"""The cases of the field about what is told and shown: messages, formats for machines, check, log, and whose state."""

import gzip
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator  # type: ignore[import-untyped]
from lxml import etree  # type: ignore[import-untyped]  # its stubs are a package of their own

from tests.helpers.command_line import Said, call
from tests.helpers.field import NOON, H, Run, write_run
from tests.helpers.inbox import Inbox, open_inbox

STANDARDS = Path(__file__).parents[2] / "standards"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""Apprise's plug-ins warn when they are loaded."""


@pytest.fixture
def inbox():
    with open_inbox() as opened:
        yield opened


def write_world(folder: Path, minute: int, **given: Any) -> datetime:
    """Write a fleet as it is at a minute after noon, and return that moment."""
    at = NOON + timedelta(minutes=minute)
    write_run(folder, Run(at, at, given, {}))
    return at


def reconcile(folder: Path, at: datetime, *words: str, inbox: Inbox | None = None, **variables: str) -> Said:
    """Run at a moment, telling the inbox."""
    told = {"SUPERVISOR_NOTIFY_URLS": inbox.address} if inbox else {}
    return call(folder, "reconcile", "--as-of", at.isoformat(), *words, **told, **variables)


# ---- F5, F17, F19, F20: messages ----


def test_f5_blindness_is_told_once_and_once_when_it_is_over(tmp_path, inbox):
    torn = {"services.json": '{"piha/x": {"status": "heal'}
    for minute in range(0, 25 * 60, 150):
        reconcile(tmp_path, write_world(tmp_path, minute, hosts=H, world=torn if minute else {}), inbox=inbox)
    assert len(inbox.posts) == 1
    reconcile(tmp_path, write_world(tmp_path, 25 * 60, hosts=H), inbox=inbox)
    reconcile(tmp_path, write_world(tmp_path, 25 * 60 + 5, hosts=H), inbox=inbox)

    assert len(inbox.posts) == 2


def test_f5_a_file_with_a_typo_for_days_is_told_once_and_once_when_it_is_over(tmp_path, inbox):
    hosts = {"nas": {"nfs": None}, "vps": {"npm": None, "outline": None}}
    typo = {"hosts/nas/services.yaml": "services:\n\tnfs:\n"}
    for hour in range(0, 72, 18):
        at = write_world(tmp_path, hour * 60, hosts=hosts, files=typo if hour else {})
        reconcile(tmp_path, at, inbox=inbox)
    assert len(inbox.posts) == 1
    reconcile(tmp_path, write_world(tmp_path, 72 * 60, hosts=hosts), inbox=inbox)

    assert len(inbox.posts) == 2


def test_f17_a_message_is_named_by_what_is_still_wrong(tmp_path, inbox):
    hosts = {"n": {"p1": None, "p2": None, "p3": None, "child": {"depends_on": ["p1", "p2", "p3"]}, "x": None}}
    down = {"n/p1": "exited", "n/p2": "exited", "n/p3": "exited", "n/child": "exited"}
    reconcile(tmp_path, write_world(tmp_path, 0, hosts=hosts, services=down), inbox=inbox)
    told = len(inbox.posts)
    still = {"n/p3": "exited", "n/child": "exited"}
    reconcile(tmp_path, write_world(tmp_path, 30, hosts=hosts, services=still), inbox=inbox)
    reconcile(tmp_path, write_world(tmp_path, 60, hosts=hosts), inbox=inbox)

    still_wrong = [title for title in inbox.titles[told:] if "resolved" not in title]
    assert still_wrong
    assert all("p3" in title and "p1" not in title and "p2" not in title for title in still_wrong)


def test_f19_a_critical_outage_goes_out_before_what_waits(tmp_path, inbox):
    hosts = {"a": {f"s{n}": None for n in range(9)}, "vps": {"npm": None, "z": None}}
    limit = {"SUPERVISOR_NOTIFY_PER_HOUR": "3"}
    for n in range(1, 5):
        stale = {f"a/s{k}": {"status": None} for k in range(n)}
        reconcile(tmp_path, write_world(tmp_path, n, hosts=hosts, services=stale), inbox=inbox, **limit)
    assert len(inbox.posts) == 3
    gone = {"vps": {"status": "offline", "last_seen": "@"}}
    reconcile(tmp_path, write_world(tmp_path, 5, hosts=hosts, services=stale, nodes=gone), inbox=inbox, **limit)

    assert any("vps" in post["title"] + post["message"] for post in inbox.posts[3:])


def test_f20_a_flapping_service_is_told_as_its_event_says(tmp_path, inbox):
    flags = {"SUPERVISOR_FLAPPING_DIAGNOSTICS": "true"}
    for n in range(6):
        down = {"vps/npm": "exited"}
        reconcile(tmp_path, write_world(tmp_path, 8 * n, hosts=H, services=down), inbox=inbox, **flags)
        reconcile(tmp_path, write_world(tmp_path, 8 * n + 4, hosts=H), inbox=inbox, **flags)
    events = [json.loads(line)["payload"] for line in (tmp_path / "log").read_text().splitlines()]
    flapping = [event for event in events if "flaps" in event["reason"]]
    told = [post["message"] for post in inbox.posts if "flaps" in post["message"]]

    assert "It flaps, 3 openings within 24 h" in flapping[0]["reason"]
    assert flapping[0]["reason"] in told[0]
    assert len(inbox.posts) < 6
    assert not any("redeploy it" in text for text in told)


# ---- F6: formats for machines ----


@pytest.fixture
def broken(tmp_path):
    """Return a repository with an inventory in a subfolder, one file of which cannot be read."""
    write_run(tmp_path / "homelab", Run(NOON, NOON, {"hosts": H}, {}))
    broken = tmp_path / "homelab/hosts/nas/services.yaml"
    broken.parent.mkdir()
    broken.write_text("services:\n  nfs: [\n")
    (tmp_path / ".git").mkdir()
    return tmp_path


def test_f6_sarif_has_a_result_at_the_file_and_line_as_the_repository_sees_it(broken, monkeypatch):
    monkeypatch.chdir(broken)
    said = call(broken / "homelab", "reconcile", "--as-of", NOON.isoformat(), "--format", "sarif", "--dry-run")
    run = json.loads(said.result)["runs"][0]
    places = [place["physicalLocation"] for result in run["results"] for place in result.get("locations", [])]
    files = {place["artifactLocation"]["uri"] for place in places}

    assert run["invocations"][0]["executionSuccessful"] is False
    assert "homelab/hosts/nas/services.yaml" in files


def test_f6_junit_has_an_error_of_the_node(broken):
    said = call(broken / "homelab", "reconcile", "--as-of", NOON.isoformat(), "--format", "junit", "--dry-run")

    assert "<error" in said.out
    assert "nas" in said.out.split("<error")[0].rsplit("<testcase", 1)[1]


def test_f6_the_same_where_no_other_node_can_be_read(broken, monkeypatch):
    monkeypatch.chdir(broken)
    for other in (broken / "homelab/hosts").iterdir():
        if other.name != "nas":
            shutil.rmtree(other)
    words = ("reconcile", "--as-of", NOON.isoformat(), "--dry-run", "--format")
    log, document = (call(broken / "homelab", *words, form).result for form in ("sarif", "junit"))
    run = json.loads(log)["runs"][0]
    [place] = [place["physicalLocation"] for result in run["results"] for place in result["locations"]]
    checked = call(broken / "homelab", "check", "--json")

    assert run["invocations"][0]["executionSuccessful"] is False
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("homelab/hosts/nas/services.yaml", 3)
    assert '<testcase classname="nas" name="hosts/nas/services.yaml:3">' in document
    assert [row["file"] for row in json.loads(checked.result)["inventory"]] == ["hosts/nas/services.yaml"]
    assert checked.code == 1


def test_f6_a_rejected_record_is_a_result_and_an_error_and_both_forms_are_valid(broken):
    (broken / "homelab/world/services.json").write_text('{"vps/npm": {"status": "ok"}, "vps/outline": 7}')
    words = ("reconcile", "--as-of", NOON.isoformat(), "--dry-run", "--format")
    log, document = (call(broken / "homelab", *words, form).result for form in ("sarif", "junit"))
    results = json.loads(log)["runs"][0]["results"]
    places = {
        result["ruleId"]: result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results
    }

    assert places["rejected_record"] == "homelab/world/services.json"
    assert 'name="services.json#vps/outline"' in document.split("<error")[1]
    Draft4Validator(json.loads((STANDARDS / "sarif-2.1.0-rtm.5.json").read_text())).validate(json.loads(log))
    schema = etree.XMLSchema(etree.parse(str(STANDARDS / "junit-10.xsd")))
    schema.assertValid(etree.fromstring(document.encode()))


# ---- F16, F22: check ----


def test_f16_a_sound_inventory_passes_without_a_world(tmp_path):
    write_run(tmp_path, Run(NOON, NOON, {"hosts": H}, {}))

    assert call(tmp_path, "check", "--no-world").code == 0


def test_f16_two_absent_files_are_two_lines(tmp_path):
    write_run(tmp_path, Run(NOON, NOON, {"hosts": H}, {}))
    for name in ("nodes.json", "services.json"):
        (tmp_path / "world" / name).unlink()
    said = call(tmp_path, "check")

    assert said.code == 3
    assert sum("nodes.json" in line for line in said.out.splitlines()) == 1
    assert sum("services.json" in line for line in said.out.splitlines()) == 1


def test_f22_check_remarks_on_a_folder_that_is_no_node_and_not_on_a_template(tmp_path):
    files = {"hosts/common/global.nix": "{ }", "hosts/_template/services.yaml": "services: {web: {{ name }}}"}
    write_run(tmp_path, Run(NOON, NOON, {"hosts": H, "files": files}, {}))
    said = call(tmp_path, "check")

    assert "common" in said.out
    assert "_template" not in said.out


# ---- F21: log verify ----


@pytest.fixture
def logged(tmp_path):
    """Return a folder with a log of a few events."""
    for minute, services in enumerate([{"vps/npm": "exited"}, {}, {"piha/web": "absent"}]):
        reconcile(tmp_path, write_world(tmp_path, minute, hosts=H, services=services))
    return tmp_path


def test_f21_a_compressed_log_is_read_or_refused(logged):
    packed = logged / "log.1.gz"
    packed.write_bytes(gzip.compress((logged / "log").read_bytes()))
    said = call(logged, "log", "verify", str(packed))

    assert said.code != 0 or "0 events" not in said.out


def test_f21_a_change_of_the_last_event_is_found(logged):
    log = logged / "log"
    *before, last = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*before, last.replace(b"piha", b"pihb", 1)]))

    assert call(logged, "log", "verify", str(log)).code != 0


# ---- F23: whose state ----


@pytest.mark.parametrize("words", [["status"], ["ack", "list"], ["metrics"], ["log", "tail"]], ids=" ".join)
def test_f23_settings_of_the_inventory_are_found_from_elsewhere_or_refused(tmp_path, monkeypatch, words):
    home, elsewhere = tmp_path / "inventory", tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_run(home, Run(NOON, NOON, {"hosts": H, "services": {"vps/npm": "exited"}}, {}))
    places = {"event_log": home / "log", "checkpoint": home / "checkpoint", "state_dir": home / "state"}
    lines = [f"{name}: {place}\n" for name, place in {**places, "world": home / "world"}.items()]
    (home / "supervisor.yaml").write_text("".join(lines))
    unset = dict.fromkeys(["SUPERVISOR_WORLD", "SUPERVISOR_EVENT_LOG", "SUPERVISOR_CHECKPOINT", "SUPERVISOR_STATE_DIR"])
    monkeypatch.chdir(home)
    assert call(home, "reconcile", "--as-of", NOON.isoformat(), **unset).code == 2
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "nobody"))
    said = call(home, *words, **unset)

    is_told = "npm" in said.out or "supervisor_runs 1" in said.out or (words == ["ack", "list"] and said.code == 0)
    assert is_told or said.code != 0
    assert "NOMINAL" not in said.out


@pytest.mark.parametrize(
    "words",
    [
        ["ack", "add", "vps/npm", "--until", "1h", "--reason", "x"],
        ["ack", "remove", "vps/npm"],
        ["ack", "list"],
        ["metrics"],
        ["log", "tail"],
        ["log", "verify"],
    ],
    ids=" ".join,
)
def test_f23_a_folder_that_has_no_run_is_refused_and_named_and_nothing_is_written(tmp_path, words):
    (tmp_path / "log").write_text("another agent's line\n")
    before = sorted(tmp_path.rglob("*"))
    said = call(tmp_path, *words)

    assert said.code == 3
    assert said.out.startswith(f"{tmp_path}/checkpoint: no run yet")
    assert sorted(tmp_path.rglob("*")) == before


def test_f23_a_state_folder_that_is_not_the_checkpoints_is_refused(tmp_path):
    at = write_world(tmp_path, 0, hosts=H)
    reconcile(tmp_path, at)

    assert "elsewhere: no run yet" in call(tmp_path, "ack", "list", "--state-dir", str(tmp_path / "elsewhere")).out


# ---- F3, F24: what is said ----


def test_f3_a_doubtful_time_is_named_by_check_and_explain_and_counted_by_metrics(tmp_path):
    nodes = {"piha": {"status": "online", "last_seen": "yesterday"}}
    at = write_world(tmp_path, 0, hosts=H, nodes=nodes)
    reconcile(tmp_path, at)

    for words in (["check"], ["explain", "piha", "--as-of", at.isoformat()]):
        assert "yesterday" in call(tmp_path, *words).out
    assert "unreadable_timestamps" in call(tmp_path, "metrics").out


def test_f24_explain_says_names_as_they_are(tmp_path):
    hosts = {"n_1": {"my_db": None, "z": None}}
    at = write_world(tmp_path, 0, hosts=hosts, services={"n_1/my_db": "exited", "n_1/z": "exited"})
    said = call(tmp_path, "explain", "n_1", "--as-of", at.isoformat())

    assert "n_1" in said.out
    assert "my_db" in said.out
