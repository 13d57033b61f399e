"""What operators say: who may, what is written, and how a command ends."""

import json
import os

import pytest

from tests.helpers.acting_home import Home

SAID = {"action_approved", "action_started", "action_illegal"}


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def approve_what_is_asked(home):
    """Let a restart be asked for and approved; return the action."""
    home.configure(start_grace="0s")
    home.write("policy.yaml", "rules: [{id: ask, match: {}, mode: approve}]\n")
    home.propose()
    asked = home.run("actions", "list", "--json").json["actions"][0]
    home.run("approve", asked["action_id"], "--intent", asked["intent_id"][:12])
    return asked


def test_a_hold_is_a_record_of_who_until_when_and_why(home):
    said = home.run("hold", "piha/web", "--until", "2h", "--reason", "new disk")
    [record] = home.records()

    assert said.code == 0
    assert (record["kind"], record["target"], record["until"]) == ("hold", "piha/web", "2026-06-03T14:00:00Z")
    assert (record["reason"], record["by"]["uid"], record["by"]["role"]) == ("new disk", os.geteuid(), "operator")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("hold", "piha/web", "--until", "2h", "--reason", "x"), id="hold"),
        pytest.param(("halt", "--reason", "x"), id="halt"),
        pytest.param(("attest-down", "vps", "--reason", "x"), id="attest-down"),
        pytest.param(("actions", "reset", "fleet/all", "--reason", "x"), id="reset"),
        pytest.param(("actions", "take-over", "--reason", "x"), id="take-over"),
    ],
)
def test_a_dry_run_says_it_and_leaves_every_file_as_it_was(home, arguments):
    before = home.files()
    said = home.run(*arguments, "--dry-run", "--json")

    assert (said.code, said.json["v"], said.json["dry_run"], said.json["n"]) == (0, 1, True, None)
    assert said.json["record"]["kind"] == arguments[0 if arguments[0] != "actions" else 1].replace("-", "_")
    assert home.files() == before
    assert home.run(*arguments).code == 0
    assert len(home.records()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("hold", "piha/web", "--reason", "x"), "--until", id="no end"),
        pytest.param(("hold", "piha/web", "--until", "31d", "--reason", "x"), "30d", id="beyond the longest"),
        pytest.param(("hold", "piha/web", "--until", "2020-01-01T00:00:00Z", "--reason", "x"), "passed", id="past"),
        pytest.param(
            ("hold", "piha/webb", "--until", "2h", "--reason", "x"), "piha/web?", id="a name that is not there"
        ),
        pytest.param(("hold", "piha/web", "--until", "2h", "--reason", " "), "empty", id="no reason"),
        pytest.param(("halt",), "--reason", id="a halt without a reason"),
    ],
)
def test_a_mistake_writes_nothing_and_says_what_was_meant(home, arguments, says):
    said = home.run(*arguments)

    assert said.code == 1
    assert says in said.err
    assert home.records() == []


def test_the_clock_that_is_set_is_now_for_what_else_tells_of_acting(home):
    home.fall_sick("piha/web")
    home.run("reconcile")
    home.run("hold", "piha/web", "--until", "30d", "--reason", "x")
    said = home.run("ack", "piha/web", "--until", "2h", "--owner", "anna", "--reason", "x")
    assert said.out == "piha/web is acknowledged by anna until 2026-06-03 14:00 UTC\n"
    home.pass_time(days=7)
    home.run("reconcile")

    status = home.run("status")

    assert status.code == 2
    assert "(7 d old)" in status.out
    assert home.run("explain", "piha/web", "--json").json["as_of"].startswith("2026-06-10T12:00:00")


def test_what_is_not_held_or_halted_is_nothing_to_do(home):
    assert home.run("release", "piha/web").code == home.run("resume").code == 0
    assert home.records() == []
    home.run("hold", "piha/web", "--until", "2h", "--reason", "x")
    home.run("release", "piha/web")
    home.run("halt", "--reason", "x")
    home.run("resume")
    assert [record["kind"] for record in home.records()] == ["hold", "release", "halt", "resume"]


def test_a_hold_can_be_set_while_the_inventory_cannot_be_read(home):
    (home.folder / "inv" / "hosts").rename(home.folder / "elsewhere")
    said = home.run("hold", "piha/web", "--until", "2h", "--reason", "x")

    assert (said.code, len(home.records())) == (0, 1)
    assert "taken as it is" in said.err


def test_who_is_no_operator_is_told_who_is(home):
    home.write("operators.yaml", "operators: [{name: anna, user: 12345, classes: [safe], targets: ['*/*']}]\n")
    said = home.run("halt", "--reason", "x")

    assert said.code == 2
    assert "anna may say this" in said.err
    assert home.records() == []


def test_an_operators_file_with_faults_names_each_place(home):
    home.write(
        "operators.yaml",
        "operators:\n  - {name: a, usr: 1}\n  - {name: b, user: noone, classes: [safe], targets: []}\n",
    )
    said = home.run("halt", "--reason", "x")

    assert said.code == 1
    assert "operators.yaml:2:" in said.err
    assert "no user" in said.err


@pytest.mark.parametrize("said", [("halt",), ("hold", "piha/web", "--until", "5d")], ids=lambda words: words[0])
def test_what_an_operator_said_does_not_end_with_a_slip_in_the_file_of_operators(home, said):
    home.configure(start_grace="0s")
    home.propose()
    home.run(*said, "--reason", "the switch is open")
    home.write("operators.yaml", "operators: [\n")
    done, ran = home.run("act", "--once"), home.run("reconcile")
    decision = home.run("policy", "explain", "piha/web", "--json").json["decision"]

    assert (done.code, home.calls(), home.records("started")) == (0, [], [])
    assert (decision["verdict"], decision["decided_by"]) == ("refuse", "policy_invalid")
    assert "operators.yaml:2:1" in decision["reason"]
    assert "until that is mended every action is refused" in ran.out


def test_who_is_an_operator_again_finds_the_approval_as_it_was(home):
    asked = approve_what_is_asked(home)
    home.write("operators.yaml", "operators: [\n")
    home.run("reconcile", "-q")
    (home.folder / "operators.yaml").unlink()
    home.run("act", "--once")

    assert [call.split()[4] for call in home.calls()] == [asked["intent_id"]]


def test_a_slip_in_the_file_of_operators_ends_no_request_by_hand(home):
    home.run("act", "--once")
    home.run("reconcile", "-q")
    home.run("act", "restart", "piha/web", "--reason", "x")
    home.run("reconcile", "-q")
    home.write("operators.yaml", "operators: [\n")
    home.run("reconcile", "-q")
    (home.folder / "operators.yaml").unlink()
    home.run("reconcile", "-q")
    home.run("act", "--once")

    assert (len(home.calls()), home.records("withdrawn")) == (1, [])


def test_a_slip_in_the_file_of_operators_makes_no_start_illegal(home):
    approve_what_is_asked(home)
    home.run("act", "--once")
    home.write("operators.yaml", "operators: [\n")
    doubted = home.run("reconcile")
    (home.folder / "operators.yaml").unlink()
    home.run("reconcile", "-q")
    events = [json.loads(line) for line in (home.folder / "events.log").read_text().splitlines()]
    told = [event["payload"].get("transition") for event in events]

    assert [word for word in told if word in SAID] == ["action_approved", "action_started"]
    assert "is ignored" not in doubted.out


def test_verify_calls_nobody_a_stranger_while_the_file_of_operators_has_a_fault(home):
    home.run("halt", "--reason", "x")
    home.write("operators.yaml", "operators: [\n")
    said = home.run("actions", "verify")

    assert (said.code, "ignored" in said.out) == (0, False)
    assert "operators.yaml:2:1" in said.err
    assert home.run("actions", "verify", "--json").json["ignored"] == []


@pytest.mark.parametrize(
    "command", [pytest.param(("actions", "list"), id="actions"), pytest.param(("explain", "piha/web"), id="explain")]
)
def test_what_people_said_is_not_taken_for_unsaid_where_their_file_has_a_fault(home, command):
    home.run("halt", "--reason", "x")
    sound = home.run(*command)
    home.write("operators.yaml", "operators: [\n")
    doubted = home.run(*command)

    assert ("HALTED" in sound.out, sound.err) == (True, "")
    assert "operators.yaml:2:1" in doubted.err
    assert "no halt, hold, approval or request is seen" in doubted.err


@pytest.mark.parametrize(
    ("file", "text"),
    [("operators.yaml", "operators: [\n"), ("policy.yaml", "rules: {}\n")],
    ids=["operators", "policy"],
)
def test_status_says_as_the_run_did_that_every_action_is_refused_until_the_file_is_mended(home, file, text):
    home.run("reconcile")
    sound = home.run("status")
    home.write(file, text)
    home.pass_time(minutes=5)
    [note] = [
        note for note in home.run("reconcile", "--format", "json").json["notes"] if "every action is refused" in note
    ]
    doubted = home.run("status")

    assert "every action" not in sound.out
    assert f"note: {note}" in " ".join(doubted.out.split())
    assert home.run("status", "--json").json["acting"]["notes"] == [note]


def test_with_automation_off_nothing_is_read_or_written(home):
    home.configure("off")
    before = home.files()

    for arguments in (("halt", "--reason", "x"), ("actions", "verify"), ("actions", "log")):
        said = home.run(*arguments)
        assert (said.code, "automation" in said.err) == (1, True)
    assert home.files() == before


def test_verify_finds_a_changed_byte_and_nothing_is_written_behind_it(home):
    home.run("halt", "--reason", "one")
    home.run("resume")
    assert home.run("actions", "verify").out == "2 records in 1 journal, each follows the one before it\n"
    [path] = (home.actions / "journal").glob("operator-*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"one", b"two"))
    said = home.run("actions", "verify", "--json")

    assert (said.code, said.json["ok"]) == (2, False)
    assert "does not follow" in said.json["problems"][0]
    assert home.run("halt", "--reason", "x").code == 1


def test_a_record_in_the_wrong_journal_is_ignored_and_told(home):
    from datetime import timedelta

    from flows.ledger.actions.append import identify, open_ledger
    from flows.ledger.actions.places import ActionPlace
    from schemas.ledger_words import Role

    with open_ledger(ActionPlace(home.actions), identify(Role.EXECUTOR)) as ledger:
        ledger.append("approved", home.now, {"intent_id": "a" * 64, "reason": "", "ends_at": "2026-06-03T13:00:00Z"})
        ledger.append("nonsense", home.now + timedelta(seconds=1), {})
    found = home.run("actions", "verify", "--json")

    assert found.code == 0
    assert [(row["n"], row["kind"]) for row in found.json["ignored"]] == [(1, "approved"), (2, "nonsense")]


def test_a_request_lasts_as_long_as_its_rule_says_and_of_danger_others_say_yes(home):
    home.write("policy.yaml", "rules:\n  - {id: all, match: {}, mode: approve, class: dangerous, approval_ttl: 10m}\n")
    home.configure(start_grace="0s", dangerous_approvals=2)
    home.run("act", "--once")
    home.run("reconcile", "-q")
    assert home.run("act", "restart", "piha/db", "--reason", "slow").code == 0
    home.run("reconcile", "-q")
    [action] = home.run("actions", "list", "--json").json["actions"]
    said = home.run("approve", action["action_id"], "--intent", action["intent_id"][:12].upper())

    assert (said.code, home.records("approved")) == (2, [])
    assert "takes the yes of others" in said.err
    assert home.records("requested")[0]["ends_at"] == "2026-06-03T12:10:00Z"


def test_an_end_without_an_override_is_no_approval(home):
    home.write("policy.yaml", "rules:\n  - {id: all, match: {}, mode: approve}\n")
    home.configure(start_grace="0s")
    home.propose()
    [action] = home.run("actions", "list", "--json").json["actions"]
    said = home.run("approve", action["intent_id"], "--intent", action["intent_id"], "--until", "2h")

    assert (said.code, home.records("approved")) == (1, [])
    assert "--override" in said.err
