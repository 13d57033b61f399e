"""What runs on a node of a random case, and what happens to it between two looks."""

import random
from typing import Any

from tests.observer_oracle.words import D, Json, M

COMPOSE, SWARM = "com.docker.compose.", "com.docker.swarm."
NANO = 1_000_000_000
NAMES = ["web", "db", "job", "worker", "cache"]
CHECKS: list[Json | None] = [
    None, None, {"Test": ["CMD", "x"]}, {"Interval": 5 * NANO, "Timeout": 5 * NANO, "Retries": 2, "StartPeriod": None},
    {"Interval": 60 * NANO, "Timeout": 60 * NANO, "Retries": 10}, {"Interval": 0, "Retries": 1, "StartPeriod": 300 * NANO},
]  # fmt: skip
UNIT_STATES = [
    ("loaded", "active", "running"), ("loaded", "active", "running"), ("loaded", "active", "exited"),
    ("loaded", "active", "waiting"), ("loaded", "activating", "auto-restart"), ("loaded", "activating", "start-pre"),
    ("loaded", "reloading", "reload"), ("loaded", "deactivating", "stop-sigterm"), ("loaded", "inactive", "dead"),
    ("loaded", "inactive", "dead"), ("loaded", "failed", "failed"), ("not-found", "inactive", "dead"),
    ("masked", "inactive", "dead"), ("bad-setting", "inactive", "dead"), ("error", "inactive", "dead"),
]  # fmt: skip


def hex_id(dice: random.Random, length: int = 64) -> str:
    return f"{dice.getrandbits(length * 4):0{length}x}"


def make_inventory(dice: random.Random) -> Json:
    """Return a node's services and how it is looked at."""
    entries: list[tuple[str, Any]] = [
        ("web", dice.choice([None, {}, {"runtime": {"project": "shop", "compose_service": "web"}}])),
        ("db", dice.choice([None, {"container_name": "Db-Box"}, {"monitor": False}])),
        (
            "job",
            dice.choice([None, {"run": "once"}, {"run": "scheduled", "every": "1d"}, {"run": "once", "every": "1h"}]),
        ),
        ("worker", dice.choice([None, {"replicas": {"min": 2}}, {"replicas": {"min": 1}}, {"replicas": {"min": 1}}])),
        ("shop", None),
        ("cache", None),
        ("blog", {"runtime": {"project": "blog"}}),
        ("pair", {"containers": ["left", "right"]}),
        ("solo", {"runtime": {"container": "solo"}}),
        ("unit", {"runtime": {"unit": "unit.service"}, **dice.choice([{}, {"every": "1d"}, {"every": "1h"}])}),
        ("both", {"container_name": "both", "runtime": {"probe": "mqtt://127.0.0.1:1883"}}),
        ("site", {"runtime": {"probe": dice.choice(["http://127.0.0.1/", "tcp://127.0.0.1:80"])}}),
    ]
    kept = [row for row in entries if dice.random() < 0.6]
    return {"services": dict(kept or entries[:1]), "intermittent": dice.random() < 0.3}


def make_container(dice: random.Random, now: float, labels: dict[str, str], name: str) -> Json:
    """Return a container that was just made, and runs."""
    check = dice.choice(CHECKS)
    return {
        "id": hex_id(dice), "name": name, "state": "running", "health": "starting" if check else None, "code": 0,
        "error": "", "oom": False, "restarts": 0, "created": now, "started": now, "finished": None, "labels": labels,
        "image": f"sha256:{dice.choice('abc') * 64}", "check": check,
    }  # fmt: skip


def make_any(dice: random.Random, now: float) -> Json:
    """Return any container: of a project, of a swarm, or by itself; some that nobody counts."""
    kind = dice.random()
    service = dice.choice(NAMES)
    labels: dict[str, str] = {}
    if kind < 0.6:
        project, number = dice.choice(["shop", "shop", "blog", "web"]), dice.choice(["1", "1", "2", "3"])
        told = {
            "project": project,
            "service": service,
            "container-number": number,
            "config-hash": dice.choice("fgh") * 64,
        }
        labels |= {COMPOSE + key: value for key, value in told.items()} | {COMPOSE + "oneoff": "False"}
        name = dice.choice([f"{project}-{service}-{number}", f"{project}-{service}-{number}", "Db-Box", "db"])
    elif kind < 0.7:
        labels = {SWARM + "service.name": service, SWARM + "task.name": f"{service}.1.{hex_id(dice, 12)}"}
        name = labels[SWARM + "task.name"]
    else:
        name = dice.choice(["left", "right", "solo", "both", "systemd-cache", "Stray.One", "buildx_buildkit_x0", "web"])
    if dice.random() < 0.12:
        labels |= dice.choice(ODD_LABELS)
    one = make_container(dice, now, labels, name)
    change(dice, one, now)
    return one


ODD_LABELS: list[dict[str, str]] = [
    {COMPOSE + "oneoff": "True"}, {"supervisor.ignore": "true"}, {"io.kubernetes.pod.name": "x"},
    {"org.testcontainers": "true"}, {"supervisor.service": "worker"}, {"supervisor.service": "all"},
    {"supervisor.service": "../../etc/passwd"}, {"supervisor.service": "x" * 80}, {"supervisor.run": "once"},
    {"supervisor.run": "scheduled"}, {"supervisor.run": "perhaps"},
    {COMPOSE + "depends_on": "job:service_completed_successfully:false,db:service_healthy:true"},
]  # fmt: skip


def age(dice: random.Random, one: Json, now: float) -> None:
    """Make a container as old as it may be when it is seen for the first time."""
    back = dice.choice([3.0, 50.0, 400.0, 2000.0, 2 * D])
    for name in ("created", "started", "finished"):
        one[name] = one[name] and one[name] - back


def change(dice: random.Random, one: Json, now: float) -> None:
    """Let something happen to a container."""
    happens = dice.choice(
        [_exit, _exit, _start, _start, _crash, _crash, _pause, _check, _check, _check, _odd, _created]
    )
    happens(dice, one, now)


def _exit(dice: random.Random, one: Json, now: float) -> None:
    one |= {"state": "exited", "code": dice.choice([0, 0, 1, 137, 143]), "finished": now - dice.uniform(0, 4)}
    one["oom"] = one["code"] == 137 and dice.random() < 0.5
    one["health"] = "unhealthy" if one["check"] else None


def _start(dice: random.Random, one: Json, now: float) -> None:
    """By hand: its engine counts anew."""
    one |= {
        "state": "running",
        "started": now - dice.uniform(0, 4),
        "restarts": 0,
        "code": 0,
        "oom": False,
        "error": "",
    }
    one["health"] = "starting" if one["check"] else None


def _crash(dice: random.Random, one: Json, now: float) -> None:
    one |= {"state": dice.choice(["restarting", "running"]), "started": now - dice.uniform(0, 4), "finished": now}
    one |= {"restarts": one["restarts"] + dice.choice([1, 1, 2, 4]), "code": dice.choice([0, 1])}
    one["health"] = "starting" if one["check"] and one["state"] == "running" else None


def _pause(dice: random.Random, one: Json, now: float) -> None:
    one["state"] = "paused"
    one["health"] = "unhealthy" if one["check"] else None


def _check(dice: random.Random, one: Json, now: float) -> None:
    if one["check"] and one["state"] == "running":
        one["health"] = dice.choice(["healthy", "healthy", "unhealthy", "starting"])


def _odd(dice: random.Random, one: Json, now: float) -> None:
    one["state"] = dice.choice(["dead", "removing", "sleeping"])
    one["finished"] = dice.choice([None, now - 5, now - 3 * M])


def _created(dice: random.Random, one: Json, now: float) -> None:
    """A command that does not exist, or one that waits for what it depends on."""
    if one["started"] is None or one["created"] > now - 20:
        one |= {"state": "created", "started": None, "finished": None, "health": None}
        one |= dice.choice([{"code": 127, "error": "no such file"}, {"code": 0, "error": ""}])


def replace(dice: random.Random, one: Json, now: float) -> tuple[Json, bool]:
    """Return what comes in the place of a container, and whether the old one is still there."""
    labels = dict(one["labels"])
    if COMPOSE + "config-hash" in labels and dice.random() < 0.4:
        labels[COMPOSE + "config-hash"] = dice.choice("fgh") * 64
    new = make_container(dice, now - dice.uniform(0, 15), labels, one["name"])
    if dice.random() < 0.5:
        new["image"] = one["image"]
    if dice.random() < 0.5:
        if COMPOSE + "service" in labels:
            new["name"] = f"{one['id'][:12]}_{one['name']}"
        new |= {"state": "created", "started": None, "health": None}
        return new, dice.random() < 0.7
    if dice.random() < 0.3:
        change(dice, new, now)
    return new, False


def step(dice: random.Random, there: list[Json], now: float) -> None:
    """Let a node's containers go on for a look."""
    for one in list(there):
        chance = dice.random()
        if chance < 0.25:
            change(dice, one, now)
        elif chance < 0.33:
            new, is_left = replace(dice, one, now)
            there.append(new)
            if not is_left:
                there.remove(one)
        elif chance < 0.37:
            there.remove(one)
        elif chance < 0.45 and one["state"] == "created" and not one["code"]:
            one |= {"state": "running", "started": now - dice.uniform(0, 3), "name": one["name"].split("_")[-1]}
    if dice.random() < 0.15:
        there.append(make_any(dice, now))
