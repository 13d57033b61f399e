"""What the backends run, and how they read what comes back."""

import http.server
import json
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import ClassVar

import pytest

from flows.executor import runner
from flows.executor.backends import engine
from flows.executor.backends.command_line import read_result
from flows.executor.backends.engine import ComposeBackend, DockerBackend, judge_state
from flows.executor.backends.helper import HelperBackend
from flows.executor.backends.helper import _read as read_helper
from flows.executor.backends.script import ScriptBackend
from flows.executor.backends.systemd import SystemdBackend, judge_unit
from flows.executor.backends.webhook import WebhookBackend
from flows.executor.config import ComposeStep, DockerStep, HelperStep, ScriptStep, SystemdStep, WebhookStep
from flows.executor.order import Asked, Order, Preflight
from flows.executor.runner import Finished, How
from schemas.ledger_words import Result
from schemas.verb import Verb
from tests.helpers.frames import NOON

TARGETS = {"targets": ("piha/*",), "verbs": ("restart",)}


def order(verb=Verb.RESTART, **rest):
    values = {"node": "piha", "service": "web", "intent_id": "a" * 64, "fence": 7, "number": 2, "world_at": NOON}
    return Order(verb=verb, **({"timeout_s": 5.0} | values | rest))


@pytest.fixture
def script(tmp_path):
    def make(body, **rest):
        path = tmp_path / "fake"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        step = ScriptStep(backend="script", path=str(path), **TARGETS, **rest)
        return ScriptBackend(step, "piha", "web", {"DEPLOY_TOKEN": "s3cr3t"}, 1000)

    return make


@pytest.mark.parametrize(
    ("code", "result"), [(0, Result.DONE), (20, Result.NO_EFFECT), (1, Result.FAILED), (10, Result.FAILED)]
)
def test_a_scripts_code_is_its_result(script, code, result):
    assert script(f"exit {code}").run(order(), lambda: False).result is result


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (0, Preflight.OK),
        (10, Preflight.ALREADY_HEALTHY),
        (11, Preflight.CHANGED_SINCE),
        (12, Preflight.NOT_FOUND),
        (13, Preflight.AMBIGUOUS),
        (14, Preflight.STARTING),
        (1, Preflight.UNREACHABLE),
        (20, Preflight.UNREACHABLE),
    ],
)
def test_a_scripts_look_before_the_start(script, code, answer):
    assert script(f"exit {code}", preflight=True).preflight(order()) is answer
    assert script(f"exit {code}").preflight(order()) is Preflight.OK


@pytest.mark.parametrize(
    ("code", "answer"),
    [(30, Asked.NEVER_SEEN), (31, Asked.BEGUN), (32, Asked.DONE), (33, Asked.FAILED), (0, Asked.UNKNOWN)],
)
def test_a_script_is_asked_what_became_of_an_intent(script, code, answer):
    assert script(f"exit {code}", ask=True).ask(order()) is answer
    assert script(f"exit {code}").ask(order()) is Asked.UNKNOWN


def test_a_script_gets_its_arguments_and_nothing_else_in_its_environment(script, monkeypatch):
    monkeypatch.setenv("OURS", "1")
    ran = script('echo "$@"; env | sort').run(order(params={"to": "saturn"}), lambda: False)
    first, *rest = ran.output.decode().splitlines()

    assert first == f"run restart piha web {'a' * 64}"
    assert {line for line in rest if not line.startswith(("PWD=", "SHLVL=", "_=", "OLDPWD="))} == {
        "PATH=/usr/bin:/bin",
        "DEPLOY_TOKEN=s3cr3t",
        'SUPERVISOR_PARAMS={"to":"saturn"}',
        "SUPERVISOR_FENCE=7",
        "SUPERVISOR_NUMBER=2",
        f"SUPERVISOR_WORLD_AT={NOON:%Y-%m-%dT%H:%M:%SZ}",
    }


def test_a_script_that_is_no_program_provably_sent_nothing(script, tmp_path):
    backend = script("exit 0")
    (tmp_path / "fake").chmod(0o644)

    assert backend.run(order(), lambda: False).result is Result.NO_EFFECT


@pytest.mark.parametrize(
    ("timeout_s", "is_stopped", "result"), [(0.3, False, Result.TIMED_OUT), (30, True, Result.ABORTED)]
)
def test_a_script_that_takes_too_long_is_never_failed(script, timeout_s, is_stopped, result, monkeypatch):
    monkeypatch.setattr(runner, "LOOK_S", 0.1)

    assert script("sleep 60").run(order(timeout_s=timeout_s), lambda: is_stopped).result is result


def test_docker_restarts_a_container_and_then_what_shares_its_network():
    step = DockerStep.model_validate({**TARGETS, "backend": "docker", "with": ("sidecar",)})

    assert DockerBackend(step, "piha", "web", 1000).describe(order()) == (
        "docker --context default restart --time 30 -- web; docker --context default restart --time 30 -- sidecar"
    )


def test_compose_leaves_dependencies_and_images_alone():
    step = ComposeStep(
        backend="compose", project="{service}", directory="/opt/{service}", context="ssh://me@piha", **TARGETS
    )
    words = ComposeBackend(step, "piha", "web", 1000).describe(order(Verb.REDEPLOY))

    assert words == (
        "docker --host ssh://me@piha compose -p web --project-directory /opt/web"
        " up -d --no-deps --force-recreate --pull missing --wait web"
    )
    assert "--remove-orphans" not in words


def test_systemd_restarts_one_unit():
    backend = SystemdBackend(SystemdStep(backend="systemd", unit="backup.service", **TARGETS), "piha", "web", 1000)

    assert backend.describe(order()) == "systemctl restart -- backup.service"


def test_the_helper_gets_names_and_numbers_alone():
    backend = HelperBackend(HelperStep(backend="helper", host="piha", **TARGETS), "piha", "web", 1000)

    assert backend.describe(order()).endswith(f"-- piha supervisor-act run restart web {'a' * 64} 7")
    assert "StrictHostKeyChecking=yes" in backend.describe(order())


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        pytest.param({"Running": False}, Preflight.OK, id="dead"),
        pytest.param({"Running": True, "StartedAt": NOON - timedelta(hours=1)}, Preflight.OK, id="runs, and no check"),
        pytest.param({"Running": True, "Health": {"Status": "healthy"}}, Preflight.ALREADY_HEALTHY, id="healthy"),
        pytest.param({"Running": True, "Health": {"Status": "unhealthy"}}, Preflight.OK, id="unhealthy"),
        pytest.param({"Running": True, "Health": {"Status": "starting"}}, Preflight.STARTING, id="starting"),
        pytest.param({"Running": True, "StartedAt": NOON + timedelta(seconds=1)}, Preflight.CHANGED_SINCE, id="newer"),
    ],
)
def test_a_containers_state_decides_on_the_start(said, answer):
    stated = {**said, "StartedAt": f"{said.get('StartedAt', NOON):%Y-%m-%dT%H:%M:%S}.123456789Z"}

    assert judge_state(json.dumps(stated).encode(), order(world_at=NOON + timedelta(milliseconds=500))) is answer


def test_a_state_that_cannot_be_read_starts_nothing():
    assert judge_state(b"what?", order()) is Preflight.UNREACHABLE


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"LoadState": "not-found"}, Preflight.NOT_FOUND),
        ({"ActiveState": "activating"}, Preflight.STARTING),
        ({"ActiveState": "failed"}, Preflight.OK),
        ({"ActiveState": "active", "ActiveEnterTimestamp": f"@{int(NOON.timestamp()) + 1}"}, Preflight.CHANGED_SINCE),
        ({"ActiveState": "active", "ActiveEnterTimestamp": f"@{int(NOON.timestamp()) - 1}"}, Preflight.OK),
    ],
)
def test_a_units_state_decides_on_the_start(said, answer):
    assert judge_unit(said, order()) is answer


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?", Result.NO_EFFECT),
        ("Host key verification failed.", Result.NO_EFFECT),
        ("ssh: connect to host piha port 22: Connection refused", Result.NO_EFFECT),
        ("error during connect: Post: unexpected EOF", Result.LOST),
        ("Timeout, server piha not responding.", Result.LOST),
        ("Failed to restart web.service: Connection timed out", Result.LOST),
        ("Post http://piha/containers/web/restart: context deadline exceeded", Result.LOST),
        ("ssh: connect to host piha port 22: Connection timed out", Result.NO_EFFECT),
        ("Job for web.service failed because a timeout was exceeded.", Result.FAILED),
        ("kex_exchange_identification: Connection closed by remote host", Result.NO_EFFECT),
        ("Failed to restart web.service: Access denied", Result.NO_EFFECT),
        ("error during connect: Get: tls: failed to verify certificate: x509: unknown", Result.NO_EFFECT),
        (" web Pulling\nError response from daemon: dial tcp 10.0.0.9:443: connect: connection refused", Result.FAILED),
        (" Container app-web-1  Recreate\nCannot connect to the Docker daemon at unix:///x.", Result.LOST),
        ("app: connection refused", Result.FAILED),
        ("Error response from daemon: no such container", Result.FAILED),
    ],
)
def test_only_what_says_so_provably_sent_nothing(said, result):
    assert read_result(Finished(How.ENDED, 1, said.encode())) is result


@pytest.mark.parametrize(
    ("code", "said", "result"),
    [
        (0, b"", Result.DONE),
        (1, b"", Result.FAILED),
        (21, b"", Result.NO_EFFECT),
        (23, b"", Result.LOST),
        (255, b"Host key verification failed.", Result.NO_EFFECT),
        (255, b"client_loop: send disconnect: Broken pipe", Result.LOST),
        (255, b"", Result.LOST),
    ],
)
def test_a_session_that_broke_off_is_lost(code, said, result):
    assert read_helper(Finished(How.ENDED, code, said)) is result


class Listener(http.server.BaseHTTPRequestHandler):
    status = 200
    seen: ClassVar[dict[str, object]] = {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        Listener.seen = {"body": body, **{name.lower(): value for name, value in self.headers.items()}}
        self.send_response(self.status)
        self.send_header("location", "http://127.0.0.1:1/")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def listener():
    server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/act"
    server.shutdown()
    server.server_close()


def webhook(url):
    return WebhookBackend(WebhookStep(backend="webhook", url=url, secret="KEY", **TARGETS), "k", 1000)


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, Result.DONE), (204, Result.DONE), (302, Result.FAILED), (404, Result.FAILED), (503, Result.LOST)],
)
def test_a_webhooks_status_is_its_result(listener, status, result, monkeypatch):
    monkeypatch.setattr(Listener, "status", status)

    assert webhook(listener).run(order(), lambda: False).result is result


def test_a_webhook_is_signed_and_names_the_intent(listener):
    import hmac

    webhook(listener).run(order(), lambda: False)
    signature = hmac.digest(b"k", Listener.seen["body"], "sha256").hex()

    assert Listener.seen["x-supervisor-signature"] == f"sha256={signature}"
    assert Listener.seen["idempotency-key"] == "a" * 64
    assert json.loads(Listener.seen["body"])["verb"] == "restart"


@pytest.mark.parametrize(
    ("is_stopped", "result"), [(lambda: False, Result.LOST), (lambda: True, Result.ABORTED)], ids=["in time", "aborted"]
)
def test_a_webhook_that_answers_for_ever_is_waited_for_no_longer_than_the_order_lasts(
    listener, monkeypatch, is_stopped, result
):
    def dribble(handler):
        with suppress(OSError):
            while True:
                handler.wfile.write(b"H")
                time.sleep(0.05)

    monkeypatch.setattr(Listener, "do_POST", dribble)
    begun = time.monotonic()

    assert webhook(listener).run(order(timeout_s=0.5), is_stopped).result is result
    assert time.monotonic() - begun < 4


def test_what_was_done_is_not_undone_by_what_could_not_be_sent_after_it(monkeypatch):
    said = iter([Finished(How.ENDED, 0, b"web\n"), Finished(How.NOT_STARTED, None, b"", "gone")])
    monkeypatch.setattr(engine, "call", lambda *_, **__: next(said))
    step = DockerStep.model_validate({**TARGETS, "backend": "docker", "with": ("sidecar",)})

    assert DockerBackend(step, "piha", "web", 1000).run(order(), lambda: False).result is Result.FAILED


def test_a_webhook_that_nobody_listens_to_sent_nothing():
    assert webhook("http://127.0.0.1:9/").run(order(), lambda: False).result is Result.NO_EFFECT


def test_a_webhook_without_its_key_starts_nothing():
    step = WebhookStep(backend="webhook", url="https://x/", secret="KEY", **TARGETS)

    assert WebhookBackend(step, None, 1000).preflight(order()) is Preflight.UNREACHABLE
