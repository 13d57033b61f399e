"""Which container is which service (OBSERVER 3)."""

from typing import Any

from tests.observer_oracle.container import Seen
from tests.observer_oracle.words import Json, hit, make_name


def runtime(entry: Json | None) -> Json:
    return (entry or {}).get("runtime") or {}


def own_names(entry: Json | None) -> list[str]:
    """Return the containers that an entry names."""
    entry = entry or {}
    found = [entry.get("container_name"), *(entry.get("containers") or []), runtime(entry).get("container")]
    return [str(name).strip().lower() for name in found if name]


def seconds(text: str | None) -> float | None:
    """Return the seconds of a duration such as 1d."""
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]] if text else None


def is_explicit(entry: Json | None) -> bool:
    """Return whether an entry says itself which containers are its own; nothing is guessed for it then."""
    return bool(own_names(entry) or runtime(entry).get("project"))


def count_absent(entry: Json | None, parts: list[Any]) -> int:
    """Return how many containers that an entry names are not there."""
    there = {part.container.name.lower() for part in parts if part.container}
    return len(set(own_names(entry)) - there)


def attribute(one: Seen, services: dict[str, Any]) -> str | None:
    """Return the service that a container counts for; none where no name can be made."""
    label = one.labels.get("supervisor.service")
    if label:
        hit("3 by label")
        return make_name(label)
    for rule in (_named, _of_part, _of_project):
        found = [name for name, entry in services.items() if rule(one, entry)]
        if found:
            hit(f"3 by {rule.__name__[1:]}")
            return found[0]
    return _guess(one, services) or _unexpected(one)


def _named(one: Seen, entry: Json | None) -> bool:
    return one.name.lower() in own_names(entry)


def _of_part(one: Seen, entry: Json | None) -> bool:
    return _of_project(one, entry, is_part=True)


def _of_project(one: Seen, entry: Json | None, *, is_part: bool = False) -> bool:
    asked = runtime(entry)
    if not asked.get("project") or asked["project"] != one.compose("project"):
        return False
    return asked.get("compose_service") == (one.compose("service") if is_part else None)


def _guess(one: Seen, services: dict[str, Any]) -> str | None:
    tried = {
        "compose service": one.compose("service"),
        "container name": one.name.removeprefix("systemd-"),
        "swarm service": one.labels.get("com.docker.swarm.service.name"),
        "project": one.compose("project"),
    }
    guessed = {name for name, entry in services.items() if not is_explicit(entry)}
    hits = [(how, text.lower()) for how, text in tried.items() if text and text.lower() in guessed]
    if not hits:
        return None
    hit(f"3 guess by {hits[0][0]}")
    if len({name for _, name in hits}) > 1:
        hit("3 a guess with several hits")
        one.notes.add("could be of")
    return hits[0][1]


def _unexpected(one: Seen) -> str | None:
    project, service = one.compose("project"), one.compose("service")
    if project and service:
        hit("3 unexpected, of a project")
        return make_name(service if project == service else f"{project}-{service}")
    hit("3 unexpected, by its name")
    return make_name(one.labels.get("com.docker.swarm.service.name") or one.name)
