"""Several containers, a unit and a probe rolled up to one service (OBSERVER 2.3, 2.4)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.observer_oracle.container import Seen
from tests.observer_oracle.words import BAD, GOOD, SETTLING, WORST, Json, hit


@dataclass
class Part:
    """A container, unit or probe of a service, judged."""

    name: str
    group: str
    word: str
    cls: str
    source: str
    container: Seen | None = None
    restarts: int = 0
    state: str = ""


@dataclass
class Service:
    """A service as one look shows it."""

    word: str
    cls: str
    parts: list[Part] = field(default_factory=list)
    good: int = 0
    total: int = 0

    @property
    def status(self) -> str:
        return "starting" if self.cls == SETTLING else self.word

    @property
    def containers(self) -> list[Seen]:
        return [part.container for part in self.parts if part.container]


def newest(containers: list[Seen], of: dict[str, str | None]) -> tuple[list[Seen], set[str]]:
    """Return the container that counts of each slot, and the ids of those that replace one that still runs."""
    slots: dict[tuple[str | None, ...], list[Seen]] = {}
    for one in containers:
        slots.setdefault((of[one.id], *one.slot), []).append(one)
    counted, replacing = [], set()
    for rivals in slots.values():
        rivals.sort(key=lambda one: (one.created or 0, one.id))
        counted.append(rivals[-1])
        if len(rivals) > 1:
            hit("2.3.1 the newest of a slot")
        if rivals[-1].state == "created" and any(one.state == "running" for one in rivals[:-1]):
            replacing.add(rivals[-1].id)
    return counted, replacing


def roll_up(parts: list[Part], least: int | None, absent: int) -> Service:
    """Return a service of its parts: as bad as the worst, where not enough are good.

    What the inventory asks for beyond what is there is a part that lacks; that is `degraded`, for want of a word in 2.3.
    """
    groups: dict[tuple[str, str], list[Part]] = {}
    for part in parts:
        groups.setdefault((part.source, part.group), []).append(part)
    good = sum(part.cls == GOOD for part in parts)
    judged, lacking = [], absent
    for group in groups.values():
        number = least if group[0].container else None
        lacking += max(0, (number or 0) - len(group))
        fine = [part for part in group if part.cls == GOOD]
        enough = number is not None and len(fine) >= number
        if enough and len(fine) < len(group):
            hit("2.3.3 replicas: enough are good")
        judged += fine if enough else group
    word, cls = _worst(judged)
    if lacking and cls == GOOD:
        hit("2.3.3 fewer than are asked for")
        word, cls = "degraded", BAD
    hit(f"2.3.2 {cls} of {'several' if len(parts) > 1 else 'one'}")
    return Service(word, cls, parts, good, len(parts) + lacking)


def _worst(parts: list[Part]) -> tuple[str, str]:
    by_name = sorted(parts, key=lambda part: (part.name, "/".join(part.container.slot) if part.container else ""))
    for cls in (BAD, SETTLING):
        words = [part.word for part in by_name if part.cls == cls]
        if words:
            return worst(words), cls
    return "healthy", GOOD


def worst(words: Iterable[str]) -> str:
    return min(words, key=lambda word: WORST.index(word) if word in WORST else len(WORST))


def short(image: str | None) -> str | None:
    return image.removeprefix("sha256:")[:12] if image else None


def show(one: Seen, part: str) -> Json:
    """Return a container as `services.json` lists it (2.4)."""
    found: Json = {"id": one.id[:12], "name": one.name, "part": part, "state": one.state, "word": one.word}
    if one.state == "running":
        found["health"] = one.health if one.health not in {"", "none"} else None
    elif one.state != "paused":
        found["exit_code"] = one.exit_code
    found |= {"oom": one.oom or None, "started_at": one.started}
    return {name: value for name, value in found.items() if value is not None}
