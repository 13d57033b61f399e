"""Doing: the page types the operator's own command, so that it can do no more, and is known by its user as everybody is."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.setting_sources import PREFIX
from flows.settings import Settings

TIMEOUT_S = 60.0
MOST_TEXT = 4000
PLACES = ("inventory", "world", "checkpoint", "state_dir")
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "XDG_STATE_HOME", "USER", "LOGNAME", "NODE_ALIAS_MAP")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    text: str
    """What it printed, for the person who asked."""


@dataclass(frozen=True)
class Operator:
    """Runs `supervisor` with the page's own settings, as the page's user."""

    config: Path | None
    environment: Mapping[str, str]
    """Where the page's files are, however it was told: the environment goes before the settings file."""

    async def run(self, words: Sequence[str], about: str | None = None) -> Done:
        """Run one command about something; what comes from a form is an argument of its own, never a part of a line."""
        config = ["--config", str(self.config)] if self.config else []
        end = [] if about is None else ["--", about]
        command = [sys.executable, "-P", "-c", "from flows.cli import main; main()", *words, *config, *end]
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=self.environment
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return Done(1, "it took too long, and was ended")
        text = (out + err).decode("utf-8", "replace").strip()
        return Done(process.returncode or 0, text[-MOST_TEXT:])


def make_operator(settings: Settings, config: Path | None) -> Operator:
    """Return what runs the commands: with the variables that they need, ours, and where the page's files are."""
    ours = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    places = {f"{PREFIX}{name.upper()}": str(getattr(settings, name).absolute()) for name in PLACES}
    return Operator(config, {**kept, **ours, **places})
