"""The helper on a node: strict lines, its own list, once for each intent, no lower fence."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HELPER = Path(__file__).parents[2] / "examples" / "helper" / "supervisor-act"
INTENT = "a" * 64


@pytest.fixture
def node(tmp_path):
    (tmp_path / "state").mkdir()
    count = tmp_path / "count"
    config = {
        "state": str(tmp_path / "state"),
        "services": ["web", "gone", "slow"],
        "run": {
            "restart": ["sh", "-c", f'echo did {{service}}; echo x >> {count}; [ "{{service}}" = web ]'],
            "cleanup": ["/nowhere"],
            "redeploy": ["sh", "-c", "echo began; sleep 60; echo {service}"],
        },
        "timeout": 1,
        "preflight": {"restart": ["sh", "-c", "exit 14"]},
    }
    (tmp_path / "act.json").write_text(json.dumps(config))

    def call(line):
        environment = {
            "SSH_ORIGINAL_COMMAND": line,
            "SUPERVISOR_ACT_CONFIG": str(tmp_path / "act.json"),
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run([sys.executable, HELPER], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    call.count = lambda: count.read_text().count("x") if count.exists() else 0
    return call


def line(operation="run", verb="restart", service="web", intent=INTENT, fence="7"):
    return f"supervisor-act {operation} {verb} {service} {intent} {fence}"


def test_it_does_what_its_list_allows(node):
    assert node(line()) == (0, "did web\n")
    assert node(line(service="gone", intent="b" * 64)) == (1, "did gone\n")


def test_the_same_intent_twice_is_the_recorded_answer(node):
    assert node(line()) == node(line()) == (0, "did web\n")
    assert node.count() == 1


def test_a_lower_fence_is_refused(node):
    node(line(fence="7"))

    assert node(line(intent="b" * 64, fence="6"))[0] == 21
    assert node(line(intent="c" * 64, fence="7"))[0] == 0
    assert node.count() == 2


def test_what_is_not_on_the_list_is_refused(node):
    assert node(line(service="db"))[0] == 22
    assert node(line(verb="failover"))[0] == 22
    assert node(line("preflight", service="db"))[0] == 12
    assert node.count() == 0


def test_it_tells_what_became_of_an_intent(node):
    assert node(line("ask"))[0] == 30
    node(line())
    node(line(service="gone", intent="b" * 64))
    assert (node(line("ask"))[0], node(line("ask", intent="b" * 64))[0]) == (32, 33)


def test_what_was_begun_and_never_ended_is_told_and_not_done_again(node, tmp_path):
    note = {"fence": 7, "argv": [], "exit_code": None, "output": ""}
    (tmp_path / "state" / f"{INTENT}.json").write_text(json.dumps(note))

    assert node(line("ask"))[0] == 31
    assert node(line())[0] == 23
    assert node.count() == 0


def test_a_program_that_is_not_there_sent_nothing(node):
    assert node(line(verb="cleanup"))[0] == 20
    assert node(line("ask"))[0] == 30


def test_what_takes_too_long_is_ended_and_no_failure(node):
    begun = time.monotonic()

    assert node(line(verb="redeploy", service="slow")) == (23, "began\n")
    assert node(line("ask"))[0] == 31
    assert time.monotonic() - begun < 20


def test_it_looks_before(node):
    assert node(line("preflight"))[0] == 14


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sh -c reboot",
        line() + "; reboot",
        line(service="a;reboot"),
        line(service="-rf"),
        line(service="$(x)"),
        line(service="Web"),
        line(service="../web"),
        line(intent="a" * 63),
        line(fence="0"),
        line(fence="-1"),
        line(verb="rm"),
        line() + "\nreboot",
        line() + " ",
        "\n" + line(),
    ],
)
def test_no_other_line_does_anything(node, text):
    assert node(text)[0] == 64
    assert node.count() == 0
