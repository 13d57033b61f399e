"""What the backends share that call a program of this machine: where it is found, its environment, its answers."""

import os
import pwd
import re
import shutil
from collections.abc import Sequence

from flows.executor.order import IsStopped, Preflight, Ran
from flows.executor.runner import Finished, How, never, run_command
from schemas.ledger_words import Result

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOOK_S = 30.0
_FLAGS = re.IGNORECASE | re.MULTILINE
_NO_CONNECTION = re.compile(
    r"cannot connect to (the docker daemon|podman)|permission denied while trying to connect|dial (unix|tcp) \S+ (connect: |i/o)"
    r"|ssh: (connect to host|could not resolve hostname)|host key verification failed|permission denied \((publickey|password)"
    r"|kex_exchange_identification|^connection (closed|reset) by \S+ port|error during connect.*(x509|tls): "
    r"|^failed to connect to bus|^sudo: a password|^failed to restart \S+: (access denied|interactive auth)",
    _FLAGS,
)
"""What docker, ssh and systemctl say where no connection came to be, or no right."""
_BARRED = re.compile(
    r"host key verification failed|permission denied \((publickey|password)|permission denied while trying to connect"
    r"|error during connect.*(x509|tls): ",
    _FLAGS,
)
"""And of those, what stays so until somebody changes something."""
_ANSWERED = re.compile(r"error response from daemon", _FLAGS)
"""And where one did: what the engine itself could not reach (a registry) is its answer."""
_BEGUN = re.compile(r"^\s*(container|network|volume) \S+\s+\S+|^\s*\S+ pull(ing|ed)", _FLAGS)
"""What compose says of its steps: with one of them something was sent."""
_BROKEN_OFF = re.compile(
    r"error during connect|broken pipe|unexpected eof|connection reset|connection to .* closed|client_loop"
    r"|server \S+ not responding|context deadline exceeded|request canceled|connection timed out|timeout was reached",
    _FLAGS,
)
"""And where a connection broke, or nobody answered in time: what was sent by then goes on over there."""


def environment() -> dict[str, str]:
    """Return all that a program gets: where programs are, and the user's own folder, for contexts and keys."""
    home = pwd.getpwuid(os.geteuid()).pw_dir
    return {"PATH": SEARCH, "HOME": home, "LC_ALL": "C.UTF-8", "DOCKER_CLI_HINTS": "false"}


def call(
    argv: Sequence[str], *, timeout_s: float, output_max: int, is_stopped: IsStopped = never, **more: str
) -> Finished:
    """Run a program that is found in the usual folders; with more of an environment."""
    program = shutil.which(argv[0], path=SEARCH)
    if program is None:
        return Finished(How.NOT_STARTED, None, b"", f"{argv[0]}: there is no such program in {SEARCH}")
    return run_command(
        [program, *argv[1:]],
        environment() | more,
        timeout_s=timeout_s,
        output_max=output_max,
        is_stopped=is_stopped,
    )


def read_result(done: Finished) -> Result:
    """Return what a command line came to; `no_effect` only where it says itself that it reached nobody."""
    if done.how is not How.ENDED:
        ended = {How.NOT_STARTED: Result.NO_EFFECT, How.TIMED_OUT: Result.TIMED_OUT, How.ABORTED: Result.ABORTED}
        return ended[done.how]
    if done.exit_code == 0:
        return Result.DONE
    text = done.output.decode("utf-8", "replace")
    if _ANSWERED.search(text):
        return Result.FAILED
    if _NO_CONNECTION.search(text) and not _BEGUN.search(text):
        return Result.NO_EFFECT
    return Result.LOST if _NO_CONNECTION.search(text) or _BROKEN_OFF.search(text) else Result.FAILED


def judge_silence(done: Finished) -> Preflight:
    """Return what it says to a start that a look came to nothing."""
    is_barred = done.how is How.ENDED and _BARRED.search(done.output.decode("utf-8", "replace"))
    return Preflight.BARRED if is_barred else Preflight.UNREACHABLE


def to_ran(done: Finished) -> Ran:
    """Return it as a backend answers."""
    return Ran(read_result(done), done.exit_code, done.output or done.problem.encode())
