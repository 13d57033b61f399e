"""Deployments that are recognised from what runs (OBSERVER 2.7)."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.observer_oracle.container import Seen
from tests.observer_oracle.incidents import Target
from tests.observer_oracle.services import Service, short, worst
from tests.observer_oracle.words import BAD, GOOD, D, Json, M, S, hit

Slots = dict[tuple[str, ...], tuple[str, str | None, str | None]]
"""Id, short image and config hash of what fills each slot."""


def slots_of(service: Service) -> Slots:
    return {one.slot: (one.id, short(one.image), one.compose("config-hash")) for one in service.containers}


@dataclass
class Deployments:
    """All that is remembered of them."""

    all: dict[str, Json] = field(default_factory=dict)
    hooks: list[Json] = field(default_factory=list)

    def in_flight(self, target: Target) -> Json | None:
        found = [
            row
            for row in self.all.values()
            if (row["node"], row["service"]) == target and row["status"] == "started" and row["trigger"] == "observed"
        ]
        return found[-1] if found else None

    def tell(self, hooks: list[Json], at: float) -> None:
        """Take what hooks say of deployments; how those end is theirs to say."""
        self.hooks = hooks
        for hook in hooks:
            made = {name: hook[name] for name in ("node", "service", "started_at")}
            row = self.all.setdefault(hook["id"], {**made, "status": "started", "trigger": "hook", "slots": {}})
            if row["status"] != "started":
                continue
            if hook["ended_at"] is not None:
                hit(f"2.7 hook: ended with {min(hook['exit_code'], 1)}")
                failed = {"status": "failed", "step": hook["step"] or "run"}
                row |= failed if hook["exit_code"] else {"status": "completed"}
                row["completed_at"] = hook["ended_at"]
            elif at - hook["started_at"] > D:
                hit("2.7 hook: never ended")
                row |= {"status": "failed", "completed_at": at, "step": "timeout"}

    def forget(self, at: float) -> None:
        """Keep thirty days, and of each service the last twenty."""
        newest = sorted(self.all.items(), key=lambda item: (item[1]["started_at"], item[0]), reverse=True)
        counts: Counter[Target] = Counter()
        for key, row in newest:
            target = row["node"], row["service"]
            counts[target] += 1
            if counts[target] > 20 and at - row["started_at"] >= 30 * D:
                hit("2.7 forgotten after thirty days")
                del self.all[key]

    def see(self, target: Target, before: Slots, seen_before: float, service: Service, now: float, at: float) -> None:
        """Take what a look shows of a service that was known, and of what was under way."""
        after = slots_of(service)
        if before and after and {row[0] for row in before.values()} != {row[0] for row in after.values()}:
            if (known := self.in_flight(target)) and at - known["started_at"] > 10 * M:
                self.time_out(known, at)
            self._begin(target, before, service, seen_before, at)
        row = self.in_flight(target)
        if row:
            self._judge(row, service, now, at)

    def time_out(self, row: Json, at: float) -> None:
        if at - row["started_at"] > 10 * M:
            hit("2.7 failed after its deadline")
            row |= {"status": "failed", "completed_at": at, "step": "timeout"}

    def _begin(self, target: Target, before: Slots, service: Service, seen_before: float, at: float) -> None:
        known, after = self._owner(target, seen_before, at) or self.in_flight(target), slots_of(service)
        if known and known["slots"]:
            hit("2.7 changed again while under way")
            before = known["slots"]
        change = _change(before, after)
        hit(f"2.7 observed: {change}")
        seen = {"change": change, "from": _images(before), "to": _images(after), "slots": before}
        if known:
            known |= seen
            return
        old = {row[0] for row in before.values()}
        begun = [one.started for one in service.containers if one.id not in old and one.started is not None]
        started = min(max(min(begun), seen_before), at) if begun else at
        unix = int(at)
        while (key := f"dep-{unix}-{target[0]}-{target[1]}") in self.all:
            unix += 1
        made: Json = {"node": target[0], "service": target[1], "status": "started", "trigger": "observed"}
        self.all[key] = {**made, "started_at": started, **seen}

    def _owner(self, target: Target, seen_before: float, at: float) -> Json | None:
        """Return the deployment of the hook in whose time the change may have come."""
        for hook in self.hooks:
            is_target = hook["node"] == target[0] and hook["service"] in (target[1], "all")
            if is_target and hook["started_at"] <= at and (hook["ended_at"] is None or hook["ended_at"] >= seen_before):
                hit("2.7 a change within a hook's time is the hook's")
                found: Json = self.all[hook["id"]]
                return found
        return None

    def _judge(self, row: Json, service: Service, now: float, at: float) -> None:
        old = {slot[0] for slot in row["slots"].values()}
        guilty = [one for one in service.containers if one.id not in old and one.cls == BAD]
        if service.cls == BAD and guilty:
            hit("2.7 failed on a bad word")
            word = worst(one.word for one in guilty)
            row |= {"status": "failed", "completed_at": at, "word": word, "step": _step(word)}
        elif service.cls == GOOD and all(_has_settled(one, now) for one in service.containers):
            hit("2.7 completed")
            row |= {"status": "completed", "completed_at": at}
        else:
            self.time_out(row, at)


def _step(word: str) -> str:
    """Return what a deployment failed at (2.7: start, run or healthcheck)."""
    return {"start_failed": "start", "created": "start", "unhealthy": "healthcheck"}.get(word, "run")


def _has_settled(one: Seen, now: float) -> bool:
    if one.cls != GOOD:
        return False
    return one.state != "running" or one.health == "healthy" or one.started is None or now - one.started >= 10 * S


def _images(slots: Slots) -> list[Any]:
    return sorted({row[1] for row in slots.values() if row[1]})


def _change(before: Slots, after: Slots) -> str:
    shared = before.keys() & after.keys()
    if any(after[slot][1] != before[slot][1] for slot in shared) or (not shared and _images(before) != _images(after)):
        return "image"
    return "config" if any(after[slot][2] != before[slot][2] for slot in shared) else "recreate"
