"""`script`: a program of the operator's own, `PATH OP VERB NODE SERVICE INTENT`."""

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from flows.errors import EmitError, SettingsError
from flows.executor.config import ScriptStep
from flows.executor.order import Asked, IsStopped, Order, Preflight, Ran
from flows.executor.runner import Finished, How, never, run_command
from flows.files.own import open_regular, settle_path
from schemas.canonical import spell_instant, write_canonical
from schemas.ledger_words import Result

MAX_BYTES = 16 * 1024 * 1024
LOOK_S = 30.0
_RESULTS = {0: Result.DONE, 20: Result.NO_EFFECT}
_PREFLIGHT = {
    0: Preflight.OK,
    10: Preflight.ALREADY_HEALTHY,
    11: Preflight.CHANGED_SINCE,
    12: Preflight.NOT_FOUND,
    13: Preflight.AMBIGUOUS,
    14: Preflight.STARTING,
}
_ASKED = {30: Asked.NEVER_SEEN, 31: Asked.BEGUN, 32: Asked.DONE, 33: Asked.FAILED}


class ScriptBackend:
    """A script; its exit codes are its answers."""

    def __init__(self, step: ScriptStep, node: str, service: str, secrets: Mapping[str, str], output_max: int) -> None:
        """Take note of the program."""
        self._step = step
        self._path = Path(step.fill(step.path, node, service))
        self._secrets = secrets
        self._output_max = output_max

    def identify(self) -> object:
        """Return the hash of the program: who approves this one cannot get another."""
        return hash_program(self._path)

    def describe(self, order: Order) -> str:
        """Return the command line."""
        return " ".join(self._argv("run", order))

    def preflight(self, order: Order) -> Preflight:
        """Let the script look, where it can."""
        if not self._step.preflight:
            return Preflight.OK
        done = self._run("preflight", order, min(order.timeout_s, LOOK_S), never)
        return _PREFLIGHT.get(_code(done), Preflight.UNREACHABLE)

    def run(self, order: Order, is_stopped: IsStopped) -> Ran:
        """Run the script."""
        done = self._run("run", order, order.timeout_s, is_stopped)
        return Ran(_read_result(done), done.exit_code, done.output or done.problem.encode())

    def ask(self, order: Order) -> Asked:
        """Ask the script, where it can tell."""
        if not self._step.ask:
            return Asked.UNKNOWN
        return _ASKED.get(_code(self._run("ask", order, LOOK_S, never)), Asked.UNKNOWN)

    def _argv(self, operation: str, order: Order) -> list[str]:
        return [str(self._path), operation, str(order.verb), order.node, order.service, order.intent_id]

    def _run(self, operation: str, order: Order, timeout_s: float, is_stopped: IsStopped) -> Finished:
        environment = {
            "PATH": "/usr/bin:/bin",
            **self._secrets,
            "SUPERVISOR_PARAMS": write_canonical(dict(order.params)),
            "SUPERVISOR_FENCE": str(order.fence),
            "SUPERVISOR_NUMBER": str(order.number),
            "SUPERVISOR_WORLD_AT": spell_instant(order.world_at),
        }
        return run_command(
            self._argv(operation, order),
            environment,
            timeout_s=timeout_s,
            output_max=self._output_max,
            is_stopped=is_stopped,
        )


def hash_program(path: Path) -> str:
    """Return the SHA-256 of a program that only root or this user may write to; SettingsError for any other."""
    owners = frozenset({0, os.geteuid()})
    try:
        fd = open_regular(settle_path(path, owners), os.O_RDONLY, owners)
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such program") from None
    except EmitError as error:
        raise SettingsError(str(error)) from None
    with os.fdopen(fd, "rb") as file:
        mode = os.fstat(fd).st_mode
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise SettingsError(f"{path}: others than its owner can write to it; chmod go-w")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise SettingsError(f"{path}: more than {MAX_BYTES} bytes are no script of a step")
    return hashlib.sha256(data).hexdigest()


def _read_result(done: Finished) -> Result:
    ended = {How.NOT_STARTED: Result.NO_EFFECT, How.TIMED_OUT: Result.TIMED_OUT, How.ABORTED: Result.ABORTED}
    return ended.get(done.how) or _RESULTS.get(_code(done), Result.FAILED)


def _code(done: Finished) -> int:
    return -1 if done.exit_code is None else done.exit_code
