"""`executor.yaml`: what may be done to which targets, and with which commands. What no line offers is never done."""

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator

from flows.errors import SettingsError
from flows.sources.formats.yaml_model import read_owned_model
from schemas.verb import TRAITS, Verb
from schemas.words import ALL

_GLOB = re.compile(r"[a-z0-9*?][a-z0-9._*?-]*/[a-z0-9*?][a-z0-9._*?-]*")
_TEMPLATE = re.compile(r"\{(node|service)\}")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")
_WORD = re.compile(r"[A-Za-z0-9{}][A-Za-z0-9{}._@:-]*")


def _check_glob(text: str) -> str:
    if not _GLOB.fullmatch(text):
        raise ValueError('expected node/service in lower case, with * and ? alone, such as "piha/*"')
    return text


def _check_template(text: str) -> str:
    if "{" in _TEMPLATE.sub("", text) or "}" in _TEMPLATE.sub("", text):
        raise ValueError("only {node} and {service} can be filled in")
    return text


def _check_word(text: str) -> str:
    if not _WORD.fullmatch(_check_template(text)):
        raise ValueError("expected one word of letters, digits and ._@:- that does not begin with a dash")
    return text


def _check_path(path: str) -> str:
    if not Path(_check_template(path)).is_absolute() or ".." in Path(path).parts:
        raise ValueError("expected an absolute path without '..'")
    return path


def _check_variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name) or name in {"PATH", "HOME", "IFS"} or name.startswith(("LD_", "SUPERVISOR_")):
        raise ValueError("expected the name of an environment variable, such as DEPLOY_TOKEN")
    return name


def _check_context(context: str) -> str:
    if "://" not in context:
        return _check_word(context)
    parts = urlsplit(context)
    names = (parts.hostname or "", parts.username or "x")
    is_plain = context.isprintable() and not any(name[:1] in {"", "-"} for name in names)
    if parts.scheme not in {"ssh", "tcp"} or not is_plain or parts.password:
        raise ValueError("expected local, the name of a docker context, ssh://user@host or tcp://host:2376")
    return context


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    is_here = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parts.hostname or parts.username or not (parts.scheme == "https" or (parts.scheme == "http" and is_here)):
        raise ValueError("expected https://host/path (http:// for this machine alone), without a user in it")
    return url


Glob = Annotated[str, AfterValidator(_check_glob)]
Word = Annotated[str, AfterValidator(_check_word)]
AbsolutePath = Annotated[str, AfterValidator(_check_path)]
Variable = Annotated[str, AfterValidator(_check_variable)]
Context = Annotated[str, AfterValidator(_check_context)]
Url = Annotated[str, AfterValidator(_check_url)]


class Step(BaseModel):
    """A line: these verbs on these targets, by one backend."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    targets: tuple[Glob, ...] = Field(min_length=1)
    verbs: tuple[Verb, ...] = Field(min_length=1)
    reports_deployments: StrictBool = False
    """A deployment of this step appears in `deployments.json`, so that it can be verified."""

    def fill(self, text: str, node: str, service: str) -> str:
        """Return a setting with the names of a target in it."""
        return text.replace("{node}", node).replace("{service}", service)


def _only(*verbs: Verb) -> AfterValidator:
    def check(given: tuple[Verb, ...]) -> tuple[Verb, ...]:
        wrong = [verb for verb in given if verb not in verbs]
        if wrong:
            raise ValueError(f"this backend cannot {', '.join(wrong)}; it can {', '.join(verbs)}")
        return given

    return AfterValidator(check)


_LOOKING = (Verb.RESTART, Verb.DIAGNOSTICS)


class EngineStep(Step):
    """What is done through an engine's own command line."""

    context: Context = "local"
    program: Literal["docker", "podman"] = "docker"
    certificates: AbsolutePath | None = None
    """The folder with ca.pem, cert.pem and key.pem of a tcp:// address."""

    @model_validator(mode="after")
    def _demand_tls(self) -> Self:
        if self.context.startswith("tcp://") and self.certificates is None:
            raise ValueError("a tcp:// address needs 'certificates': without TLS anybody on the way is root there")
        return self


class DockerStep(EngineStep):
    """`docker restart`, of a container by its name."""

    backend: Literal["docker"]
    verbs: Annotated[tuple[Verb, ...], _only(*_LOOKING)] = Field(min_length=1)
    name: Word = "{service}"
    with_: tuple[Word, ...] = Field((), alias="with")
    """Containers that share its network: they restart after it, in this order."""


class ComposeStep(EngineStep):
    """`docker compose`, of one service of a project."""

    backend: Literal["compose"]
    verbs: Annotated[tuple[Verb, ...], _only(*_LOOKING, Verb.REDEPLOY)] = Field(min_length=1)
    project: Word
    directory: AbsolutePath
    service: Word = "{service}"


class SystemdStep(Step):
    """`systemctl restart`, of a unit of this machine."""

    backend: Literal["systemd"]
    verbs: Annotated[tuple[Verb, ...], _only(*_LOOKING)] = Field(min_length=1)
    unit: Word
    sudo: StrictBool = False
    """Through `sudo -n`, where a line of sudoers and not polkit allows it."""


class HelperStep(Step):
    """A forced command on the node, through ssh."""

    backend: Literal["helper"]
    host: Word
    user: Word = "supervisor-act"
    port: int = Field(22, ge=1, le=65535)
    identity: AbsolutePath | None = None
    known_hosts: AbsolutePath = "/etc/runtime-supervisor/known_hosts"


class WebhookStep(Step):
    """One POST, signed."""

    backend: Literal["webhook"]
    verbs: Annotated[tuple[Verb, ...], _only(Verb.RESTART, Verb.REDEPLOY, Verb.FAILOVER)] = Field(min_length=1)
    url: Url
    secret: Variable
    """The environment variable that holds the key of the signature."""


class ScriptStep(Step):
    """A program of the operator's own."""

    backend: Literal["script"]
    path: AbsolutePath
    preflight: StrictBool = False
    ask: StrictBool = False


AnyStep = Annotated[
    DockerStep | ComposeStep | SystemdStep | HelperStep | WebhookStep | ScriptStep, Field(discriminator="backend")
]


class ExecutorConfig(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    self_targets: tuple[Glob, ...] = Field((), alias="self")
    """Targets that carry the executor, the journals or the observer."""
    secrets: tuple[Variable, ...] = ()
    steps: tuple[AnyStep, ...] = ()

    def find_step(self, verb: Verb, node: str, service: str) -> AnyStep | None:
        """Return the first line that offers the verb on the target."""
        if TRAITS[verb].is_of_node != (service == ALL):
            return None
        target = f"{node}/{service}"
        fitting = (step for step in self.steps if verb in step.verbs)
        return next((step for step in fitting if any(fnmatchcase(target, glob) for glob in step.targets)), None)

    def is_self(self, node: str, service: str) -> bool:
        """Return whether the target carries a part of the supervisor."""
        return any(fnmatchcase(f"{node}/{service}", glob) for glob in self.self_targets)

    def read_secrets(self, environment: Iterable[tuple[str, str]] | None = None) -> dict[str, str]:
        """Return the values of the secrets that the environment has, or systemd's credentials of that name.

        The key of a webhook is one, whether it is listed or not.
        """
        given = dict(os.environ.items() if environment is None else environment)
        keys = (step.secret for step in self.steps if isinstance(step, WebhookStep))
        names = tuple(dict.fromkeys((*self.secrets, *keys)))
        found = {name: given[name] for name in names if given.get(name)}
        folder = given.get("CREDENTIALS_DIRECTORY")
        for name in names if folder else ():
            path = Path(str(folder)) / name
            if name not in found and path.is_file():
                found[name] = path.read_text().rstrip("\n")
        return found


def read_executor_config(path: Path) -> ExecutorConfig:
    """Return the allow-list; SettingsError with every fault, also where somebody else could have written it."""
    owners = frozenset({0, os.geteuid()})
    try:
        return read_owned_model(path, ExecutorConfig, owners)
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: there is no such file: nothing may be done; 'supervisor act --init' proposes one"
        ) from None
