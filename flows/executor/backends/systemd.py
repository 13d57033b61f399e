"""`systemd`: a unit of this machine, which a polkit rule or a line of sudoers lets this user restart, and no other."""

import time
from datetime import UTC, datetime

from flows.executor.backends.command_line import LOOK_S, call, to_ran
from flows.executor.config import SystemdStep
from flows.executor.order import Asked, IsStopped, Order, Preflight, Ran
from flows.executor.runner import How
from schemas.ledger_words import Result
from schemas.verb import Verb

EVIDENCE_AFTER_S = 5.0
_PROPERTIES = "--property=LoadState,ActiveState,ActiveEnterTimestamp"


class SystemdBackend:
    """One unit. A start limit that is hit is a failure: `reset-failed` is never run by itself."""

    def __init__(self, step: SystemdStep, node: str, service: str, output_max: int) -> None:
        """Take note of the unit."""
        self._unit = step.fill(step.unit, node, service)
        self._prefix = ["sudo", "-n"] if step.sudo else []
        self._output_max = output_max

    def identify(self) -> object:
        """Return nothing: the settings say it all."""
        return None

    def describe(self, order: Order) -> str:
        """Return the command line."""
        return " ".join(self._words(order.verb))

    def preflight(self, order: Order) -> Preflight:
        """Look at the unit."""
        done = call(
            ["systemctl", "show", "--timestamp=unix", _PROPERTIES, "--", self._unit], timeout_s=LOOK_S, output_max=4096
        )
        if done.how is not How.ENDED or done.exit_code != 0:
            return Preflight.UNREACHABLE
        lines = done.output.decode("utf-8", "replace").splitlines()
        return judge_unit(dict(line.split("=", 1) for line in lines if "=" in line), order)

    def run(self, order: Order, is_stopped: IsStopped) -> Ran:
        """Restart the unit, and add what it says of itself five seconds later; or read its state and its journal."""
        words = self._words(order.verb)
        ran = to_ran(call(words, timeout_s=order.timeout_s, output_max=self._output_max, is_stopped=is_stopped))
        if order.verb is Verb.DIAGNOSTICS:
            journal = ["journalctl", "--no-pager", "-n", "200", "-u", self._unit]
            log = call(journal, timeout_s=LOOK_S, output_max=self._output_max)
            # `status` says with its exit code how the unit is, which is no failure of looking.
            result = Result.DONE if ran.exit_code in {0, 3} else ran.result
            return Ran(result, ran.exit_code, (ran.output + log.output)[-self._output_max :])
        if ran.result is Result.DONE:
            time.sleep(EVIDENCE_AFTER_S)
            active = call(["systemctl", "is-active", "--", self._unit], timeout_s=LOOK_S, output_max=4096)
            ran = Ran(ran.result, ran.exit_code, ran.output + b"after 5 s: " + active.output)
        return ran

    def ask(self, order: Order) -> Asked:
        """Return that systemd remembers no intents."""
        return Asked.UNKNOWN

    def _words(self, verb: Verb) -> list[str]:
        if verb is Verb.DIAGNOSTICS:
            return ["systemctl", "status", "--no-pager", "--full", "--lines", "50", "--", self._unit]
        return [*self._prefix, "systemctl", "restart", "--", self._unit]


def judge_unit(said: dict[str, str], order: Order) -> Preflight:
    """Return what a unit's properties say to a start: that it is active alone does not make it healthy."""
    if said.get("LoadState") == "not-found":
        return Preflight.NOT_FOUND
    if order.verb is Verb.DIAGNOSTICS:
        return Preflight.OK
    if said.get("ActiveState") in {"activating", "reloading"}:
        return Preflight.STARTING
    since = said.get("ActiveEnterTimestamp", "").removeprefix("@")
    is_newer = since.isdigit() and datetime.fromtimestamp(int(since), UTC) > order.world_at
    return Preflight.CHANGED_SINCE if is_newer and said.get("ActiveState") == "active" else Preflight.OK
