"""One command of a step: its end, its time, its output, its environment."""

import signal
import time

import psutil
import pytest

from flows.executor import runner
from flows.executor.runner import How, run_command


def run(script, *, timeout_s=5.0, **rest):
    return run_command(
        ["/bin/sh", "-c", script], {"PATH": "/usr/bin:/bin"}, timeout_s=timeout_s, output_max=1000, **rest
    )


def is_running(pid):
    """Tell whether a process is there and no zombie (which only waits for somebody to ask), given time to die."""
    for _ in range(100):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return False
        except psutil.NoSuchProcess:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("code", [0, 1, 20, 255])
def test_a_command_ends_with_its_code_and_what_it_printed(code):
    done = run(f"echo out; echo err >&2; exit {code}")

    assert (done.how, done.exit_code, done.output) == (How.ENDED, code, b"out\nerr\n")


def test_what_cannot_be_started_is_told_and_not_raised():
    assert run_command(["/nowhere/at/all"], {}, timeout_s=1, output_max=10).how is How.NOT_STARTED


def test_a_command_sees_nothing_of_our_environment(monkeypatch):
    monkeypatch.setenv("SECRET_OF_OURS", "1")

    assert b"SECRET_OF_OURS" not in run("env").output


def test_the_last_bytes_of_much_output_are_kept():
    done = run("head -c 300000 /dev/zero | tr '\\0' x; echo end")

    assert (len(done.output), done.output[-4:]) == (1000, b"end\n")


def test_time_ends_the_whole_group(tmp_path):
    done = run(f"(sleep 60 & echo $! > {tmp_path}/pid; wait)", timeout_s=0.3)

    assert done.how is How.TIMED_OUT
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_who_does_not_hear_the_first_signal_gets_the_second(monkeypatch):
    monkeypatch.setattr(runner, "GRACE_S", 0.3)
    begun = time.monotonic()
    done = run("trap '' TERM; while :; do sleep 0.1; done", timeout_s=0.2)

    assert done.how is How.TIMED_OUT
    assert time.monotonic() - begun < 3


def test_a_stop_is_looked_at_while_it_runs(monkeypatch):
    monkeypatch.setattr(runner, "LOOK_S", 0.1)
    asked = []
    done = run("sleep 60", is_stopped=lambda: bool(asked.append(1) or len(asked) > 2))

    assert (done.how, done.exit_code) == (How.ABORTED, None)


def test_what_is_left_in_the_background_does_not_hold_us_up():
    begun = time.monotonic()
    done = run("sleep 30 & echo started")

    assert (done.exit_code, done.output) == (0, b"started\n")
    assert time.monotonic() - begun < 5


def test_a_signal_is_no_code_of_a_success():
    assert run("kill -9 $$").exit_code == -signal.SIGKILL
