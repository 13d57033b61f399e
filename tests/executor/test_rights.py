"""The judge gains no right by acting; the executor in a loop ends when it is told to."""

import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.acting_home import Home
from tests.helpers.program import SUPERVISOR

HERE = Path(__file__).parents[2]
pytestmark = pytest.mark.slow  # processes, some of which are waited for


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    home.configure(start_grace="0s")
    return home


def environment(home):
    return {**os.environ, "SUPERVISOR_CONFIG": str(home.folder / "supervisor.yaml")}


def start(home, *options, **how):
    return subprocess.Popen([*SUPERVISOR, "act", *options], env=environment(home), cwd=HERE, **how)


def wait_for(is_there):
    until = time.monotonic() + 90
    while not is_there() and time.monotonic() < until:
        time.sleep(0.05)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the filter names system calls of x86_64")
def test_the_judge_decides_and_proposes_where_no_program_can_be_started(home):
    home.run("act", "--once")
    home.fall_sick("piha/web")
    codes = []
    for _ in range(3):
        command = [sys.executable, "-m", "tests.helpers.no_execve", "reconcile", "-q"]
        codes.append(subprocess.run(command, env=environment(home), cwd=HERE, check=False).returncode)
        home.pass_time(seconds=60)

    assert codes == [2, 2, 2]
    assert len(home.records("proposed")) == 1


def test_the_executor_works_on_until_it_is_told_to_end(home):
    home.propose()
    executor = start(home, "--watch", stdout=subprocess.PIPE)
    wait_for(lambda: home.records("ended"))
    executor.send_signal(signal.SIGTERM)
    said, _ = executor.communicate(timeout=60)

    assert executor.returncode == 0
    assert b"piha/web  restart  done" in said
    assert len(home.calls()) == 1


def test_an_abort_ends_what_runs(home):
    (home.folder / "hands" / "slow").write_text("60")
    home.propose()
    executor = start(home, "--once")
    wait_for(lambda: home.records("started"))
    begun = time.monotonic()
    assert home.run("halt", "--abort", "--reason", "wrong one").code == 0
    executor.wait(timeout=60)

    assert time.monotonic() - begun < 40
    assert [record["result"] for record in home.records("ended")] == ["aborted"]


def test_an_executor_that_is_killed_is_settled_by_asking_and_by_looking(home):
    (home.folder / "hands" / "slow").write_text("60")
    home.propose()
    executor = start(home, "--once")
    wait_for(home.calls)
    executor.kill()
    executor.wait()
    (home.folder / "hands" / "slow").unlink()
    (home.folder / "hands" / "answers" / "ask").write_text("31")
    home.pass_time(seconds=60)
    for _ in range(4):
        home.run("reconcile", "-q")
        home.run("act", "--once")
        home.pass_time(seconds=60)

    assert [record["result"] for record in home.records("lost")] == ["lost"]
    assert [record["outcome"] for record in home.records("verified")] == ["recovered"]
    assert len(home.calls()) == 1


def test_what_the_backend_never_saw_had_no_effect_and_is_tried_again_later(home):
    home.propose()
    (home.folder / "hands" / "answers" / "ask").write_text("30")
    _start_and_die(home)
    for _ in range(9):
        home.run("reconcile", "-q")
        home.run("act", "--once")
        home.pass_time(seconds=60)

    assert [record["result"] for record in home.records("lost")] == ["no_effect"]
    assert home.records("verified")[0]["outcome"] == "no_effect"
    assert [record["number"] for record in home.records("started")] == [1, 2]
    assert len(home.calls()) == 1


def _start_and_die(home):
    """Write a start down, and end before anything is sent."""
    code = (
        "import os; from flows.executor.backends.script import ScriptBackend as S;"
        " S.run = lambda *_: os._exit(9); from flows.cli import _run; _run(['act', '--once'])"
    )
    subprocess.run([sys.executable, "-c", code], env=environment(home), cwd=HERE, check=False)
    assert len(home.records("started")) == 1


def test_one_command_decides_and_acts_and_says_that_nothing_is_separated(home):
    home.run("act", "--once")
    home.fall_sick("piha/web")
    watch = subprocess.Popen(
        [*SUPERVISOR, "watch", "--act", "-q"],
        env=environment(home),
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + 100
    while not home.records("verified") and time.monotonic() < until:
        home.pass_time(seconds=30)
        time.sleep(3)
    watch.send_signal(signal.SIGTERM)
    said, complained = watch.communicate(timeout=60)

    assert watch.returncode == 0
    assert home.records("verified")[0]["outcome"] == "recovered", (said, complained)
    assert len(home.calls()) == 1
    assert b"nothing is separated" in complained
