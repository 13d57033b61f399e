"""The helper over real ssh: one key that can do one thing, the node's own list, each intent once, no lower fence."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.executor.backends.helper import HelperBackend
from flows.executor.config import HelperStep
from flows.executor.order import Asked, Order, Preflight
from schemas.ledger_words import Result
from schemas.verb import Verb
from tests.lab.node import until
from tests.lab.places import STATE

pytestmark = pytest.mark.engine
HELPER = Path(__file__).parents[2] / "examples" / "helper" / "supervisor-act"
HOME = STATE / "helper"
USER = 1900
"""`ops`, who may not open the engine's socket."""


@pytest.fixture
def helper(node):
    """Set the node up as the helper's text says, and return what calls it."""
    shutil.rmtree(HOME, ignore_errors=True)
    (HOME / "state").mkdir(parents=True)
    os.chown(HOME / "state", USER, USER)
    shutil.copy(HELPER, HOME / "supervisor-act")
    done = HOME / "state" / "done"
    config = {
        "state": str(HOME / "state"),
        "services": ["web", "slow"],
        "run": {"restart": ["sh", "-c", f"[ {{service}} = web ] || sleep 3; hostname; echo x >> {done}"]},
        "preflight": {"restart": ["sh", "-c", "[ {service} = web ] || exit 14"]},
    }
    Path("/etc/supervisor-act.json").write_text(json.dumps(config))
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable  # ours may lie where `ops` may not go
    program = f"{python} {HOME / 'supervisor-act'}"
    (HOME / "keys").write_text(f'restrict,command="{program}" {(STATE / "id.pub").read_text()}')
    node.stop_sshd()
    node.start_sshd(f"Match User ops\n  AuthorizedKeysFile {HOME / 'keys'}")
    yield Caller(node, done)
    node.stop_sshd()
    node.start_sshd()


class Caller:
    def __init__(self, node, done):
        self.node, self.done = node, done
        self.step = HelperStep(
            backend="helper", targets=("*/*",), verbs=("restart",), host=node.name, user="ops",
            identity=str(STATE / "id"), known_hosts=str(STATE / "known_hosts"),
        )  # fmt: skip

    def backend(self, service="web"):
        return HelperBackend(self.step, "node1", service, 10_000)

    def run(self, service="web", **changed):
        return self.backend(service).run(order(service, **changed), lambda: False)

    def count(self):
        return self.done.read_text().count("x") if self.done.exists() else 0

    def ssh(self, *command):
        options = ["-o", "IdentitiesOnly=yes", "-i", str(STATE / "id"), "-l", "ops"]
        return subprocess.run(
            ["ssh", "-T", *options, self.node.name, *command], capture_output=True, text=True, check=False
        )


def order(service="web", intent="a", fence=7, **changed):
    values = {"verb": Verb.RESTART, "node": "node1", "number": 1, "timeout_s": 30.0, **changed}
    return Order(service=service, intent_id=intent * 64, fence=fence, world_at=datetime.now(UTC), **values)


def test_it_is_done_on_the_node_and_once_for_each_intent(helper):
    first, again = helper.run(), helper.run()

    assert (first.result, first.output) == (Result.DONE, b"node1\n")
    assert again == first
    assert helper.count() == 1


def test_a_lower_fence_and_what_is_not_listed_have_no_effect(helper):
    helper.run(fence=7)

    assert helper.run(intent="b", fence=6).result is Result.NO_EFFECT
    assert helper.run("db", intent="c").result is Result.NO_EFFECT
    assert helper.run(intent="d", verb=Verb.REDEPLOY).result is Result.NO_EFFECT
    assert helper.count() == 1


def test_its_look_decides_on_the_start(helper):
    assert helper.backend().preflight(order()) is Preflight.OK
    assert helper.backend("slow").preflight(order("slow")) is Preflight.STARTING
    assert helper.backend("db").preflight(order("db")) is Preflight.NOT_FOUND


def test_its_key_can_do_nothing_else(helper):
    assert helper.ssh("reboot").returncode == 64
    assert helper.ssh("supervisor-act run restart web;id " + "a" * 64 + " 7").returncode == 64
    assert helper.ssh().returncode == 64
    forwarded = helper.ssh("-o", "ExitOnForwardFailure=yes", "-R", "22222:localhost:1", "x")
    assert forwarded.returncode != 0
    assert helper.count() == 0


def test_a_session_that_breaks_off_is_lost_and_the_helper_tells_later_how_it_ended(helper):
    process = subprocess.Popen(
        [sys.executable, "-c", BREAK, str(STATE), helper.node.name], stdout=subprocess.PIPE, text=True
    )
    until((HOME / "state" / f"{'a' * 64}.json").exists, 30)
    helper.node.sh("pkill -9 -f '[s]shd: ops' || true")
    said, _ = process.communicate(timeout=60)

    assert said.strip() == "lost"
    backend = helper.backend("slow")
    until(lambda: backend.ask(order("slow")) is Asked.DONE, 20)
    assert helper.count() == 1
    assert helper.run("slow").result is Result.DONE  # the recorded answer
    assert helper.count() == 1
    assert backend.ask(order("slow", intent="f")) is Asked.NEVER_SEEN


BREAK = """
import sys
from datetime import UTC, datetime
from flows.executor.backends.helper import HelperBackend
from flows.executor.config import HelperStep
from flows.executor.order import Order
from schemas.verb import Verb
state, node = sys.argv[1:]
step = HelperStep(backend="helper", targets=("*/*",), verbs=("restart",), host=node, user="ops",
                  identity=f"{state}/id", known_hosts=f"{state}/known_hosts")
order = Order(verb=Verb.RESTART, node="node1", service="slow", intent_id="a" * 64, fence=7, number=1,
              world_at=datetime.now(UTC), timeout_s=30)
print(HelperBackend(step, "node1", "slow", 1000).run(order, lambda: False).result)
"""


def test_a_cut_node_and_a_changed_key_send_nothing(helper, lab):
    (STATE / "known_hosts").write_text("".join(f"{one.name},{one.ip} {lab['node2'].host_key}" for one in lab))
    try:
        assert helper.backend().preflight(order()) is Preflight.BARRED
        assert helper.run().result is Result.NO_EFFECT
    finally:
        lab.trust()
    helper.node.cut()
    try:
        assert helper.backend().preflight(order()) is Preflight.UNREACHABLE
        assert helper.run(timeout_s=15.0).result in {Result.NO_EFFECT, Result.TIMED_OUT}
    finally:
        helper.node.heal()
    assert helper.count() == 0
