"""The whole loop in one home: look, judge, decide, act, look again; a fake script counts what is done."""

import json
import os
import pwd
import shutil
from datetime import timedelta

import pytest

from flows.executor import claim
from flows.files.lock import hold_lock
from tests.helpers.acting_home import START, Home
from tests.helpers.kept import Kept

pytestmark = pytest.mark.wide

APPROVE = """rules:
  - {id: ask, match: {}, mode: approve}
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a home at the moments that the tests begin at, by name: well; with a service that died, just before it is restarted; right
    after that; when it was seen to be well again; and where the restart is asked for, and nobody answered.
    """
    folder = tmp_path_factory.mktemp("loop")
    home = Home(folder / "home")
    home.configure(start_grace="0s")
    assert home.run("act", "--once").code == 0
    moments = {"well": Kept(home, folder / "well")}
    home.fall_sick("piha/web")
    turn(home, 2)
    moments["sick"] = Kept(home, folder / "sick")
    turn(home, 2)
    moments["restarted"] = Kept(home, folder / "restarted")
    turn(home, 2)
    moments["repaired"] = Kept(home, folder / "repaired")
    home = moments["well"].back()
    home.write("policy.yaml", APPROVE)
    home.fall_sick("piha/web")
    turn(home, 3)
    moments["asked"] = Kept(home, folder / "asked")
    return moments


def begin_at(moment):
    """Return a fixture: the home as it was then."""
    return pytest.fixture(lambda kept: kept[moment].back())


home, sick, restarted, repaired, asked = map(begin_at, ("well", "sick", "restarted", "repaired", "asked"))


def turn(home, count=1, **duration):
    """Let everything happen once: a run, a look of the executor; then time passes."""
    for _ in range(count):
        home.run("reconcile", "-q")
        said = home.run("act", "--once")
        assert said.code == 0, said.err
        home.pass_time(**(duration or {"seconds": 30}))


def fall_sick(home, *targets):
    home.fall_sick(*(targets or ("piha/web",)))


def kinds(home):
    return [record["kind"] for record in home.records() if record["kind"] not in {"claimed", "capabilities"}]


def events(home):
    lines = (home.folder / "events.log").read_text().splitlines()
    return [json.loads(line) for line in lines if '"transition":"action_' in line or "hold" in line or "halt" in line]


def test_what_died_is_restarted_once_and_seen_to_recover(repaired):
    home, died = repaired, START

    assert home.calls() == [home.calls()[0]]
    assert home.calls()[0].startswith("run restart piha web ")
    assert kinds(home) == ["problem_opened", "proposed", "started", "ended", "verified"]
    started, ended, verified = home.records("started", "ended", "verified")
    assert (ended["result"], ended["exit_code"], verified["outcome"]) == ("done", 0, "recovered")
    assert (started["verb"], started["number"], started["basis"]["clean_neighbours"]) == (
        "restart",
        1,
        ["piha/db", "piha/mqtt"],
    )
    assert started["at"] == (died + timedelta(seconds=60)).isoformat().replace("+00:00", "Z")
    assert verified["at"] == (died + timedelta(seconds=150)).isoformat().replace("+00:00", "Z")
    assert [path.parent.name for path in home.actions.glob("*/*.json") if path.parent.name != "journal"] == [
        "completed"
    ]


def test_the_events_of_a_repair_are_told_once_each(repaired):
    assert [event["type"] for event in events(repaired)] == [
        "action_proposed",
        "action_started",
        "action_ended",
        "action_verified",
    ]
    assert repaired.run("log", "verify").code == 0


def test_while_it_is_repaired_the_fleet_reconciles(restarted):
    home = restarted
    home.fall_sick("piha/web")

    assert home.run("reconcile", "-q").out.startswith("RECONCILING")
    assert home.run("status", "--as-of", home.now.isoformat()).code == 0


@pytest.mark.slow
def test_what_exits_well_and_stays_sick_is_no_success(sick):
    home = sick
    for _ in range(13):
        turn(home, seconds=60)
        home.fall_sick("piha/web")

    assert home.records("verified")[0]["outcome"] == "not_recovered"
    assert len(home.calls()) == 1


@pytest.mark.slow
def test_a_failed_script_stays_failed_and_what_is_seen_decides(sick):
    home = sick
    (home.folder / "hands" / "answers" / "run").write_text("1")
    turn(home, 6, seconds=60)

    assert home.records("ended")[0]["result"] == "failed"
    assert home.records("verified")[0]["outcome"] == "recovered"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("10", "already_healthy"),
        ("11", "changed_since"),
        ("12", "not_found"),
        ("14", "starting"),
        ("99", "unreachable"),
    ],
)
def test_what_the_machine_speaks_against_is_no_attempt(sick, code, why):
    home = sick
    (home.folder / "hands" / "answers" / "preflight").write_text(code)
    turn(home, 1)

    assert {record["why"] for record in home.records("refused")} == {why}
    [action] = home.run("actions", "list", "--json").json["actions"]
    assert action["refused"] == why
    assert home.records("started") == home.calls() == []
    (home.folder / "hands" / "answers" / "preflight").write_text("0")
    turn(home, 2)
    assert len(home.calls()) == 1


def test_what_is_asked_starts_when_somebody_says_yes(asked):
    home = asked
    [action] = home.run("actions", "list", "--json").json["actions"]
    assert (action["state"], action["decision"]["verdict"], home.calls()) == ("pending", "ask", [])

    assert home.run("approve", action["action_id"]).code == 1
    assert home.run("approve", action["action_id"], "--intent", "0" * 12).code == 2
    said = home.run("approve", action["action_id"], "--intent", action["intent_id"][:12])
    assert said.code == 0
    turn(home)

    assert len(home.calls()) == 1
    assert home.run("actions", "list", "--json").json["counts"] == {
        "asking": 0,
        "running": 0,
        "verifying": 1,
        "escalated": 0,
    }


@pytest.mark.slow
def test_one_person_is_one_of_two_however_often_they_say_yes(home):
    home.write("policy.yaml", APPROVE.replace("approve}", "approve, approvals: 2}"))
    home.fall_sick("piha/web")
    turn(home, 3)
    [action] = home.run("actions", "list", "--json").json["actions"]

    for _ in range(2):
        said = home.run("approve", action["action_id"], "--intent", action["intent_id"][:12])
        assert f"1 of 2 people say yes to {action['action_id']}" in said.out
    [action] = home.run("actions", "list", "--json").json["actions"]
    assert (action["state"], [yes["by"] for yes in action["approvals"]]) == (
        "pending",
        [pwd.getpwuid(os.geteuid()).pw_name],
    )


@pytest.mark.slow
def test_what_was_rejected_is_not_asked_again(asked):
    home = asked
    [action] = home.run("actions", "list", "--json").json["actions"]
    assert home.run("reject", action["action_id"], "--intent", action["intent_id"][:12]).code == 0
    turn(home, 4)

    assert home.run("actions", "list", "--json").json["actions"] == []
    assert [path.parent.name for path in home.actions.glob("*/*-piha-web.json")] == ["rejected"]


@pytest.mark.slow
def test_an_approval_outlasts_an_inventory_that_cannot_be_read_for_a_while(asked):
    home = asked
    [action] = home.run("actions", "list", "--json").json["actions"]
    assert home.run("approve", action["action_id"], "--intent", action["intent_id"][:12]).code == 0
    services = home.folder / "inv" / "hosts" / "piha" / "services.yaml"
    written = services.read_bytes()
    services.write_text("services:\n  web: [\n")
    turn(home, 2)
    assert home.calls() == []

    services.write_bytes(written)
    turn(home)

    assert [call.split()[3] for call in home.calls()] == ["web"]
    assert "withdrawn" not in kinds(home)


@pytest.mark.slow
def test_an_approval_of_what_is_well_again_starts_nothing(asked):
    home = asked
    [action] = home.run("actions", "list", "--json").json["actions"]
    home.sick.clear()
    home.look()
    home.run("approve", action["action_id"], "--intent", action["intent_id"][:12])
    turn(home, 2)

    assert home.calls() == []
    assert home.records("withdrawn")[0]["reason"] == "drift_resolved_auto"


@pytest.mark.slow
def test_nothing_starts_while_it_is_halted_and_held(sick):
    home = sick
    home.run("halt", "--reason", "storm")
    turn(home, 2)
    assert home.calls() == []
    home.run("resume")
    home.run("hold", "piha/all", "--until", "10m", "--reason", "disk")
    turn(home, 2)
    assert home.calls() == []
    view = home.run("actions", "list", "--json").json
    assert (view["halted"], view["holds"][0]["target"]) == (None, "piha/all")
    turn(home, 10, seconds=60)
    assert len(home.calls()) == 1
    assert {"automation_halted", "automation_resumed", "hold_set", "hold_ended"} <= {
        row["type"] for row in all_events(home)
    }


def all_events(home):
    return [json.loads(line) for line in (home.folder / "events.log").read_text().splitlines()]


def test_a_request_by_hand_is_done_once(home):
    home.run("reconcile", "-q")
    said = home.run("act", "restart", "piha/db", "--reason", "it does not answer")
    assert (said.code, said.err) == (0, "")
    again = home.run("act", "restart", "piha/db", "--reason", "no answer", "--dry-run")
    assert "the same is asked for already" in again.err
    turn(home, 3)

    assert [call.split()[:4] for call in home.calls()] == [["run", "restart", "piha", "db"]]
    assert home.records("proposed")[0]["requested"] == home.records("requested")[0]["n"]


def test_a_request_that_would_be_refused_is_not_written(home):
    home.run("reconcile", "-q")
    home.run("halt", "--reason", "x")
    said = home.run("act", "restart", "piha/db", "--reason", "x")

    assert said.code == 2
    assert "halted" in said.err
    assert home.records("requested") == []


def test_an_override_of_what_cannot_be_passed_is_refused(home):
    said = home.run("act", "restart", "piha/db", "--reason", "x", "--override", "halted")

    assert said.code == 2
    assert "cannot be overridden" in said.err


def test_a_dry_run_names_the_command_and_touches_nothing(sick):
    home = sick
    home.run("reconcile", "-q")
    before = home.files()
    said = home.run("act", "--once", "--dry-run", "--json")

    assert said.code == 0
    assert said.json["would_run"][0]["runs"].endswith(f"run restart piha web {said.json['would_run'][0]['intent_id']}")
    assert home.files() == before
    assert home.run("act", "--once", "--json").json["done"][0]["result"] == "done"


def test_a_run_of_the_past_and_a_dry_run_write_nothing_of_acting(home):
    fall_sick(home)
    turn(home)
    before = {path: data for path, data in home.files().items() if "/actions/" in path}
    home.run("reconcile", "-q", "--dry-run")
    home.run("reconcile", "-q", "--as-of", home.now.isoformat())

    assert {path: data for path, data in home.files().items() if "/actions/" in path} == before


def test_an_executor_that_cannot_take_its_lock_ends_with_1_and_does_nothing(sick):
    (sick.actions / "executor.lock").unlink(missing_ok=True)
    (sick.actions / "executor.lock").mkdir()
    said = sick.run("act", "--once")

    assert (said.code, sick.calls()) == (1, [])
    assert "executor.lock" in said.err


def test_a_dry_run_sees_what_is_being_repaired_as_a_run_does(restarted):
    dry, real = (restarted.run("reconcile", *options) for options in (["--dry-run"], []))

    assert (dry.code, dry.out.split()[0]) == (real.code, real.out.split()[0]) == (0, "RECONCILING")


def test_a_second_executor_waits_and_ends_with_4(home, monkeypatch):
    monkeypatch.setattr(claim, "WAIT_S", 0.05)
    with hold_lock(home.actions / "executor.lock", 1):
        before = home.records("claimed")
        said = home.run("act", "--once")

    assert said.code == 4
    assert home.records("claimed") == before


def test_another_hosts_executor_is_refused_until_it_is_taken_over(home, monkeypatch):
    import socket

    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert home.run("act", "--once").code == 4
    home.run("actions", "take-over", "--reason", "the old one is dead")
    assert home.run("act", "--once").code == 0


def test_output_is_kept_without_secrets_and_without_escape_codes(sick, monkeypatch):
    home = sick
    monkeypatch.setenv("DEPLOY_TOKEN", "s3cr3t-value")
    (home.folder / "hands" / "output").write_text("\x1b[31mtoken=abc s3cr3t-value\x1b[0m\n")
    turn(home, 1)
    texts = (".jsonl", ".json", ".log", ".txt")
    everything = b"".join(data for path, data in home.files().items() if path.endswith(texts))

    assert len(home.calls()) == 1
    assert b"s3cr3t-value" not in everything
    assert b"\x1b" not in everything
    [output] = (home.actions / "output").glob("*.txt")
    assert output.stat().st_mode & 0o777 == 0o600
    assert "«DEPLOY_TOKEN»" in output.read_text()


def test_an_old_world_and_an_old_memory_start_nothing(sick):
    home = sick
    home.run("reconcile", "-q")
    home.pass_time(seconds=30)
    (home.folder / "clock").write_text(f"{(home.now + timedelta(minutes=4)).isoformat()}\n")
    home.run("act", "--once")

    assert home.calls() == []


def test_a_skipped_world_ends_the_executor_with_3(home):
    (home.folder / "world" / "services.json").write_text("{")

    assert home.run("act", "--once").code == 3


def test_a_fault_in_the_allow_list_starts_nothing(home):
    home.write("executor.yaml", "steps: [{}]\n")

    assert home.run("act", "--once").code == 1


@pytest.mark.slow
def test_a_policy_with_a_fault_holds_nothing_and_is_told(sick):
    home = sick
    home.write("policy.yaml", "rules:\n  - {id: a, match: {}, mode: auto, coldown: 5m}\n")
    turn(home, 3)

    assert home.calls() == []
    assert "policy_invalid" in {event["type"] for event in all_events(home)}


def test_a_broken_ledger_holds_everything_and_is_told(home):
    [path] = (home.actions / "journal").glob("executor-*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"kind":"claimed"', b'"kind":"claimes"', 1))
    fall_sick(home)
    said = home.run("reconcile")
    assert home.run("act", "--once").code == 1
    assert home.calls() == []
    assert "ledger of actions is broken" in said.out + said.err


def test_a_file_moved_by_hand_is_no_approval(asked):
    home = asked
    name = next((home.actions / "pending").iterdir()).name
    (home.actions / "pending" / name).rename(home.actions / "approved" / name)
    turn(home, 2)

    assert home.calls() == []
    assert (home.actions / "pending" / name).exists()
    assert not (home.actions / "approved" / name).exists()


def test_stats_set_what_helped_beside_what_cleared_by_itself(repaired):
    [row] = repaired.run("actions", "stats", "--json").json["rows"]

    assert (row["verb"], row["service"], row["attempts"], row["outcomes"]) == ("restart", "web", 1, {"recovered": 1})
    assert row["interval"] == [0.2065, 1.0]


def test_show_has_the_records_and_the_output(restarted):
    found = restarted.run("actions", "show", "container-restart-piha-web", "--json").json

    assert [record["kind"] for record in found["records"]] == ["proposed", "started", "ended"]
    assert restarted.run("actions", "show", "nothing").code == 2


def test_directories_are_rebuilt_from_the_ledger(restarted):
    home = restarted
    before = {path.relative_to(home.actions) for path in home.actions.glob("*/*-piha-web.json")}
    for name in ("running", "approved", "pending"):
        shutil.rmtree(home.actions / name)
    assert home.run("actions", "sync").code == 0
    assert {path.relative_to(home.actions) for path in home.actions.glob("*/*-piha-web.json")} == before


def test_a_ledger_that_was_removed_is_told_and_its_new_records_are_told(asked):
    shutil.rmtree(asked.actions)
    lost = asked.run("reconcile")
    asked.run("act", "--once")
    asked.run("reconcile", "-q")
    proposals = [line for line in (asked.folder / "events.log").read_text().splitlines() if "action_proposed" in line]

    assert "ledger of actions ends at record 0" in lost.out
    assert "ends at record" not in asked.run("reconcile").out
    assert len(proposals) == 2
