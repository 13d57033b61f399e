"""What the backends share that call a program of this machine: where it is found, its environment, its answers."""

import os
import pwd
import re
import shutil
from collections.abc import Sequence

from flows.executor.order import IsStopped, Ran
from flows.executor.runner import Finished, How, never, run_command
from schemas.ledger import Result

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOOK_S = 30.0
_NOTHING_SENT = re.compile(
    r"cannot connect to the docker daemon|connection refused|host key verification failed|no route to host"
    r"|could not resolve hostname|permission denied \(|connect: no such file|permission denied while trying to connect"
    r"|name or service not known",
    re.IGNORECASE,
)
"""What docker and ssh say where no connection came to be."""
_BROKEN_OFF = re.compile(
    r"error during connect|broken pipe|unexpected eof|connection reset|connection to .* closed|client_loop",
    re.IGNORECASE,
)
"""And where one broke: what was sent by then goes on over there."""


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
    if _BROKEN_OFF.search(text) and not _NOTHING_SENT.search(text):
        return Result.LOST
    return Result.NO_EFFECT if _NOTHING_SENT.search(text) else Result.FAILED


def to_ran(done: Finished) -> Ran:
    """Return it as a backend answers."""
    return Ran(read_result(done), done.exit_code, done.output or done.problem.encode())
