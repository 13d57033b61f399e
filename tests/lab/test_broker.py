"""A real MQTT broker: it answers, wants a user, hangs, or is no broker (OBSERVER 6, row 63)."""

import asyncio
import os
import signal
import subprocess
from contextlib import contextmanager

import pytest

from flows.engines import probes
from flows.engines.probes import ProbePlan, probe
from tests.lab.node import is_served, until

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("lab")]
PORT = 18_830


@contextmanager
def mosquitto(tmp_path, **options):
    config = tmp_path / "mosquitto.conf"
    told = {"listener": f"{PORT} 127.0.0.1", "user": "root", "persistence": "false"} | options
    config.write_text("".join(f"{key} {value}\n" for key, value in told.items()))
    broker = subprocess.Popen(["mosquitto", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: is_served("127.0.0.1", PORT), 5, "mosquitto")
        yield broker
    finally:
        os.kill(broker.pid, signal.SIGCONT)
        broker.kill()
        broker.wait()


def asked(scheme="mqtt"):
    return asyncio.run(probe(ProbePlan("broker", f"{scheme}://127.0.0.1:{PORT}")))


def test_a_broker_that_lets_everybody_in_is_answered(tmp_path):
    with mosquitto(tmp_path, allow_anonymous="true"):
        found = asked()

    assert (found.is_ok, found.detail) == (True, None)


def test_a_broker_that_wants_a_user_answers_and_says_so(tmp_path):
    with mosquitto(tmp_path, allow_anonymous="false"):
        found = asked()

    assert (found.is_ok, found.detail) == (True, "answers, and wants a user")


def test_a_hung_broker_is_a_timeout_where_its_port_looks_open(tmp_path, monkeypatch):
    monkeypatch.setattr(probes, "MQTT_S", 0.5)
    with mosquitto(tmp_path, allow_anonymous="true") as broker:
        os.kill(broker.pid, signal.SIGSTOP)
        found, by_tcp = asked(), asked("tcp")

    assert (found.is_ok, found.detail, by_tcp.is_ok) == (False, "the broker accepts, and does not answer", True)


def test_a_broker_that_is_gone_is_not_answered():
    assert asked().detail == "no broker answers there"
