"""The systemd backend on a real systemd: restart, the evidence after it, a start limit that is hit, what is not there."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.executor.backends import systemd
from flows.executor.backends.systemd import SystemdBackend
from flows.executor.config import SystemdStep
from flows.executor.order import Order, Preflight
from schemas.ledger_words import Result
from schemas.verb import Verb
from tests.lab.node import until
from tests.lab.systemd import SystemdNode, why_no_systemd

pytestmark = pytest.mark.engine
SLEEP = "Service.ExecStart=/usr/bin/sleep infinity"


@pytest.fixture(scope="module")
def machine(lab):
    if reason := why_no_systemd():
        pytest.skip(reason)
    with SystemdNode(8) as machine:
        yield machine


@pytest.fixture
def backend(machine, monkeypatch):
    """The backend works on its own machine: here its commands are run on that one."""
    call = systemd.call
    monkeypatch.setattr(systemd, "call", lambda words, **rest: call(machine.command(*words), **rest))
    monkeypatch.setattr(systemd, "EVIDENCE_AFTER_S", 0.5)

    def make(unit):
        step = SystemdStep(backend="systemd", targets=("*/*",), verbs=("restart", "diagnostics"), unit=unit)
        return SystemdBackend(step, "node8", unit, 10_000)

    return make


def order(verb=Verb.RESTART, age=timedelta(minutes=-1)):
    return Order(verb=verb, node="node8", service="web", intent_id="a" * 64, fence=1, number=1, timeout_s=30,
                 world_at=datetime.now(UTC) - age)  # fmt: skip


def never():
    return False


def test_a_unit_that_died_is_restarted_and_says_that_it_is_active(machine, backend):
    machine.unit("web.service", SLEEP)
    machine.systemctl("kill", "-s", "KILL", "web.service")
    until(lambda: machine.systemctl("is-active", "web") == "failed", 10)
    web = backend("web.service")

    assert web.preflight(order()) is Preflight.OK
    ran = web.run(order(), never)
    assert ran.result is Result.DONE, ran.output
    assert ran.output.endswith(b"after 5 s: active\n")
    assert web.preflight(order(age=timedelta(minutes=5))) is Preflight.CHANGED_SINCE


def test_a_unit_whose_start_fails_has_failed_and_its_limit_is_left_alone(machine, backend):
    limit = "Unit.StartLimitBurst=2; Unit.StartLimitIntervalSec=300; Service.Type=oneshot"
    machine.unit("loop.service", f"{limit}; Service.ExecStart=/run/fails", is_started=False)
    machine.sh("printf '#!/bin/sh\\necho x >>/run/starts; exit 1\\n' >/run/fails; chmod +x /run/fails")
    loop = backend("loop.service")

    results = [loop.run(order(), never).result for _ in range(4)]
    assert set(results) == {Result.FAILED}
    machine.sh("test $(wc -l </run/starts) = 2")  # the limit was hit, and never reset


def test_what_is_not_there_is_not_found(backend):
    assert backend("nobody.service").preflight(order()) is Preflight.NOT_FOUND
    assert backend("nobody.service").run(order(), never).result is Result.FAILED


def test_a_simple_unit_that_ends_at_once_exits_well_and_its_evidence_says_otherwise(machine, backend):
    machine.unit("short.service", "Service.ExecStart=/usr/bin/false", is_started=False)
    ran = backend("short.service").run(order(), never)

    assert ran.result is Result.DONE  # systemctl says so of a dead service; what is seen next decides
    assert ran.output.endswith(b"after 5 s: failed\n")


def test_diagnostics_show_state_and_journal(machine, backend):
    machine.unit("web.service", SLEEP)
    machine.systemctl("restart", "web")
    ran = backend("web.service").run(order(Verb.DIAGNOSTICS), never)

    assert ran.result is Result.DONE
    assert b"Active: active (running)" in ran.output
