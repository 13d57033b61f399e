"""An `executor.yaml` to begin with: what could be done in this inventory; only looking is switched on."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from flows.executor.backends.command_line import call
from flows.executor.runner import How

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_HEAD = """# What the executor may do, and with which commands. What no line offers is never done.
# Switched on is only what looks (diagnostics). Read each line, take its '#' away, and see what it would do with
# 'supervisor act --once --dry-run'; 'supervisor policy check' names the targets that a rule wants and no line offers.
# This file must belong to root or to the executor's user, and nobody else may write to it (chmod 0640).

# self: targets that carry the supervisor itself; they are never touched by themselves.
self: []
# secrets: environment variables (or systemd credentials) that steps get, and that are never shown.
secrets: []
steps:
"""


class Runs(NamedTuple):
    """How a service runs, as far as the inventory says."""

    model: str | None = None
    """Its deployment model."""
    project: str | None = None
    part: str | None = None
    """Its service within that Compose project."""
    container: str | None = None
    unit: str | None = None


class Place(NamedTuple):
    """One node of the inventory, and how its engine is reached, where one answers."""

    node: str
    services: Mapping[str, Runs]
    context: str | None = None
    is_here: bool = False
    """It is this machine."""


class _Hand(NamedTuple):
    """What a line can do, and how."""

    verbs: str
    how: str
    is_at_hand: bool


def propose(places: Iterable[Place]) -> str:
    """Return the text of a file: for each node its lines."""
    return _HEAD + "".join("\n".join([*_lines(place), ""]) for place in places)


def _lines(place: Place) -> Iterable[str]:
    answers = (
        "its engine answers" if place.context else "no engine answered: name its docker context, or ssh://user@host"
    )
    yield f"  # {place.node}: {answers}"
    hands: dict[_Hand, list[str]] = {}
    for name, runs in sorted(place.services.items()):
        hands.setdefault(_choose(place, name, runs), []).append(f"{place.node}/{name}")
    for hand, names in hands.items():
        targets = ", ".join(names)
        mark = "" if hand.is_at_hand else "# "
        yield f"  {mark}- {{targets: [{targets}], verbs: [diagnostics], {hand.how}}}"
        yield f"  # - {{targets: [{targets}], verbs: [{hand.verbs}], {hand.how}}}"


def _choose(place: Place, name: str, runs: Runs) -> _Hand:
    """Return what fits a service; what is only a guess stands in the line to be read."""
    context, is_at_hand = _quote(place.context or place.node), place.context is not None
    if runs.unit:
        return _Hand("restart", f"backend: systemd, unit: {_quote(runs.unit)}", place.is_here)
    if runs.project or "compose" in (runs.model or ""):
        project = runs.project or "{service}"
        service = f", service: {_quote(runs.part)}" if runs.part not in {None, name} else ""
        how = f"context: {context}, project: {_quote(project)}, directory: {_quote(f'/opt/{project}')}{service}"
        return _Hand("restart, redeploy", f"backend: compose, {how}", is_at_hand)
    container = f", name: {_quote(runs.container)}" if runs.container not in {None, name} else ""
    return _Hand("restart", f"backend: docker, context: {context}{container}", is_at_hand)


def _quote(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def find_contexts() -> frozenset[str]:
    """Return the docker contexts of this user whose engines answer; `default` is this machine's."""
    listed = call(["docker", "context", "ls", "--format", "{{.Name}}"], timeout_s=10, output_max=65536)
    names = (
        listed.output.decode("utf-8", "replace").split() if listed.how is How.ENDED and listed.exit_code == 0 else []
    )
    return frozenset(name for name in names if answers(name))


def answers(context: str) -> bool:
    """Return whether an engine answers there: in a docker context, or at an address."""
    where = "--host" if "://" in context else "--context"
    asked = ["docker", where, context, "version", "--format", "{{.Server.Version}}"]
    done = call(asked, timeout_s=10, output_max=4096)
    return done.how is How.ENDED and done.exit_code == 0
