"""An `executor.yaml` to begin with: what could be done in this inventory; only looking is switched on."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from flows.executor.backends.command_line import call
from flows.executor.runner import How

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


class Place(NamedTuple):
    """One node of the inventory, and how its engine is reached, where one answers."""

    node: str
    services: Mapping[str, str | None]
    """Each with its deployment model."""
    context: str | None = None


def propose(places: Iterable[Place]) -> str:
    """Return the text of a file: for each node its lines."""
    return _HEAD + "".join("\n".join([*_lines(place), ""]) for place in places)


def _lines(place: Place) -> Iterable[str]:
    answers = "its engine answers" if place.context else "no engine answered: name its docker context"
    context = place.context or place.node
    compose = sorted(name for name, model in place.services.items() if "compose" in (model or ""))
    others = sorted(set(place.services) - set(compose))
    yield f"  # {place.node}: {answers}"
    for names, verbs, rest in (
        (
            compose,
            "restart, redeploy",
            f'backend: compose, context: {context}, project: "{{service}}", directory: "/opt/{{service}}"',
        ),
        (others, "restart", f"backend: docker, context: {context}"),
    ):
        if names:
            targets = ", ".join(f"{place.node}/{name}" for name in names)
            mark = "" if place.context else "# "
            yield f"  {mark}- {{targets: [{targets}], verbs: [diagnostics], {rest}}}"
            yield f"  # - {{targets: [{targets}], verbs: [{verbs}], {rest}}}"


def find_contexts() -> frozenset[str]:
    """Return the docker contexts of this user whose engines answer; `default` is this machine's."""
    listed = call(["docker", "context", "ls", "--format", "{{.Name}}"], timeout_s=10, output_max=65536)
    names = (
        listed.output.decode("utf-8", "replace").split() if listed.how is How.ENDED and listed.exit_code == 0 else []
    )
    return frozenset(name for name in names if _answers(name))


def _answers(context: str) -> bool:
    asked = ["docker", "--context", context, "version", "--format", "{{.Server.Version}}"]
    done = call(asked, timeout_s=10, output_max=4096)
    return done.how is How.ENDED and done.exit_code == 0
