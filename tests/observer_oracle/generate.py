"""Random cases: an inventory of many nodes, and what each of them answers in several looks."""

import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.observer_oracle import fleet
from tests.observer_oracle.words import HARD, SOFT, D, H, Json, M

BEGIN = 1_780_000_000.5
"""A `Date` is cut to the second, and half of one added: so that the clocks of the nodes are measured exactly."""
GAPS = [5.0, 12.0, 20.0, 30.0, 30.0, 31.0, 45.0, 60.0, 61.0, 125.0, 250.0, 640.0, 640.0, 2400.0, 90_000.0, 8 * D]
ODD_INSPECTIONS = [(0.03, "hang"), (0.04, "bad"), (0.06, "gone"), (0.08, "reset")]
DELAYS = [None, None, None, None, 0, 3, 90]
"""How long a part is on its way; None of a node that is looked at."""
HABITS = ["steady", "steady", "steady", "failing", "failing", "without systemd"]
REASONS = sorted(HARD | SOFT)
SKEWS = [0, 0, 0, 0, 10, -3000, 120]
ZONES = [UTC, UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=5, minutes=30))]
DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 100 {used} {free} {used}% /\n"
MEMORY = "MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:   {free} kB\n"


class Case:
    """A fleet of nodes, each a history of its own; the nodes have nothing to do with each other."""

    def __init__(self, seed: int, nodes: int) -> None:
        self.dice = random.Random(seed)
        names = [f"n{number}" for number in range(nodes)]
        self.inventory = {name: fleet.make_inventory(self.dice) for name in names}
        self.at = BEGIN
        self.there: dict[str, list[Json]] = {name: [] for name in names}
        self.habit = {name: self.dice.choice(HABITS) for name in names}
        self.is_podman = {name: self.dice.random() < 0.2 for name in names}
        self.hooks: list[Json] = []
        self.delay = {name: self.dice.choice(DELAYS) for name in names}
        self.has_sent: set[str] = set()
        self.has_health = {name: self.dice.random() < 0.3 for name in names}
        """The engine's list has the health itself, as from API 1.52 on."""
        self.units: dict[str, Json] = {name: {"restarts": 0, "changed": BEGIN - H} for name in names}
        for name, there in self.there.items():
            for _ in range(self.dice.choice([0, 2, 4, 7])):
                there.append(one := fleet.make_any(self.dice, self.at))
                fleet.age(self.dice, one, self.at)
            self.skew = {**getattr(self, "skew", {}), name: self.dice.choice(SKEWS)}

    def look(self) -> tuple[float, dict[str, Json]]:
        """Return the next moment, and what the nodes that are looked at answer then."""
        self.at += self.dice.choice(GAPS) + self.dice.choice([0, 0, 1, 2])
        self._tell_hooks()
        return self.at, {name: self._answer(name) for name in self.there if self.dice.random() < 0.9}

    def _tell_hooks(self) -> None:
        dice = self.dice
        for hook in self.hooks:
            if hook["ended_at"] is None and dice.random() < 0.5:
                hook |= {"ended_at": self.at - dice.choice([0, 1, 40]), "exit_code": dice.choice([0, 0, 18])}
                hook["step"] = dice.choice([None, "pull"])
        for node, of_node in self.inventory.items():
            if dice.random() < 0.1:
                service, begun = dice.choice([*of_node["services"], "all"]), self.at - dice.choice([0, 3, 50])
                name = f"dep-{int(begun)}-{node}-{service}"
                if name not in {hook["id"] for hook in self.hooks}:
                    told = {"id": name, "node": node, "service": service, "started_at": begun}
                    self.hooks.append({**told, "ended_at": None, "exit_code": None, "step": None})

    def change_inventory(self) -> None:
        """Ask for other services, and for fewer nodes."""
        for name, node in list(self.inventory.items()):
            chance = self.dice.random()
            if chance < 0.05:
                del self.inventory[name], self.there[name]
            elif chance < 0.3:
                del node["services"][self.dice.choice(list(node["services"]))]
            elif chance < 0.4:
                node["services"] |= fleet.make_inventory(self.dice)["services"]
            if not node["services"]:
                node["services"] = {"other": None}

    def _answer(self, name: str) -> Json:
        delay = self.delay[name]
        dice, now = self.dice, self.at + self.skew[name] - (delay or 0)
        if delay is not None and name in self.has_sent and dice.random() < 0.3:
            return {"skew": 0, "delay": delay, "is_old": True, "probes": self._probes(name)}
        self.has_sent.add(name)
        if dice.random() < 0.75:
            fleet.step(dice, self.there[name], now)
        services = self.inventory[name]["services"]
        return {
            "skew": self.skew[name],
            "delay": delay,
            "is_old": False,
            "engine": self._fail(name) or self._engine(name, now),
            "units": self._units(name, now) if "unit" in services else None,
            "probes": self._probes(name),
        }

    def _probes(self, name: str) -> dict[str, bool]:
        entries = self.inventory[name]["services"]
        asked = [service for service, entry in entries.items() if "probe" in (entry or {}).get("runtime", {})]
        return {service: self.dice.random() < 0.7 for service in asked}

    def _fail(self, name: str) -> Json | None:
        chance = 0.85 if self.habit[name] == "failing" else 0.04
        return {"fail": self.dice.choice(REASONS)} if self.dice.random() < chance else None

    def _engine(self, name: str, now: float) -> Json:
        if self.dice.random() < 0.1:
            self.habit[name] = self.dice.choice(HABITS)
        is_podman = self.is_podman[name]
        has_health = self.has_health[name] and not is_podman
        rows = [self._row(one, now, is_podman, has_health) for one in self.there[name]]
        gone = {row["list"]["Id"] for row in rows if row["inspect"] == "gone"}
        self.there[name] = [one for one in self.there[name] if one["id"] not in gone]
        self.dice.shuffle(rows)
        return {"is_podman": is_podman, "has_health": has_health, "containers": rows}

    def _row(self, one: Json, now: float, is_podman: bool, has_health: bool) -> Json:
        odd = self.dice.random()
        answer: Any = self._inspected(one)
        if odd < 0.08:
            answer = next(what for limit, what in ODD_INSPECTIONS if odd < limit)
        line = listed(one, now, is_podman=is_podman)
        if has_health:
            line["Health"] = {"Status": one["health"] or self.dice.choice(["none", None]), "FailingStreak": 0}
        return {"list": self._dent(line), "inspect": answer}

    def _dent(self, line: Json) -> Json:
        """Return a line of a list that lacks something, now and then."""
        name = self.dice.choice([None] * 30 + ["Names", "Status", "Created", "ImageID", "State", "Labels", "Image"])
        return line if name is None else {**line, name: None}

    def _inspected(self, one: Json) -> Json:
        zone = self.dice.choice(ZONES)
        health = {"Health": {"Status": one["health"], "Log": [{"Output": "secret"}]}} if one["health"] else {}
        never = self.dice.choice(["0001-01-01T00:00:00Z", "", None])
        empty = self.dice.choice(["drop", "null", "keep"])
        state = {
            "Status": one["state"], "OOMKilled": one["oom"], "ExitCode": one["code"], "Error": one["error"],
            "StartedAt": stamp(one["started"], zone) or never, "FinishedAt": stamp(one["finished"], zone) or never,
        } | health  # fmt: skip
        config = {"Env": ["TOKEN=secret"], "Labels": one["labels"], "Healthcheck": one["check"]}
        return {
            "Id": one["id"], "Name": f"/{one['name']}", "Created": stamp(one["created"], zone), "Image": one["image"],
            "RestartCount": one["restarts"], "State": thin(state, empty), "Config": thin(config, empty),
        }  # fmt: skip

    def _units(self, name: str, now: float) -> Json:
        if self.dice.random() < (0.8 if self.habit[name] == "without systemd" else 0.04):
            return {"fail": self.dice.choice(["timeout", "refused", "engine_down", "auth"])}
        unit, dice = self.units[name], self.dice
        if dice.random() < 0.5:
            load, active, sub = dice.choice(fleet.UNIT_STATES)
            unit |= {"load": load, "active": active, "sub": sub, "changed": now - dice.choice([1, 30, 700])}
            unit["restarts"] = dice.choice([0, unit["restarts"] + 1, unit["restarts"] + 5])
            unit["type"], unit["result"] = dice.choice(["simple", "oneshot"]), dice.choice(["success", "exit-code"])
            unit["condition"], unit["timer"] = (
                dice.choice(["yes", "no", "never"]),
                dice.choice([None, M, 2 * H, 200 * H]),
            )
        used, free = dice.choice([(50, 50), (50, 50), (95, 5)]), dice.choice([500, 500, 50])
        df = DF.format(used=used[0], free=used[1])
        return {"text": show_unit(unit, now), "pressure": (df, MEMORY.format(free=free))}


def thin(fields: Json, how: str) -> Json:
    """Return fields of which the empty ones are left out, null, or as they are."""
    if how == "drop":
        return {name: value for name, value in fields.items() if value}
    return {name: value or None for name, value in fields.items()} if how == "null" else fields


def stamp(at: float | None, zone: Any) -> str | None:
    """Return a moment as engines write it: to the nanosecond, in any zone."""
    if at is None:
        return None
    at = round(at, 3)
    text = datetime.fromtimestamp(at, zone).strftime("%Y-%m-%dT%H:%M:%S.%f")
    offset = datetime.fromtimestamp(at, zone).isoformat()[-6:]
    return text + "789" + ("Z" if zone is UTC else offset)


def humanize(seconds: float) -> str:
    """Return a duration as Docker does."""
    minutes, hours = int(seconds / M), int(seconds / H + 0.5)
    steps = [
        (seconds < 1, "Less than a second"), (int(seconds) == 1, "1 second"), (seconds < M, f"{int(seconds)} seconds"),
        (minutes == 1, "About a minute"), (minutes < 60, f"{minutes} minutes"), (hours == 1, "About an hour"),
    ]  # fmt: skip
    return next((text for holds, text in steps if holds), f"{hours} hours")


def listed(one: Json, now: float, *, is_podman: bool) -> Json:
    """Return a container's line in the list."""
    up = "Up " + humanize(max(0.0, now - (one["started"] or now)))
    health = "" if one["health"] is None or is_podman else f" ({one['health']})".replace("(st", "(health: st")
    text = {
        "running": up + health, "paused": f"{up} (Paused)", "created": "Created", "removing": "Removal In Progress",
        "exited": f"Exited ({one['code']}) 5 minutes ago", "restarting": f"Restarting ({one['code']}) 2 seconds ago",
        "dead": "Dead",
    }  # fmt: skip
    return {
        "Id": one["id"], "Names": [f"/{one['name']}", "/other/alias"], "Image": "web:1", "ImageID": one["image"],
        "Command": "sh secret", "Created": int(one["created"]), "Labels": one["labels"] or None, "State": one["state"],
        "Status": text.get(one["state"], ""),
    }  # fmt: skip


def show_unit(unit: Json, now: float) -> str:
    """Return what `systemctl show` prints of it and of its timer."""
    timer = unit.get("timer")
    condition = {"yes": ("yes", f"@{int(now) - 50}"), "no": ("no", f"@{int(now) - 50}")}.get(
        unit.get("condition", ""), ("no", "")
    )
    fields = {
        "Id": "unit.service", "LoadState": unit.get("load", "loaded"), "ActiveState": unit.get("active", "active"),
        "SubState": unit.get("sub", "running"), "Result": unit.get("result", "success"), "NRestarts": unit["restarts"],
        "Type": unit.get("type", "simple"), "ConditionResult": condition[0], "ConditionTimestamp": condition[1],
        "StateChangeTimestamp": f"@{int(unit['changed'])}", "TriggeredBy": "unit.timer" if timer else "",
    }  # fmt: skip
    of_timer = {"Id": "unit.timer", "LoadState": "loaded" if timer else "not-found", "ActiveState": "active"}
    if timer:
        of_timer["LastTriggerUSec"] = f"@{int(now - timer)}"
    return "\n\n".join("\n".join(f"{key}={value}" for key, value in block.items()) for block in (fields, of_timer))
