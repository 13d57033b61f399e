"""The whole loop on a real engine: what dies or falls sick is looked at, judged, acted upon and looked at again.

The numbers are seconds here, so that a test is over soon; what they mean is the same.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from flows.cli import _run
from tests.helpers.program import SUPERVISOR
from tests.lab.home import LabHome
from tests.lab.node import until

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(600)]
RULE = {"act_after": "0s", "act_after_worlds": 1, "settle": "0s", "confirm_span": "1s", "verify_within": "4s", "cooldown": "1s",
        "worse_span": "1s"}  # fmt: skip
NUMBERS = {"start_grace": "0s", "storm_cooldown": "0s", "no_effect_cooldown": "1s", "rate_target": "20/24h"}
SERVICES = {"web": (), "db": (), "api": ("db",)}
LIMIT_S = 240


class Loop(LabHome):
    """One home on one node, whose steps are taken one by one."""

    def take(self, *arguments):
        code = _run([*arguments, "--config", str(self.config)])
        assert code in {0, 2}, (arguments, code)

    def turn(self, count=1):
        for _ in range(count):
            self.take("observe", "--once")
            self.take("reconcile", "-q")
            self.take("act", "--once")

    def turn_until(self, kind, **fields):
        """Go on until the ledger has such a record, and return it."""
        begun = time.monotonic()
        while True:
            self.turn()
            found = [row for row in self.records() if row["kind"] == kind and fields.items() <= row.items()]
            if found:
                return found[-1]
            assert time.monotonic() - begun < LIMIT_S, self.said()

    def said(self):
        """Return what the ledger says, briefly; the beginning of it is about what can be done."""
        keys = ("verb", "result", "why", "outcome", "reason")
        rows = [row for row in self.records() if row["kind"] not in {"claimed", "capabilities"}]
        return [" ".join([row["kind"], *(str(row[key]) for key in keys if row.get(key))]) for row in rows]

    def events(self):
        return [json.loads(line)["type"] for line in (self.folder / "events.log").read_text().splitlines()]

    def started_at(self, service):
        return self.lab["node1"].state(self.container(service))["StartedAt"]

    def starts(self):
        return Counter(row["intent_id"] for row in self.records() if row["kind"] == "started")

    def wait_for(self, service, word):
        def is_so():
            state = self.lab["node1"].state(self.container(service))
            return (state["Health"]["Status"] if state["Running"] else state["Status"]) == word

        until(is_so, 60, f"{service} is {word}")


@pytest.fixture
def loop(lab, node, tmp_path):
    tmp_path.chmod(0o755)
    made = Loop(lab, tmp_path, str(Path(sys.executable).with_name("supervisor")), {"node1": SERVICES})
    made.prepare(RULE, interval="1s", **NUMBERS)
    for service in SERVICES:
        made.wait_for(service, "healthy")
    made.turn(2)
    yield made
    for service in SERVICES:
        for name in ("sick", "crash"):
            made.flag("node1", service, name).unlink(missing_ok=True)
    node.sh("rm -f /var/rubbish")


def test_a_container_that_was_killed_is_started_once_and_its_dependant_left_alone(loop, node):
    before = {service: loop.started_at(service) for service in SERVICES}
    node.api("POST", "/containers/app-db-1/kill")
    loop.turn_until("verified", outcome="recovered")

    assert loop.said() == ["problem_opened", "proposed restart", "started restart", "ended done", "verified recovered"]
    assert [word for word in loop.events() if word.startswith("action_")] == [
        "action_proposed",
        "action_started",
        "action_ended",
        "action_verified",
    ]
    assert {service for service in SERVICES if loop.started_at(service) != before[service]} == {"db"}


def test_an_unhealthy_container_is_restarted(loop, node):
    node.exec("app-web-1", "touch /tmp/sick")
    loop.wait_for("web", "unhealthy")
    loop.turn_until("verified", outcome="recovered")

    assert [word for word in loop.said() if word.startswith("started")] == ["started restart"]


def test_what_a_restart_does_not_heal_is_made_anew(loop, node):
    node.exec("app-web-1", "touch /tmp/stubborn")
    loop.wait_for("web", "unhealthy")
    loop.turn_until("verified", outcome="recovered")

    assert [word for word in loop.said() if word.startswith("started")] == ["started restart"] * 2 + [
        "started redeploy"
    ]
    assert max(loop.starts().values()) == 1


def test_a_crash_loop_is_looked_at_and_left_to_a_person(loop, node):
    loop.flag("node1", "web", "crash").touch()
    node.sh(f"kill -9 {node.state('app-web-1')['Pid']}")
    until(
        lambda: (
            node.state("app-web-1")["Restarting"] and node.api("GET", "/containers/app-web-1/json")["RestartCount"] > 4
        ),
        60,
    )
    loop.turn_until("escalated")

    assert [word for word in loop.said() if word.startswith(("started", "verified", "escalated"))] == [
        "started diagnostics",
        "verified collected",
        "escalated ladder_end",
    ]


def test_a_full_disk_is_cleaned(loop, node):
    node.sh("head -c 7900k /dev/zero >/var/rubbish || true")
    loop.turn_until("verified", outcome="recovered")

    assert [word for word in loop.said() if word.startswith(("started", "verified"))] == [
        "started cleanup",
        "verified recovered",
    ]
    node.sh("test ! -e /var/rubbish")


def test_what_has_no_image_is_tried_to_the_end_of_the_ladder_and_told(loop, node):
    node.api("DELETE", "/containers/app-web-1?force=1")
    node.api("DELETE", "/images/lab:web?force=1")
    loop.turn_until("escalated")

    assert loop.said()[-1] == "escalated ladder_end"
    assert [word for word in loop.said() if word.startswith(("started", "ended"))] == [
        "started restart", "ended failed", "started restart", "ended failed", "started redeploy", "ended failed",
        "started diagnostics", "ended done",
    ]  # fmt: skip
    assert max(loop.starts().values()) == 1


def test_a_container_that_was_removed_is_made_again(loop, node):
    node.api("DELETE", "/containers/app-web-1?force=1")
    loop.turn_until("verified", outcome="recovered")

    assert [word for word in loop.said() if word.startswith("started")] == ["started restart"]


@pytest.mark.parametrize(
    ("harm", "heal"), [("cut", "heal"), ("kill_engine", "start_engine"), ("hang_engine", "unhang_engine")]
)
def test_nothing_is_started_on_a_node_that_is_not_seen(loop, node, harm, heal):
    node.api("POST", "/containers/app-web-1/kill")
    getattr(node, harm)()
    try:
        loop.turn(3)
        assert [row for row in loop.said() if row.startswith("started")] == []
    finally:
        getattr(node, heal)()
    for service in ("db", "api"):  # a killed engine leaves all dead: that would be a fault of the node
        node.api("POST", f"/containers/app-{service}-1/start")
        loop.wait_for(service, "healthy")
    loop.turn_until("verified", outcome="recovered")


# Where the executor is killed: the name that is replaced, whether it does its work first, and what became of it then.
STEPS = {
    "before it looks": ("flows.executor.start.Hands._look", False, "started"),
    "before the start is written": ("flows.executor.start.Hands._write_started", False, "started"),
    "right behind the written start": ("flows.executor.start.Hands._write_started", True, "lost"),
    "when the command has run": ("flows.executor.backends.engine.ComposeBackend.run", True, "lost"),
    "before the end is written": ("flows.executor.start.Hands._write_ended", False, "lost"),
    "when the end is written": ("flows.executor.start.Hands._write_ended", True, "ended"),
}
DIE = """
import os, pkgutil, sys
owner, _, name = sys.argv[1].rpartition(".")
owner, before = pkgutil.resolve_name(owner), None
before = getattr(owner, name)
def die(*given):
    if sys.argv[2] == "True":
        before(*given)
    os.kill(os.getpid(), 9)
setattr(owner, name, die)
from flows.cli import _run
_run(["act", "--once", "--config", sys.argv[3]])
"""


@pytest.mark.parametrize("step", STEPS)
def test_an_executor_that_is_killed_starts_nothing_twice(loop, node, step):
    name, works_first, then = STEPS[step]
    node.api("POST", "/containers/app-web-1/kill")
    loop.take("observe", "--once")
    loop.take("reconcile", "-q")
    killed = subprocess.run([sys.executable, "-c", DIE, name, str(works_first), str(loop.config)], check=False)
    assert killed.returncode == -9
    loop.turn_until("verified", outcome="recovered")

    kinds = [row["kind"] for row in loop.records()]
    assert then in kinds
    assert max(loop.starts().values()) == 1
    assert sum(loop.starts().values()) == (2 if step == "right behind the written start" else 1)
    assert "action_illegal" not in loop.events()


def test_of_two_executors_one_starts(loop, node):
    node.api("POST", "/containers/app-web-1/kill")
    loop.take("observe", "--once")
    loop.take("reconcile", "-q")
    both = [subprocess.Popen([*SUPERVISOR, "act", "--once", "--config", str(loop.config)]) for _ in range(2)]

    assert {one.wait(90) for one in both} <= {0, 4}
    assert sum(loop.starts().values()) == 1


def test_a_session_that_breaks_off_is_lost_and_goes_on_over_there(loop, node):
    stubborn = "trap '' TERM; touch /tmp/ready; while :; do sleep 0.2; done"
    compose = loop.folder / "compose" / "node1" / "compose.yaml"
    compose.write_text(compose.read_text().replace("exec sleep 1000000", stubborn))
    loop.up("node1", "web")
    loop.wait_for("web", "healthy")
    loop.turn(1)
    node.exec("app-web-1", "touch /tmp/sick")
    loop.wait_for("web", "unhealthy")
    loop.take("observe", "--once")
    loop.take("reconcile", "-q")
    executor = subprocess.Popen([*SUPERVISOR, "act", "--once", "--config", str(loop.config)])
    until(loop.starts, 60)
    dialled = node.command("pgrep", "-f", "[d]ial-stdio")
    until(lambda: subprocess.run(dialled, capture_output=True, check=False).returncode == 0, 60)
    time.sleep(4)  # the command is over there: docker waits for the container to end, half a minute
    node.sh("pkill -9 -f '[s]shd: root' || true")
    assert executor.wait(90) == 0

    ended = next(row for row in loop.records() if row["kind"] == "ended")
    assert ended["result"] == "lost", ended
    loop.turn_until("verified")
    assert sum(loop.starts().values()) >= 1
    assert max(loop.starts().values()) == 1


def test_a_changed_host_key_has_no_effect_and_after_three_a_person_is_told(loop, lab, node):
    """The observer looks another way here, or it would be blind, too."""
    from tests.lab.places import STATE

    loop.write("inv/hosts/node1/node.yaml", {"observe": {"docker": f"unix://{node.socket}"}})
    before = loop.started_at("web")
    node.api("POST", "/containers/app-web-1/kill")
    (STATE / "known_hosts").write_text("".join(f"{one.name},{one.ip} {lab['node2'].host_key}" for one in lab))
    try:
        loop.turn_until("escalated", reason="no_effect")
    finally:
        lab.trust()

    assert [word for word in loop.said() if word.startswith("ended")] == ["ended no_effect"] * 3
    assert loop.started_at("web") == before
