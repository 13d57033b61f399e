"""The executor's backends on real engines."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.executor.backends.engine import ComposeBackend, DockerBackend
from flows.executor.config import ComposeStep, DockerStep
from flows.executor.order import Order, Preflight
from schemas.ledger_words import Result
from schemas.verb import Verb
from tests.lab.node import until

pytestmark = pytest.mark.engine
OUTPUT = 100_000


def order(verb=Verb.RESTART, timeout_s=60.0):
    at = datetime.now(UTC) + timedelta(minutes=1)
    return Order(
        verb=verb, node="node1", service="web", intent_id="a" * 64, fence=1, number=1, world_at=at, timeout_s=timeout_s
    )


def docker(node, name="app-web-1", **rest):
    step = DockerStep(
        backend="docker",
        targets=("*/*",),
        verbs=("restart", "diagnostics"),
        context=f"ssh://root@{node.name}",
        name=name,
        **rest,
    )
    return DockerBackend(step, node.name, "web", OUTPUT)


def never():
    return False


def test_a_container_that_was_killed_is_restarted(node):
    node.run("web")
    node.api("POST", "/containers/app-web-1/kill")
    until(lambda: not node.state("app-web-1")["Running"], 10)
    backend = docker(node)

    assert backend.preflight(order()) is Preflight.OK
    assert backend.run(order(), never).result is Result.DONE
    assert node.state("app-web-1")["Running"]


def test_what_is_not_there_is_not_found_and_fails(node):
    backend = docker(node, name="nobody")

    assert backend.preflight(order()) is Preflight.NOT_FOUND
    assert backend.run(order(), never).result is Result.FAILED
    assert backend.preflight(order(Verb.DIAGNOSTICS)) is Preflight.OK
    assert backend.run(order(Verb.DIAGNOSTICS), never).result is Result.FAILED


def test_what_started_since_is_left_alone(node):
    node.run("web")
    late = Order(verb=Verb.RESTART, node="node1", service="web", intent_id="a" * 64, fence=1, number=1, timeout_s=60,
                 world_at=datetime.now(UTC) - timedelta(minutes=5))  # fmt: skip

    assert docker(node).preflight(late) is Preflight.CHANGED_SINCE


def test_diagnostics_show_state_and_log_and_no_environment(node):
    node.run("web")
    ran = docker(node).run(order(Verb.DIAGNOSTICS), never)

    assert ran.result is Result.DONE
    assert b'"Running":true' in ran.output
    assert b"PATH=" not in ran.output


def test_a_node_that_was_cut_had_no_effect_or_ran_out_of_time(node):
    node.run("web")
    node.cut()
    ran = docker(node).run(order(timeout_s=5), never)
    node.heal()

    assert ran.result in {Result.NO_EFFECT, Result.TIMED_OUT}


def test_a_hung_engine_runs_out_of_time_and_is_never_failed(node):
    node.run("web")
    node.hang_engine()
    try:
        assert docker(node).run(order(timeout_s=5), never).result is Result.TIMED_OUT
    finally:
        node.unhang_engine()


def test_a_changed_host_key_provably_sent_nothing(lab, node):
    from tests.lab.places import STATE

    node.run("web")
    other = lab["node2"].host_key
    (STATE / "known_hosts").write_text("".join(f"{one.name},{one.ip} {other}" for one in lab))
    try:
        assert docker(node).run(order(), never).result is Result.NO_EFFECT
    finally:
        lab.trust()


def test_compose_makes_a_service_anew_and_leaves_its_dependency_alone(node, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "compose.yaml").write_text(
        "services:\n"
        "  db: {image: 'lab:1', command: sleep 1000, init: true}\n"
        "  web: {image: 'lab:1', command: sleep 1000, init: true, depends_on: [db]}\n"
    )
    step = ComposeStep(
        backend="compose",
        targets=("*/*",),
        verbs=("redeploy", "restart"),
        context=f"ssh://root@{node.name}",
        project="app",
        directory=str(tmp_path),
    )
    backend = ComposeBackend(step, node.name, "web", OUTPUT)
    everything = ComposeBackend(step.model_copy(update={"service": "db"}), node.name, "db", OUTPUT)
    assert everything.run(order(Verb.REDEPLOY), never).result is Result.DONE
    before = node.state("app-db-1")["StartedAt"]

    assert backend.preflight(order()) is Preflight.OK
    made = backend.run(order(), never)  # it has no container: restarting makes it
    assert made.result is Result.DONE, made.output
    first = node.api("GET", "/containers/app-web-1/json")["Id"]
    ran = backend.run(order(Verb.REDEPLOY), never)
    assert ran.result is Result.DONE, ran.output
    assert node.state("app-web-1")["Running"]
    assert node.api("GET", "/containers/app-web-1/json")["Id"] != first
    assert backend.run(order(Verb.RESTART), never).result is Result.DONE
    assert node.state("app-db-1")["StartedAt"] == before
