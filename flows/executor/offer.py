"""What the executor offers: for each target and verb the first line that has it, and the hash of what would run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flows.executor.backends.engine import ComposeBackend, DockerBackend
from flows.executor.backends.helper import HelperBackend
from flows.executor.backends.script import ScriptBackend
from flows.executor.backends.systemd import SystemdBackend
from flows.executor.backends.webhook import WebhookBackend
from flows.executor.config import (
    AnyStep,
    ComposeStep,
    DockerStep,
    ExecutorConfig,
    HelperStep,
    ScriptStep,
    SystemdStep,
    WebhookStep,
)
from flows.executor.order import Backend
from flows.executor.redact import SPARE
from schemas.canonical import hash_canonical
from schemas.episode import Target, spell_target
from schemas.executor_record import Capabilities, Offer
from schemas.verb import Verb

DEFAULT_OUTPUT_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Workshop:
    """The allow-list with the secrets that its steps get: what makes backends and offers."""

    config: ExecutorConfig
    secrets: Mapping[str, str]
    output_max: int = DEFAULT_OUTPUT_MAX
    scripts_only: bool = False
    """With a clock for tests, nothing but scripts is started."""

    @property
    def captured_max(self) -> int:
        """More bytes than what is kept, so that a secret cut in two at its beginning is seen whole."""
        return self.output_max + max((len(value.encode()) for value in self.secrets.values()), default=0) + SPARE

    def find(self, verb: Verb, node: str, service: str) -> tuple[AnyStep, Backend] | None:
        """Return the step and the backend for a verb on a target; none where no line offers it."""
        step = self.config.find_step(verb, node, service)
        if step is None or (self.scripts_only and not isinstance(step, ScriptStep)):
            return None
        return step, self._make(step, node, service)

    def _make(self, step: AnyStep, node: str, service: str) -> Backend:
        size = self.captured_max
        match step:
            case DockerStep():
                return DockerBackend(step, node, service, size)
            case ComposeStep():
                return ComposeBackend(step, node, service, size)
            case SystemdStep():
                return SystemdBackend(step, node, service, size)
            case HelperStep():
                return HelperBackend(step, node, service, size)
            case WebhookStep():
                return WebhookBackend(step, self.secrets.get(step.secret), size)
            case ScriptStep():
                listed = {name: self.secrets[name] for name in self.config.secrets if name in self.secrets}
                return ScriptBackend(step, node, service, listed, size)

    def offer(self, verb: Verb, node: str, service: str) -> Offer | None:
        """Return what would be run for a verb on a target; SettingsError where a script is not what it should be."""
        found = self.find(verb, node, service)
        if found is None:
            return None
        step, backend = found
        return Offer(
            verb=verb,
            target=f"{node}/{service}",
            step_hash=hash_step(step, verb, node, service, backend.identify()),
            reports_deployments=step.reports_deployments,
        )

    def offer_all(self, targets: Iterable[Target]) -> Capabilities:
        """Return everything that can be done to desired targets, by target and verb."""
        wanted = sorted(targets)
        offers = (self.offer(verb, *target) for target in wanted for verb in Verb)
        mine = tuple(spell_target(target) for target in wanted if self.config.is_self(*target))
        return Capabilities(offers=tuple(offer for offer in offers if offer is not None), self=mine)


def hash_step(step: AnyStep, verb: Verb, node: str, service: str, identity: object) -> str:
    """Return the hash of what would run: another command, another script or another context has another one."""
    settings = step.model_dump(mode="json", by_alias=True, exclude={"targets", "verbs"})
    filled = {name: _fill(value, step, node, service) for name, value in sorted(settings.items())}
    return hash_canonical(["step/1", str(verb), node, service, filled, identity])  # type: ignore[list-item]


def _fill(value: Any, step: AnyStep, node: str, service: str) -> Any:
    if isinstance(value, str):
        return step.fill(value, node, service)
    return [_fill(item, step, node, service) for item in value] if isinstance(value, list) else value
