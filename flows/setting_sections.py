"""The sections of the settings, and what their values may be written as."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from flows.setting_sources import ETC, POLICY_NAME, unquote_aliases
from schemas.limits import KIB
from schemas.numbers import Numbers
from schemas.rules import Count, Duration, refuse_truth, split_words
from schemas.setting import STRICT, Bound, Read, setting, settings_of


def _expand(path: object) -> object:
    return Path(path).expanduser() if isinstance(path, str | Path) else path


def _of_all_nodes(commands: object) -> object:
    """Return the commands of an action by node; one alone is for all nodes."""
    return {"*": commands} if isinstance(commands, str) else commands


UserPath = Annotated[Path, Read(_expand)]
PositiveDuration = Annotated[Duration, Bound(gt=timedelta(0))]
Owners = Annotated[list[Annotated[int, Read(refuse_truth)]], Read(split_words)]
Texts = Annotated[list[str], Read(split_words)]
CommandsByNode = Annotated[dict[str, str], Read(_of_all_nodes)]
AliasMap = Annotated[dict[str, str], Read(unquote_aliases)]


class ReadAccess(StrEnum):
    """Who may look at the page; nobody acts on it without signing in."""

    LOCAL = "local"
    SIGNED = "signed"
    ANYONE = "anyone"


@dataclass(frozen=True, kw_only=True)
class ActionSettings(Numbers):
    """The section `actions`: the numbers of acting, and where its files are. Nothing of it counts while it is off."""

    policy: UserPath = setting(Path(POLICY_NAME), "what may be done; default: beside the settings")
    actions_dir: UserPath | None = setting(None, "journals and files of actions; default: in state_dir")
    executor_config: UserPath = setting(ETC / "executor.yaml", "what the executor can do")
    operators: UserPath = setting(ETC / "operators.yaml", "who may approve")
    decider_uids: Owners = setting(list, "users whose decisions count; default: this one")
    executor_uids: Owners = setting(list, "users whose starts count; default: this one")
    output_max: Count = setting(64 * KIB, "bytes of an action's output that are kept")
    output_keep: PositiveDuration = setting(timedelta(days=30), "for so long")
    projection_keep: PositiveDuration = setting(timedelta(days=7), "files of ended actions are kept so long")
    platform_words: bool = setting(
        False, "events say remediation_started and remediation_completed, as the platform does"
    )
    clock: UserPath | None = setting(None, "for tests: a file with the moment that is taken for now")

    def numbers(self) -> Numbers:
        """Return what a decision depends on, alone."""
        return Numbers(**{name: getattr(self, name) for name in settings_of(Numbers)})


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """The section `web`: where the page is, and who may see it."""

    __pydantic_config__ = STRICT

    host: str = setting("127.0.0.1", "the address that the page listens on")
    port: Annotated[Count, Bound(le=65535)] = setting(8300, "and its port")
    hosts: Texts = setting(list, "further names that the page is reached under")
    read: ReadAccess = setting(ReadAccess.LOCAL, "who may look: local (all on loopback), signed, anyone")
    proxies: Texts = setting(list, "addresses of proxies whose user header is trusted")
    user_header: str = setting("Remote-User", "the header in which they name who signed in there")
    url: str | None = setting(None, "where the page is reached, for links to it")


@dataclass(frozen=True, kw_only=True)
class Site:
    """Another site, whose own supervisor judges it: where its outputs are seen from here."""

    __pydantic_config__ = STRICT

    state_dir: UserPath
    """Its state folder, or a copy of it."""
    checkpoint: UserPath | None = setting(None, "its checkpoint; else checkpoint.json in that folder or beside it")
    history: str | None = setting(None, "its history, if not in its state folder; s3:// too")
    url: Annotated[str, Bound(pattern="^https?://")] | None = setting(None, "where its own page is")

    @property
    def checkpoint_file(self) -> Path:
        """Return where its checkpoint is looked for."""
        inside, beside = (folder / "checkpoint.json" for folder in (self.state_dir, self.state_dir.parent))
        return self.checkpoint or (beside if beside.exists() and not inside.exists() else inside)

    @property
    def history_root(self) -> Path | str:
        """Return where its history is."""
        return self.history if self.history and "://" in self.history else Path(self.history or self.state_dir)

    def __str__(self) -> str:
        return str(self.state_dir)


def _in_folder(site: object) -> object:
    """Return a site of which its state folder alone is named."""
    return {"state_dir": site} if isinstance(site, str | Path) else site


SiteByFolder = Annotated[Site, Read(_in_folder)]
