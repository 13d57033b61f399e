"""What of an engine is known after a look: which containers it inspects, and what it still knows (OBSERVER 4)."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.observer_oracle.container import Seen, read
from tests.observer_oracle.words import Json, M, hit


@dataclass
class Known:
    """A container's last inspection."""

    key: tuple[Any, ...]
    inspect: Json | None
    at: float


@dataclass
class Engine:
    """One engine, as it is asked again and again."""

    known: dict[str, Known] = field(default_factory=dict)

    def look(self, answer: Json, at: float) -> tuple[list[Seen], bool]:
        """Return the containers of a look, and whether it is partial."""
        found, is_partial, there = [], False, set()
        for row in answer["containers"]:
            line = row["list"]
            there.add(line["Id"])
            if self._is_due(line, answer["is_podman"], at):
                if row["inspect"] == "gone":
                    hit("6.28 removed between list and inspection")
                    self.known.pop(line["Id"], None)
                    continue
                is_there = isinstance(row["inspect"], dict)
                rests_from = at
                if row["inspect"] == "reset":
                    hit("6.29 what does not hang is inspected again at once")
                    rests_from = at - 10 * M
                self.known[line["Id"]] = Known(_key(line), row["inspect"] if is_there else None, rests_from)
            known = self.known[line["Id"]]
            is_partial |= known.inspect is None
            found.append(read(line, known.inspect))
        self.known = {name: row for name, row in self.known.items() if name in there}
        return found, is_partial

    def _is_due(self, line: Json, is_podman: bool, at: float) -> bool:
        known = self.known.get(line["Id"])
        if known is None or at - known.at >= 10 * M:
            return True
        if known.inspect is None:
            hit("6.29 not inspected again for ten minutes")
            return False
        if is_podman and (known.inspect.get("Config") or {}).get("Healthcheck"):
            hit("4 Podman: what has a check is inspected each time")
            return True
        is_young = re.match(r"Up (Less than a second|\d+ seconds?|About a minute|\d+ minutes?)\b", line["Status"] or "")
        if is_young or line["State"] == "restarting" or known.key != _key(line):
            return True
        hit("4 not inspected again while nothing changed")
        return False


def _key(line: Json) -> tuple[Any, ...]:
    """Return what tells that a container changed; where the list has the health itself, that alone is no reason."""
    found = re.search(r"\(.*?\)", line["Status"] or "")
    bracket = found[0] if found else None
    if line.get("Health") and bracket in ("(healthy)", "(unhealthy)", "(health: starting)"):
        bracket = None
    return line["State"], bracket, line["ImageID"], tuple(line["Names"] or ())
