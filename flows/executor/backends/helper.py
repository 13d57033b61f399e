"""`helper`: a forced command on the node, through ssh; its own allow-list decides there what is done."""

from flows.executor.backends.command_line import LOOK_S, call, judge_silence, read_result
from flows.executor.config import HelperStep
from flows.executor.order import Asked, IsStopped, Order, Preflight, Ran
from flows.executor.runner import Finished, How
from schemas.ledger_words import Result

_SSH_FAILED = 255
_PREFLIGHT = {
    0: Preflight.OK,
    10: Preflight.ALREADY_HEALTHY,
    11: Preflight.CHANGED_SINCE,
    12: Preflight.NOT_FOUND,
    13: Preflight.AMBIGUOUS,
    14: Preflight.STARTING,
}
_ASKED = {30: Asked.NEVER_SEEN, 31: Asked.BEGUN, 32: Asked.DONE, 33: Asked.FAILED}
_NOTHING_DONE = frozenset({20, 21, 22})
"""What the helper answers where it refused: nothing to do, a lower fence, not on its list."""
_UNKNOWN = 23
"""And where it cannot tell: what it began took too long for it, or never ended."""


class HelperBackend:
    """The helper of one node."""

    def __init__(self, step: HelperStep, node: str, service: str, output_max: int) -> None:
        """Take note of the node."""
        self._step = step
        self._host = step.fill(step.host, node, service)
        self._output_max = output_max

    def identify(self) -> object:
        """Return nothing: the settings say it all; what the node does is the node's."""
        return None

    def describe(self, order: Order) -> str:
        """Return the command line."""
        return " ".join(self._argv("run", order))

    def preflight(self, order: Order) -> Preflight:
        """Let the helper look."""
        done = self._call("preflight", order, LOOK_S)
        if done.exit_code == _SSH_FAILED:
            return judge_silence(done)
        return _PREFLIGHT.get(-1 if done.exit_code is None else done.exit_code, Preflight.UNREACHABLE)

    def run(self, order: Order, is_stopped: IsStopped) -> Ran:
        """Let the helper do it. A session that broke off is lost: over there it goes on."""
        done = self._call("run", order, order.timeout_s, is_stopped)
        return Ran(_read(done), done.exit_code, done.output or done.problem.encode())

    def ask(self, order: Order) -> Asked:
        """Ask the helper, which keeps what became of each intent."""
        done = self._call("ask", order, LOOK_S)
        return _ASKED.get(-1 if done.exit_code is None else done.exit_code, Asked.UNKNOWN)

    def _argv(self, operation: str, order: Order) -> list[str]:
        step = self._step
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": step.known_hosts,
            "ConnectTimeout": "10",
            "ServerAliveInterval": "5",
            "ServerAliveCountMax": "3",
            "IdentitiesOnly": "yes",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        key = ["-i", step.identity] if step.identity else []
        command = ["supervisor-act", operation, str(order.verb), order.service, order.intent_id, str(order.fence)]
        return ["ssh", "-T", *words, *key, "-p", str(step.port), "-l", step.user, "--", self._host, *command]

    def _call(self, operation: str, order: Order, timeout_s: float, is_stopped: IsStopped = lambda: False) -> Finished:
        return call(
            self._argv(operation, order), timeout_s=timeout_s, output_max=self._output_max, is_stopped=is_stopped
        )


def _read(done: Finished) -> Result:
    if done.how is How.ENDED and done.exit_code == _UNKNOWN:
        return Result.LOST
    if done.how is How.ENDED and done.exit_code in _NOTHING_DONE:
        return Result.NO_EFFECT
    if done.how is How.ENDED and done.exit_code not in {0, _SSH_FAILED}:
        return Result.FAILED
    result = read_result(done)
    # Of ssh itself: only where it says that no session came to be is it sure that nothing was sent.
    return Result.LOST if result is Result.FAILED else result
