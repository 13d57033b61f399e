"""What automation gives up goes out with the outage's message, with what diagnostics collected, and nothing secret."""

import json

import pytest

from schemas.episode import Target
from schemas.outage import Trouble
from schemas.words import Severity
from stages.tell import tell_outages
from tests.helpers.acting_home import Home
from tests.helpers.episodes import NOON
from tests.helpers.inbox import open_inbox

LOOK_ONLY = """rules:
  - {id: look, match: {}, mode: auto, ladder: [diagnostics]}
"""


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    home.configure(start_grace="0s", platform_words=True)
    home.write("policy.yaml", LOOK_ONLY)
    assert home.run("act", "--once").code == 0
    return home


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Apprise
def test_an_escalation_rides_on_the_outages_message_with_what_was_collected(home, monkeypatch):
    (home.folder / "hands" / "output").write_text("worker 3 is out of memory\ntoken=abc123\n\x1b[31mred\n")
    home.fall_sick("piha/web")
    with open_inbox() as inbox:
        monkeypatch.setenv("SUPERVISOR_NOTIFY_URLS", inbox.address)
        for _ in range(6):
            home.run("reconcile", "-q")
            home.run("act", "--once")
            home.pass_time(seconds=30)
            home.fall_sick("piha/web")
        titles, last = inbox.titles, inbox.last

    assert titles == ["web on piha error opened", "web on piha error needs a person"]
    assert "needs a person: automation has tried all that it may (diagnostics: collected)" in last
    assert "worker 3 is out of memory" in last
    assert "abc123" not in last
    assert "\x1b" not in last


@pytest.mark.slow
def test_the_platforms_words_are_written_where_they_are_wanted(home):
    home.fall_sick("piha/web")
    for _ in range(5):
        home.run("reconcile", "-q")
        home.run("act", "--once")
        home.pass_time(seconds=30)
    types = [json.loads(line)["type"] for line in (home.folder / "events.log").read_text().splitlines()]

    assert [word for word in types if word.startswith(("remediation", "action_started", "action_ended"))] == [
        "remediation_started",
        "remediation_completed",
    ]
    assert home.run("log", "verify").code == 0


def trouble(name, plight=None, severity=Severity.ERROR):
    target = Target("piha", name)
    signature = "redeploy needs_human" if plight else "redeploy"
    return Trouble(target=target, root=Target("piha", "db"), severity=severity, opened_at=NOON, signature=signature,
                   text="it is broken.", plight=plight)  # fmt: skip


def test_an_escalation_of_one_that_waits_for_another_stands_in_the_body_alone():
    first = tell_outages({}, [trouble("db", severity=Severity.CRITICAL), trouble("web")], (), NOON)
    rows = [trouble("db", severity=Severity.CRITICAL), trouble("web", "needs a person: all was tried")]
    [message] = tell_outages(first.outages, rows, (), NOON).messages

    assert message.title == "db on piha critical changed (+1 more)"
    assert message.body.splitlines()[-1] == "web on piha needs a person: all was tried"
