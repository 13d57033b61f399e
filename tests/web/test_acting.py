"""Acting on the page: what was shown is what is answered, and the ledger says through which bridge, and for whom."""

import json
import time
from datetime import UTC, datetime

import pytest

from flows.run.clock import read_now
from flows.settings import load_settings
from tests.helpers.acting_home import Home
from tests.helpers.kept import Kept
from tests.helpers.paged import browse, sign_in

POLICY = "rules:\n  - {id: all, match: {}, mode: approve, ladder: [%s]}\n"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a home where a restart of piha/web is asked for."""
    folder = tmp_path_factory.mktemp("acting")
    home = Home(folder / "home", now=datetime.now(UTC).replace(microsecond=0))
    home.write("policy.yaml", POLICY % "restart")
    home.run("reconcile", "-q")
    home.run("act", "--once")
    home.fall_sick("piha/web")
    for _ in range(2):
        home.pass_time(minutes=11)
        home.run("reconcile", "-q")
    return Kept(home, folder / "kept")


@pytest.fixture
def home(kept):
    return kept.back()


@pytest.fixture
def page(home):
    config = home.folder / "supervisor.yaml"
    with browse(load_settings({}, config).settings, config) as client:
        yield client


def asked(home):
    [row] = [row for row in home.run("actions", "list", "--json").json["actions"] if row["phase"] == "pending"]
    return row


def answer(home, page, name, **given):
    csrf = sign_in(page, home.folder / "state")
    row = asked(home)
    form = {"csrf": csrf, "action": row["action_id"], "intent": row["intent_id"][:12], "reason": "seen", **given}
    return page.post(f"/do/{name}", data=form)


def test_the_pages_say_what_is_asked_with_the_command_to_copy(home, page):
    row = asked(home)

    for path in ("/", "/target/piha/web"):
        assert "restart: ask" in page.get(path).text, path
    assert f"supervisor approve {row['action_id']} --intent {row['intent_id'][:12]}" in page.get("/").text
    assert "<td>pending</td>" in page.get("/actions").text
    assert "<td>approve</td>" in page.get("/policy").text


def test_the_page_of_actions_says_what_a_fault_of_the_operators_file_leaves_unseen(home, page):
    sound = page.get("/actions").text
    home.write("operators.yaml", "operators: [\n")
    doubted = page.get("/actions").text

    said = "until that is mended no halt, hold, approval or request is seen"
    assert (said in sound, said in doubted, "operators.yaml:2:1" in doubted) == (False, True, True)


@pytest.mark.wide
@pytest.mark.parametrize(("name", "kind"), [("approve", "approved"), ("reject", "rejected")])
def test_an_answer_is_about_the_intent_that_was_shown_and_says_who_gave_it_where(home, page, name, kind):
    said = answer(home, page, name)
    [record] = home.records(kind)

    assert said.status_code == 200, said.text
    assert (record["via"], record["claimed"], record["reason"]) == ("web", "operator", "seen")


def test_another_intent_than_the_one_shown_is_not_approved(home, page):
    said = answer(home, page, "approve", intent="0" * 12)

    assert said.status_code == 409
    assert home.records("approved") == []


def test_the_form_shows_what_would_run_and_what_it_waits_for(home, page):
    sign_in(page, home.folder / "state")
    row = asked(home)

    shown = page.get(f"/do/approve?action={row['action_id']}&intent={row['intent_id'][:12]}").text

    assert "restart of piha/web (safe), attempt 1" in shown
    assert "web on piha is unhealthy" in shown
    assert "approval" in shown
    gone = page.get(f"/do/approve?action={row['action_id']}&intent={'f' * 12}")
    assert (gone.status_code, "<h1>Not asked</h1>" in gone.text) == (409, True)


@pytest.mark.slow
def test_through_the_page_more_than_what_is_safe_needs_a_line_in_the_operators_file(home, page):
    home.write("policy.yaml", POLICY % "redeploy")
    home.run("reconcile", "-q")
    row = asked(home)
    command = ("approve", row["action_id"], "--intent", row["intent_id"][:12], "--reason", "x")

    through = home.run(*command, "--via=web", "--claimed=ada")

    assert (through.code, "only what is safe" in through.err) == (2, True)
    assert home.run(*command).code == 0


@pytest.mark.slow
def test_a_hold_and_a_halt_reach_the_ledger_and_the_page(home, page):
    csrf = sign_in(page, home.folder / "state")
    held = page.post("/do/hold", data={"csrf": csrf, "target": "piha/web", "reason": "new disk", "until": "2h"})
    halted = page.post("/do/halt", data={"csrf": csrf, "reason": "storm <b>", "until": ""})

    assert (held.status_code, halted.status_code) == (200, 200), held.text + halted.text
    assert [(row["kind"], row["via"]) for row in home.records("hold", "halt")] == [("hold", "web"), ("halt", "web")]
    deadline = time.monotonic() + 20
    while "All automation is halted" not in (shown := page.get("/").text):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "storm &lt;b&gt;" in shown


def test_programs_get_what_the_command_prints(home, page):
    given = page.get("/api/v1/actions").json()
    told = home.run("actions", "list", "--all", "--json").json

    assert given == {**told, "as_of": given["as_of"]}
    assert json.dumps(given)
    assert read_now(load_settings({}, home.folder / "supervisor.yaml").settings) == home.now


def test_what_is_being_repaired_lowers_the_pages_state_as_little_as_a_runs(home):
    row = asked(home)
    home.run("approve", row["action_id"], "--intent", row["intent_id"][:12])
    home.run("act", "--once")
    home.run("reconcile", "-q")
    config = home.folder / "supervisor.yaml"
    with browse(load_settings({}, config).settings, config) as page:
        shown, last = page.get("/api/v1/fleet").json(), page.get("/api/v1/status").json()

    assert shown["summary"]["state"] == last["state"] == "reconciling"
    assert shown["acting"]["state"] == "reconciling"
