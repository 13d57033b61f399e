"""`docker` and `compose`: containers, through the engine's own command line."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.executor.backends.command_line import LOOK_S, call, judge_silence, read_result, to_ran
from flows.executor.config import ComposeStep, DockerStep
from flows.executor.order import Asked, IsStopped, Order, Preflight, Ran
from flows.executor.runner import Finished, How
from schemas.ledger_words import Result
from schemas.verb import Verb

_GONE = ("no such", "not found", "no container")
_STATE = "{{json .State}}"
_REPLICAS = (
    Preflight.BARRED,
    Preflight.UNREACHABLE,
    Preflight.NOT_FOUND,
    Preflight.CHANGED_SINCE,
    Preflight.STARTING,
    Preflight.OK,
    Preflight.ALREADY_HEALTHY,
)
"""Of several replicas the first of these counts: one that is not well is reason enough to start, unless one is coming."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine's command line."""

    step: DockerStep | ComposeStep
    output_max: int

    def argv(self, *words: str) -> list[str]:
        """Return a command line of that engine."""
        step = self.step
        if "://" in step.context:
            is_docker = step.program == "docker"
            where = ["--host" if is_docker else "--url", step.context]
            where += ["--tlsverify", "--tlscacert", f"{step.certificates}/ca.pem"] if step.certificates else []
            where += self._key() if step.certificates else []
        elif step.program == "podman":
            where = [] if step.context == "local" else ["--connection", step.context]
        else:
            where = ["--context", "default" if step.context == "local" else step.context]
        return [step.program, *where, *words]

    def _key(self) -> list[str]:
        return ["--tlscert", f"{self.step.certificates}/cert.pem", "--tlskey", f"{self.step.certificates}/key.pem"]

    def look(self, *words: str) -> Finished:
        """Read something of the engine."""
        return call(self.argv(*words), timeout_s=LOOK_S, output_max=256 * 1024)

    def run(self, words: Sequence[str], timeout_s: float, is_stopped: IsStopped) -> Ran:
        """Do something."""
        return to_ran(call(self.argv(*words), timeout_s=timeout_s, output_max=self.output_max, is_stopped=is_stopped))

    def inspect(self, name: str, order: Order) -> Preflight:
        """Look at one container, by its name or id."""
        done = self.look("inspect", "--type", "container", "--format", _STATE, "--", name)
        if done.how is How.ENDED and done.exit_code == 0:
            return judge_state(done.output, order)
        text = done.output.decode("utf-8", "replace").lower()
        is_gone = done.how is How.ENDED and any(word in text for word in _GONE) and read_result(done) is Result.FAILED
        return judge_absence(order) if is_gone else judge_silence(done)


def judge_absence(order: Order) -> Preflight:
    """Return what it says to a start that there is no container: looking is never held up, or nobody would be told."""
    return Preflight.OK if order.verb is Verb.DIAGNOSTICS else Preflight.NOT_FOUND


def judge_state(data: bytes, order: Order) -> Preflight:
    """Return what a container's state says to a start; its own health check counts, that it runs alone does not."""
    try:
        state: dict[str, Any] = json.loads(data.strip().splitlines()[-1])
        health = str((state.get("Health") or {}).get("Status") or "none")
        is_running = state.get("Running") is True
        started_at = _read_instant(str(state.get("StartedAt")))
    except (ValueError, IndexError, AttributeError):
        return Preflight.UNREACHABLE
    if order.verb is Verb.DIAGNOSTICS or not is_running:
        return Preflight.OK
    if health == "starting":
        return Preflight.STARTING
    if started_at is not None and started_at > order.world_at:
        return Preflight.CHANGED_SINCE
    return Preflight.ALREADY_HEALTHY if health == "healthy" else Preflight.OK


def _read_instant(text: str) -> datetime | None:
    """Return an engine's moment, to the microsecond; docker writes nanoseconds."""
    head, dot, rest = text.partition(".")
    digits = rest.rstrip("Z+-:0123456789") == "" and dot
    text = f"{head}.{rest[:6].rstrip('Z')}+00:00" if digits and rest.endswith("Z") else text.replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo and moment.year > 1970 else None


class DockerBackend:
    """One container by its name."""

    def __init__(self, step: DockerStep, node: str, service: str, output_max: int) -> None:
        """Take note of the container."""
        self._engine = Engine(step, output_max)
        self._name = step.fill(step.name, node, service)
        self._with = [step.fill(name, node, service) for name in step.with_]

    def identify(self) -> object:
        """Return nothing: the settings say it all."""
        return None

    def describe(self, order: Order) -> str:
        """Return the command lines."""
        return "; ".join(" ".join(self._engine.argv(*words)) for words in self._words(order.verb))

    def preflight(self, order: Order) -> Preflight:
        """Look at the container."""
        return self._engine.inspect(self._name, order)

    def run(self, order: Order, is_stopped: IsStopped) -> Ran:
        """Restart it, and then what shares its network; or read its state and its log."""
        return run_in_turn(self._engine, self._words(order.verb), order, is_stopped)

    def ask(self, order: Order) -> Asked:
        """Return that an engine remembers no intents."""
        return Asked.UNKNOWN

    def _words(self, verb: Verb) -> list[list[str]]:
        if verb is Verb.DIAGNOSTICS:
            return diagnose(self._name)
        return [["restart", "--time", "30", "--", name] for name in (self._name, *self._with)]


class ComposeBackend:
    """One service of a project; its dependencies are left alone, and no image is ever upgraded."""

    def __init__(self, step: ComposeStep, node: str, service: str, output_max: int) -> None:
        """Take note of the service."""
        self._engine = Engine(step, output_max)
        self._project = step.fill(step.project, node, service)
        self._directory = step.fill(step.directory, node, service)
        self._service = step.fill(step.service, node, service)

    def identify(self) -> object:
        """Return nothing: the settings say it all."""
        return None

    def describe(self, order: Order) -> str:
        """Return the command line."""
        if order.verb is Verb.DIAGNOSTICS:
            return f"the state and the last lines of the log of {self._project}/{self._service}"
        text = " ".join(self._engine.argv(*self._words(order.verb)))
        if order.verb is not Verb.RESTART:
            return text
        return f"{text}; where it has no container: {' '.join(self._engine.argv(*self._words(Verb.RESTART, has_any=False)))}"

    def preflight(self, order: Order) -> Preflight:
        """Look at the service's containers; where there is none, one can be made."""
        found = self._find()
        if isinstance(found, Preflight):
            return found
        return min((self._engine.inspect(name, order) for name in found), key=_REPLICAS.index, default=Preflight.OK)

    def run(self, order: Order, is_stopped: IsStopped) -> Ran:
        """Restart or redeploy the service; or read states and logs."""
        if order.verb is not Verb.DIAGNOSTICS:
            words = self._words(order.verb, has_any=order.verb is not Verb.RESTART or self._find() != [])
            return self._engine.run(words, order.timeout_s, is_stopped)
        found = self._find()
        looks = [look for name in ([] if isinstance(found, Preflight) else found) for look in diagnose(name)]
        return run_in_turn(self._engine, looks or [["ps", "-a"]], order, is_stopped)

    def ask(self, order: Order) -> Asked:
        """Return that an engine remembers no intents."""
        return Asked.UNKNOWN

    def _words(self, verb: Verb, *, has_any: bool = True) -> list[str]:
        """Return the words of a verb; a restart of what has no container makes it, of an image that is there."""
        project = ["compose", "-p", self._project, "--project-directory", self._directory]
        if verb is Verb.RESTART and not has_any:
            make = ["up", "-d", "--no-deps", "--no-recreate", "--no-build", "--pull", "never", "--wait"]
            return [*project, *make, self._service]
        if verb is Verb.RESTART:
            return [*project, "restart", "--no-deps", "--timeout", "30", self._service]
        up = ["up", "-d", "--no-deps", "--force-recreate", "--pull", "missing", "--wait"]
        return [*project, *up, self._service]

    def _find(self) -> list[str] | Preflight:
        """Return the ids of the service's containers; where the engine does not answer, what that says to a start."""
        labels = {"project": self._project, "service": self._service}
        filters = [
            word for key, name in labels.items() for word in ("--filter", f"label=com.docker.compose.{key}={name}")
        ]
        done = self._engine.look("ps", "--all", "--quiet", "--no-trunc", *filters)
        if done.how is not How.ENDED or done.exit_code != 0:
            return judge_silence(done)
        return done.output.decode("ascii", "replace").split()


def diagnose(name: str) -> list[list[str]]:
    """Return what reads a container's state and the end of its log: never its environment, which holds secrets."""
    state = ["inspect", "--type", "container", "--format", _STATE, "--", name]
    return [state, ["logs", "--tail", "200", "--", name]]


def run_in_turn(engine: Engine, commands: Sequence[Sequence[str]], order: Order, is_stopped: IsStopped) -> Ran:
    """Run commands one after the other within the order's time, as long as each is done; the outputs come together."""
    until, output, ran = time.monotonic() + order.timeout_s, b"", Ran(Result.DONE, 0)
    for place, words in enumerate(commands):
        ran = engine.run(words, max(0.0, until - time.monotonic()), is_stopped)
        output += ran.output
        if ran.result is not Result.DONE:
            # That nothing was sent this time does not undo what was done before.
            result = Result.FAILED if place and ran.result is Result.NO_EFFECT else ran.result
            return Ran(result, ran.exit_code, output[-engine.output_max :])
    return Ran(ran.result, ran.exit_code, output[-engine.output_max :])
