"""Incidents: opened, made worse, closed and opened again (OBSERVER 2.6)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.observer_oracle.words import BAD, GOOD, TRIGGERS, WORST, D, Json, M, hit

Target = tuple[str, str]
BADNESS = (*WORST, "disk_pressure", "memory_pressure", "clock_skew")


@dataclass
class Evidence:
    cls: str
    looks: int
    since: float


@dataclass
class Incidents:
    """All that is remembered of them."""

    all: dict[str, Json] = field(default_factory=dict)
    evidence: dict[Target, Evidence] = field(default_factory=dict)

    def open_of(self, target: Target) -> Json | None:
        found = [
            row for row in self.all.values() if (row["node"], row["service"]) == target and row["status"] == "active"
        ]
        assert len(found) <= 1
        return found[0] if found else None

    def withdraw(self, is_monitored: Callable[[Target], bool], at: float) -> None:
        for row in self.all.values():
            if row["status"] == "active" and not is_monitored((row["node"], row["service"])):
                hit("2.6 gone from the inventory: resolved")
                row |= {"status": "resolved", "resolved_at": at, "resolution": "removed_from_desired_state"}
        self.evidence = {target: row for target, row in self.evidence.items() if is_monitored(target)}

    def see(self, target: Target, word: str, cls: str, at: float) -> None:
        """Take what a good look says of a service that is asked for."""
        is_relapse = target in self.evidence and self.evidence[target].cls == GOOD
        now = self._weigh(target, cls, at)
        if now is None:
            return
        known = self.open_of(target)
        enough = now.looks >= 2 or at - now.since >= M
        if cls == BAD:
            self._bad(target, known, word, now, at, enough=enough, is_relapse=is_relapse)
        elif known and enough:
            hit("2.6 closed after two good looks")
            known |= {"status": "resolved", "resolved_at": at, "resolution": "recovered"}

    def _weigh(self, target: Target, cls: str, at: float) -> Evidence | None:
        if cls not in {GOOD, BAD}:
            hit("2.6 settling neither opens nor closes")
            return None
        was = self.evidence.get(target)
        now = Evidence(cls, was.looks + 1, was.since) if was and was.cls == cls else Evidence(cls, 1, at)
        self.evidence[target] = now
        return now

    def _bad(
        self, target: Target, known: Json | None, word: str, now: Evidence, at: float, *, enough: bool, is_relapse: bool
    ) -> None:
        trigger = word if target[1] == "all" else TRIGGERS.get(word, "containers_not_running")
        if known:
            known["last_occurrence"] = at
            if is_relapse:
                hit("2.6 bad again while open: counted")
                known["occurrence_count"] += 1
            if _is_worse(word, known["word"]):
                hit("2.6 worse evidence changes the trigger")
                known |= {"trigger_type": trigger, "word": word}
        elif enough:
            self._open(target, word, trigger, now, at)

    def _open(self, target: Target, word: str, trigger: str, now: Evidence, at: float) -> None:
        ended = [row for row in self.all.values() if (row["node"], row["service"]) == target and row["resolved_at"]]
        last = max(ended, key=lambda row: row["resolved_at"], default=None)
        if last and at - last["resolved_at"] <= 30 * M and last["resolution"] == "recovered":
            hit("2.6 a relapse reopens the same")
            count = last["occurrence_count"] + 1
            last |= {"status": "active", "resolved_at": None, "resolution": None, "last_occurrence": at}
            last["occurrence_count"] = count
            last |= {"trigger_type": trigger, "word": word}
            return
        hit(f"2.6 opened: {trigger}")
        unix = int(now.since)
        while (key := f"inc-{unix}-{target[0]}-{target[1]}") in self.all:
            unix += 1
        self.all[key] = {
            "id": key, "node": target[0], "service": target[1], "status": "active", "trigger_type": trigger,
            "word": word,
            "started_at": now.since, "last_occurrence": at, "occurrence_count": 1, "resolved_at": None,
            "resolution": None,
        }  # fmt: skip

    def forget(self, at: float) -> None:
        old = [key for key, row in self.all.items() if row["resolved_at"] and at - row["resolved_at"] > 7 * D]
        for key in old:
            hit("2.6 forgotten after seven days")
            del self.all[key]


def _is_worse(word: str, than: str) -> bool:
    rank = {name: len(BADNESS) - place for place, name in enumerate(BADNESS)}
    return rank.get(word, 0) > rank.get(than, 0)
