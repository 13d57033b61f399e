"""What is done to a random fleet, one thing each; a twist returns whether it found something to do."""

from random import Random
from typing import Any

from tests.helpers.random_fleet import (
    COMPLETION,
    GONE,
    MINUTES,
    SERVICES,
    TWISTS,
    Fleet,
    ago,
    entry,
    some_node,
    some_service,
    some_target,
    twist,
)

__all__ = ["TWISTS"]
STATUSES = [
    *(
        "exited",
        "Exited (255) 2 minutes ago",
        "exited (0)",
        "Up 3 hours (unhealthy)",
        "Up 3 hours (healthy)",
        "up 5 days",
    ),
    *("Up 2 seconds (health: starting)", "up 3 days (paused)", "Restarting (1) 5 seconds ago", "restarting", "alive"),
    *("Completed", "done", "starting", "crash_looping", "job_failed", " Running ", "weird word", "created"),
]
NODE_WORDS = [
    *(
        "offline",
        "down",
        "not ready",
        "unreachable",
        "unknown",
        "lost",
        "odd",
        "unobservable",
        "unobservable",
        "Active",
    ),
    *("", None, 5),
]
TIMES: list[Any] = [
    *(1780487940, "1780487940", 1780487940000, "1780487940000", 1780487940000000, 1780487940000000000, 1780487940.5),
    *("Wed, 03 Jun 2026 11:59:00 +0000", "Wed, 03 Jun 2026 11:59:00 GMT", "2026-06-03 13:59:00 +0200 CEST"),
    *("2026-06-03 11:59:00.123456789 +0000 UTC", "2026-06-03T11:59:60Z", "2026-06-02T24:00:00Z", "2026-06-03T11:59:00"),
    *("yesterday", [], {}, True, "2026-13-45", 12345, ago(-120), ago(-4), ago(-7)),
    *(None, 0, -1, "", "  ", "0", "-1", "0001-01-01T00:00:00Z"),
]


# ---- services of the world ----


@twist
def status_word(fleet: Fleet, draw: Random) -> bool:
    """A service has another status."""
    for _ in range(draw.choice([1, 1, 2, 4])):
        key = some_service(fleet, draw)
        if key:
            fleet.replace_service(key, {"status": draw.choice(STATUSES)})
    return bool(fleet.services)


@twist
def exited(fleet: Fleet, draw: Random) -> bool:
    """Some services exited."""
    for key, _ in fleet.services:
        if draw.random() < 0.3:
            fleet.replace_service(key, {"status": "exited"})
    return bool(fleet.services)


@twist
def absent(fleet: Fleet, draw: Random) -> bool:
    """Some services have no record."""
    share = draw.choice([0.2, 0.5, 1])
    fleet.drop_services({key for key, _ in fleet.services if draw.random() < share})
    return True


@twist
def no_status(fleet: Fleet, draw: Random) -> bool:
    """A service has a record that cannot be read."""
    key = some_service(fleet, draw)
    if key:
        fleet.replace_service(
            key, draw.choice([{"status": None}, {"status": ""}, {"status": 3}, {"status": GONE}, [], "x", None])
        )
    return key is not None


@twist
def service_time(fleet: Fleet, draw: Random) -> bool:
    """A service was seen at another time."""
    for _ in range(draw.choice([1, 2, 5])):
        key = some_service(fleet, draw)
        if key:
            seen = ago(draw.choice(MINUTES)) if draw.random() < 0.7 else draw.choice(TIMES)
            fleet.replace_service(key, {"last_seen": seen})
    return bool(fleet.services)


@twist
def odd_times(fleet: Fleet, draw: Random) -> bool:
    """Times are spelled in every way."""
    for key, _ in fleet.services:
        if draw.random() < 0.6:
            fleet.replace_service(key, {"last_seen": draw.choice(TIMES)})
    for key, _ in fleet.nodes:
        if draw.random() < 0.4:
            fleet.replace_node(key, {"last_seen": draw.choice(TIMES)})
    return True


@twist
def alike(fleet: Fleet, draw: Random) -> bool:
    """Two targets are written alike in an id."""
    for node, name in (("a", "b-c"), ("a-b", "c")):
        fleet.hosts.setdefault(node, {}).setdefault(name, {})
        if node not in {key for key, _ in fleet.nodes}:
            fleet.nodes.append((node, {"status": "online", "last_seen": ago(1)}))
        if f"{node}/{name}" not in {key for key, _ in fleet.services}:
            status = draw.choice(["ok", "exited", "exited"])
            fleet.services.append((f"{node}/{name}", {"status": status, "last_seen": ago(1)}))
    return True


@twist
def restartable(fleet: Fleet, draw: Random) -> bool:
    """A service is down, and its incident says what would help."""
    target = some_target(fleet, draw)
    if target:
        fleet.replace_service("/".join(target).lower(), {"status": "exited"})
        trigger = draw.choice(["containers_not_running", "mqtt_unreachable", "disk_usage_high"])
        identity = f"inc-{len(fleet.incidents)}"
        row = {"id": identity, "node": target[0], "service": target[1], "status": "active", "trigger_type": trigger}
        fleet.incidents.append((identity, {**row, "severity": draw.choice(["critical", "error"])}))
    return target is not None


@twist
def never_seen(fleet: Fleet, draw: Random) -> bool:
    """A node was never seen, and nothing of it is."""
    node = some_node(fleet, draw)
    if node:
        fleet.replace_node(node, {"last_seen": draw.choice([None, 0, "", -1])})
        for key, _ in fleet.services:
            if key.startswith(f"{node}/"):
                fleet.replace_service(key, {"last_seen": draw.choice([GONE, None, ago(90)])})
    return node is not None


@twist
def old_failure(fleet: Fleet, draw: Random) -> bool:
    """A service's deployments failed a day ago."""
    target = some_target(fleet, draw)
    if target:
        first = draw.choice([1420, 1438, 1441, 1441, 1500])
        for minutes in range(first, first + 3 * draw.choice([1, 3, 4]), 3):
            begun = minutes + draw.choice([0, 3])
            row: dict[str, Any] = {
                "node": target[0],
                "service": target[1],
                "status": "failed",
                "started_at": ago(begun),
            }
            if draw.random() < 0.5:
                row["completed_at"] = ago(minutes)
            fleet.deployments.append((f"d{len(fleet.deployments)}", row))
    return target is not None


@twist
def all_old(fleet: Fleet, draw: Random) -> bool:
    """Every service of a node was seen long ago, or no time is known."""
    node = some_node(fleet, draw)
    seen = draw.choice([ago(draw.choice(MINUTES)), ago(draw.choice(MINUTES)), GONE])
    for key, _ in fleet.services:
        if node and key.startswith(f"{node}/"):
            fleet.replace_service(key, {"last_seen": seen})
    return node is not None


@twist
def refreshes(fleet: Fleet, draw: Random) -> bool:
    """Every record is said to be renewed in each round."""
    if draw.random() < 0.5:
        fleet.summary["refreshes"] = draw.choice([True, True, False, "yes"])
    else:
        fleet.settings["refreshes"] = True
    return True


@twist
def starting(fleet: Fleet, draw: Random) -> bool:
    """Services are starting."""
    for _ in range(draw.choice([1, 2, 3])):
        key = some_service(fleet, draw)
        if key:
            since = draw.choice([GONE, ago(2), ago(9), ago(11), "garbage", None, ago(-60)])
            fleet.replace_service(key, {"status": "starting", "since": since})
    return bool(fleet.services)


@twist
def node_gone(fleet: Fleet, draw: Random) -> bool:
    """All of a node's services are gone or down."""
    node = some_node(fleet, draw)
    how = draw.choice(["absent", "exited", "mixed"])
    for key, _ in list(fleet.services):
        if node and key.startswith(f"{node}/"):
            if how == "absent" or (how == "mixed" and draw.random() < 0.5):
                fleet.drop_services({key})
            else:
                fleet.replace_service(key, {"status": draw.choice(["exited", "exited", "restarting"])})
    return node is not None


@twist
def one_word(fleet: Fleet, draw: Random) -> bool:
    """Many services say one and the same odd word."""
    share = draw.choice([0.5, 0.9, 1])
    for key, _ in fleet.services:
        if draw.random() < share:
            fleet.replace_service(key, {"status": "Alive"})
    return bool(fleet.services)


@twist
def unexpected_service(fleet: Fleet, draw: Random) -> bool:
    """There are services that nobody asks for."""
    for _ in range(draw.choice([1, 2, 4])):
        node = draw.choice([*(key for key, _ in fleet.nodes), "ghost"])
        name = draw.choice([*SERVICES, "ghost"])
        status, seen = draw.choice(["ok", "ok", "exited"]), ago(draw.choice([1, 1, 20]))
        if f"{node}/{name}" not in {key for key, _ in fleet.services}:
            fleet.services.append((f"{node}/{name}", {"status": status, "last_seen": seen}))
    return True


@twist
def moved(fleet: Fleet, draw: Random) -> bool:
    """A service runs on another node."""
    target = some_target(fleet, draw)
    others = [node for node in fleet.hosts if target and target[1] not in fleet.hosts[node]]
    if not target or not others:
        return False
    fleet.drop_services({f"{target[0].lower()}/{target[1]}"})
    record = {"status": draw.choice(["ok", "ok", "exited"]), "last_seen": ago(draw.choice([1, 1, 1, 20]))}
    taken = {key for key, _ in fleet.services}
    keys = {f"{node.lower()}/{target[1]}" for node in draw.sample(others, min(len(others), draw.choice([1, 1, 2])))}
    fleet.services += [(key, record) for key in sorted(keys - taken)]
    return True


@twist
def odd_keys(fleet: Fleet, draw: Random) -> bool:
    """Records of services have odd keys."""
    node = some_node(fleet, draw) or "piha"
    ok = {"status": "ok", "last_seen": ago(1)}
    key = draw.choice([f"{node}/koush/x:latest", node, f"/{node}", "", f"{node}/", f"{node}//ghost"])
    fleet.services.append((key, draw.choice([ok, {**ok, "node": node, "service": draw.choice(SERVICES)}])))
    return True


@twist
def respelled_service(fleet: Fleet, draw: Random) -> bool:
    """A service's record is spelled otherwise."""
    key = some_service(fleet, draw)
    if not key or key.count("/") != 1:
        return False
    node, name = key.split("/")
    spelled = draw.choice([f"{node}//{name}", f"{node.upper()}/{name}", f"{node}/{name.upper()}", f" {node} / {name} "])
    fleet.services = [(spelled if k == key else k, row) for k, row in fleet.services]
    return True


@twist
def twice(fleet: Fleet, draw: Random) -> bool:
    """The same service comes twice."""
    key = some_service(fleet, draw)
    if not key:
        return False
    record = {"status": draw.choice(["ok", "exited"]), "last_seen": ago(draw.choice([2, 3, 0]))}
    fleet.services.append((draw.choice([key, key.title()]), record))
    return True


# ---- nodes of the world ----


@twist
def node_word(fleet: Fleet, draw: Random) -> bool:
    """A node has another status."""
    for _ in range(draw.choice([1, 1, 2, 4])):
        key = some_node(fleet, draw)
        if key:
            fleet.replace_node(key, {"status": draw.choice(NODE_WORDS)})
    return bool(fleet.nodes)


@twist
def node_time(fleet: Fleet, draw: Random) -> bool:
    """A node was seen at another time."""
    for _ in range(draw.choice([1, 1, 2, 4])):
        key = some_node(fleet, draw)
        if key:
            seen = ago(draw.choice(MINUTES)) if draw.random() < 0.6 else draw.choice([*TIMES, GONE])
            fleet.replace_node(key, {"last_seen": seen})
    return bool(fleet.nodes)


@twist
def silent_node(fleet: Fleet, draw: Random) -> bool:
    """A node and all that is on it was seen long ago."""
    for _ in range(draw.choice([1, 1, 2, 4])):
        node = some_node(fleet, draw)
        seen = ago(draw.choice([6, 10, 30, 30, 59, 65, 90, 130, 300]))
        if node:
            fleet.replace_node(node, {"last_seen": seen})
            for key, _ in fleet.services:
                if key.startswith(f"{node}/"):
                    fleet.replace_service(key, {"last_seen": seen})
    return bool(fleet.nodes)


@twist
def out_of_sight(fleet: Fleet, draw: Random) -> bool:
    """Nobody can look at a node, and what was seen of it last was not well."""
    node = some_node(fleet, draw)
    if node:
        fleet.replace_node(node, {"status": "unobservable"})
        for key, _ in list(fleet.services):
            if key.startswith(f"{node}/") and draw.random() < 0.4:
                fleet.replace_service(key, {"status": "exited", "last_seen": ago(draw.choice([1, 20]))})
    return node is not None


@twist
def unknown_grace(fleet: Fleet, draw: Random) -> bool:
    """A node's capabilities cannot be read, and it is silent."""
    node = draw.choice(list(fleet.hosts)) if fleet.hosts else None
    if node is None:
        return False
    fleet.extra[f"hosts/{node}/capabilities.yaml"] = "capabilities: [\n"
    fleet.replace_node(node.lower(), {"last_seen": ago(draw.choice([4, 20, 30, 62]))})
    for key, _ in fleet.services:
        if key.startswith(f"{node.lower()}/"):
            change = {"last_seen": ago(draw.choice([20, 30, 30, 62])), "status": draw.choice(["ok", "ok", "exited"])}
            fleet.replace_service(key, change)
    return True


@twist
def gone_and_failed(fleet: Fleet, draw: Random) -> bool:
    """All of a node is down, and one of its services was deployed in vain again and again."""
    target = some_target(fleet, draw)
    if target is None:
        return False
    for key, _ in fleet.services:
        if key.startswith(f"{target[0].lower()}/"):
            fleet.replace_service(key, {"status": "exited"})
    for place in range(3):
        row = {"node": target[0], "service": target[1], "status": "failed", "started_at": ago(20 + 9 * place)}
        fleet.deployments.append((f"d{len(fleet.deployments)}", row))
    return True


@twist
def all_silent(fleet: Fleet, draw: Random) -> bool:
    """Most nodes are silent at once."""
    share = draw.choice([0.6, 1])
    for node, _ in fleet.nodes:
        if draw.random() < share:
            fleet.replace_node(node, {"last_seen": ago(draw.choice([8, 9, 30, 31, 200]))})
    if draw.random() < 0.5:
        for key, _ in fleet.services:
            fleet.replace_service(key, {"last_seen": ago(30)})
    return bool(fleet.nodes)


@twist
def no_node_record(fleet: Fleet, draw: Random) -> bool:
    """Nodes have no record."""
    share = draw.choice([0.3, 0.3, 0.7, 1])
    fleet.nodes = [(key, row) for key, row in fleet.nodes if draw.random() >= share]
    return True


@twist
def odd_node_record(fleet: Fleet, draw: Random) -> bool:
    """A node has a record that cannot be read, or twice."""
    key = some_node(fleet, draw)
    if key and draw.random() < 0.7:
        fleet.replace_node(key, draw.choice([[], "up", None, 3]))
    elif key:
        fleet.nodes.append(
            (draw.choice([key, key.upper()]), {"status": "online", "last_seen": ago(draw.choice([0, 2, 40]))})
        )
    return key is not None


@twist
def respelled_node(fleet: Fleet, draw: Random) -> bool:
    """A node's records are spelled as observers do."""
    key = some_node(fleet, draw)
    if not key:
        return False
    spelled = draw.choice(
        [
            f"{key}:9100",
            f"http://{key}:9100/metrics",
            f"{key}.",
            f"{key}.office.lan",
            f"{key}.office:9100",
            key.upper(),
            f"old-{key}",
        ]
    )
    if spelled == f"old-{key}":
        fleet.settings.setdefault("node_alias_map", {})[spelled] = key
    fleet.nodes = [(spelled if k == key else k, row) for k, row in fleet.nodes]
    if draw.random() < 0.4:
        fleet.nodes.append(
            (draw.choice([key, f"{key}.x"]), {"status": "online", "last_seen": ago(draw.choice([0, 3, 30]))})
        )
    if draw.random() < 0.3 and "/" not in spelled:
        fleet.services = [
            (k.replace(f"{key}/", f"{spelled}/", 1) if k.startswith(f"{key}/") else k, row) for k, row in fleet.services
        ]
    return True


@twist
def unexpected_node(fleet: Fleet, draw: Random) -> bool:
    """There are nodes that nobody asks for."""
    name = draw.choice(["ghost", "192.168.1.10", "ghost.office", "10.0.0.3:9100"])
    if name not in {key for key, _ in fleet.nodes}:
        fleet.nodes.append((name, {"status": "online", "last_seen": ago(1)}))
    return True


@twist
def pressure(fleet: Fleet, draw: Random) -> bool:
    """A disk or the memory is under pressure."""
    for _ in range(draw.choice([1, 2])):
        key = some_node(fleet, draw)
        if key:
            what = draw.choice(["disk_pressure", "disk_pressure", "memory_pressure"])
            fleet.replace_node(key, {what: draw.choice([True, "high", "Critical", "true", False, "low", "no", None])})
    return bool(fleet.nodes)


@twist
def came_back(fleet: Fleet, draw: Random) -> bool:
    """A node came back a while ago."""
    node = some_node(fleet, draw)
    if not node:
        return False
    fleet.replace_node(node, {"online_since": draw.choice([ago(2), ago(5), ago(12), "garbage"])})
    for key, _ in fleet.services:
        if key.startswith(f"{node}/") and draw.random() < 0.7:
            seen = draw.choice([ago(20), ago(7), ago(1)])
            fleet.replace_service(key, {"status": draw.choice(["exited", "exited", "ok"]), "last_seen": seen})
    return True


@twist
def world_time(fleet: Fleet, draw: Random) -> bool:
    """The world's own time is another."""
    fleet.summary["last_update"] = draw.choice([ago(16), ago(60), ago(-120), None, "x", ago(14), 1780487940])
    if draw.random() < 0.4:
        for key, _ in fleet.services:
            fleet.replace_service(key, {"last_seen": ago(20)})
        for key, _ in fleet.nodes:
            fleet.replace_node(key, {"last_seen": ago(20)})
    return True


@twist
def lists(fleet: Fleet, draw: Random) -> bool:
    """Records come as a list."""
    fleet.settings[f"_{draw.choice(['services', 'nodes'])}_as_list"] = True
    for name in ("services", "nodes"):
        if fleet.settings.get(f"_{name}_as_list"):
            fleet.settings[f"_{name}_as_list"] = name
    return True


# ---- deployments and incidents ----


@twist
def deployments(fleet: Fleet, draw: Random) -> bool:
    """A service was deployed."""
    target = some_target(fleet, draw)
    if not target:
        return False
    words = ["failed", "failed", "completed", "rolled_back", "cancelled", "running", "pending", "odd", "timeout"]
    for _ in range(draw.choice([1, 1, 2, 4])):
        begun = draw.choice([2, 5, 9, 11, 30, 60, 1300, 1430, 1450, 3000, -2, -60])
        row: dict[str, Any] = {"node": target[0], "service": target[1], "status": draw.choice(words)}
        row |= draw.choice(
            [
                {"started_at": ago(begun)},
                {"timestamp": ago(begun)},
                {"started_at": ago(begun), "completed_at": ago(begun - 1)},
                {},
                {"started_at": ago(begun + 60), "completed_at": ago(begun)},
            ]
        )
        fleet.deployments.append((f"d{len(fleet.deployments)}", row))
    return True


@twist
def failing_executor(fleet: Fleet, draw: Random) -> bool:
    """A service's deployments fail again and again, and one more is under way."""
    target = some_target(fleet, draw)
    if not target:
        return False
    for place in range(draw.choice([2, 3, 5])):
        row = {"node": target[0], "service": target[1], "status": "failed", "started_at": ago(20 + 9 * place)}
        fleet.deployments.append((f"d{len(fleet.deployments)}", row))
    if draw.random() < 0.7:
        row = {"node": target[0], "service": target[1], "status": "running", "started_at": ago(draw.choice([3, 12]))}
        fleet.deployments.append((f"d{len(fleet.deployments)}", row))
    if draw.random() < 0.7:
        fleet.replace_service("/".join(target).lower(), {"status": "exited"})
    return True


@twist
def being_deployed(fleet: Fleet, draw: Random) -> bool:
    """A service that is down is being deployed."""
    target = some_target(fleet, draw)
    if not target:
        return False
    row = {"node": target[0], "service": target[1], "status": "in_progress", "started_at": ago(draw.choice([1, 4, 11]))}
    fleet.deployments.append((f"d{len(fleet.deployments)}", row))
    key = "/".join(target).lower()
    if draw.random() < 0.5:
        fleet.drop_services({key})
    else:
        fleet.replace_service(key, {"status": draw.choice(["exited", "restarting"])})
    return True


@twist
def incidents(fleet: Fleet, draw: Random) -> bool:
    """There are incidents."""
    for _ in range(draw.choice([1, 1, 2, 3])):
        node, name = some_target(fleet, draw) or ("piha", "web")
        service = draw.choice([{"service": name}] * 4 + [{}, {"service": draw.choice(SERVICES)}])
        identity = f"inc-{len(fleet.incidents)}"
        triggers = ["disk_full", "containers_not_running", "image_pull_failed", "mqtt_unreachable", "other", None]
        row: dict[str, Any] = {"id": identity, "node": node, **service, "trigger_type": draw.choice(triggers)}
        row |= {
            "status": draw.choice(["active", "active", "active", "resolved", None]),
            "started_at": ago(draw.choice([3, 90, 2000])),
        }
        row |= {"severity": draw.choice(["warning", "critical", None]), "occurrence_count": draw.choice([1, 4, 5, 40])}
        row |= draw.choice(
            [
                {},
                {},
                {"resolved_at": ago(1)},
                {"resolved_at": ago(100)},
                {"last_occurrence": ago(2)},
                {"resolved_at": "x"},
            ]
        )
        fleet.incidents.append((identity, row))
        if draw.random() < 0.4:
            key = draw.choice([f"{node}/{name}".lower(), some_service(fleet, draw)])
            if key:
                fleet.replace_service(key, {"incident_id": identity})
        if draw.random() < 0.5:
            fleet.replace_service(f"{node}/{name}".lower(), {"status": draw.choice(["exited", "restarting"])})
    return True


# ---- the inventory ----


@twist
def unmonitored(fleet: Fleet, draw: Random) -> bool:
    """A service is not monitored."""
    target = some_target(fleet, draw)
    if target:
        entry(fleet, target).update(
            draw.choice([{"monitor": False}, {"enabled": False}, {"monitor": "no"}, {"monitor": "off"}])
        )
    return target is not None


@twist
def more_needs(fleet: Fleet, draw: Random) -> bool:
    """More services need others."""
    for node, name in fleet.targets():
        if draw.random() < 0.5:
            needed = draw.choice(list(fleet.hosts[node]))
            scope = draw.choice(["local", "external", "long"])
            entry(fleet, (node, name))["depends_on"] = {needed: {}} if scope == "long" else {scope: [needed]}
    return True


@twist
def cycle(fleet: Fleet, draw: Random) -> bool:
    """Some services need each other."""
    node = draw.choice(list(fleet.hosts)) if fleet.hosts else None
    names = list(fleet.hosts[node])[:3] if node else []
    if node is None or len(names) < 2:
        return False
    others = [target for target in fleet.targets() if target[0] != node]
    for name, following in zip(names, [*names[1:], names[0]], strict=True):
        needs = {"local": [following]}
        if others and draw.random() < 0.3:
            needs["external"] = [draw.choice(others)[1]]
        entry(fleet, (node, name))["depends_on"] = needs
        if draw.random() < 0.7:
            fleet.replace_service(f"{node.lower()}/{name}", {"status": "exited"})
    return True


@twist
def compose_needs(fleet: Fleet, draw: Random) -> bool:
    """A service needs another as Compose says it."""
    target = some_target(fleet, draw)
    if target:
        other = draw.choice(list(fleet.hosts[target[0]]))
        forms: list[dict[str, Any]] = [
            {"links": [f"{other}:x"]},
            {"network_mode": f"service:{other}"},
            {"ipc": f"service:{other}"},
        ]
        forms += [{"pid": f"service:{other}"}, {"volumes_from": [f"{other}:ro"]}, {"network_mode": "host"}]
        entry(fleet, target).update(draw.choice(forms))
        if draw.random() < 0.7:
            fleet.replace_service(f"{target[0].lower()}/{other}", {"status": "exited"})
            fleet.replace_service("/".join(target).lower(), {"status": "exited"})
    return target is not None


@twist
def jobs(fleet: Fleet, draw: Random) -> bool:
    """A service is a job."""
    target = some_target(fleet, draw)
    if not target:
        return False
    entry(fleet, target).update(
        draw.choice([{"run": "once"}, {"run": "scheduled"}, {"restart": "no"}, {"restart": False}])
    )
    key = "/".join(target).lower()
    if draw.random() < 0.3:
        fleet.drop_services({key})
    else:
        fleet.replace_service(
            key, {"status": draw.choice(["Exited (0) 1 hour ago", "exited (1)", "completed", "ok", "starting"])}
        )
    others = [name for name in fleet.hosts[target[0]] if name != target[1]]
    if others:
        name = draw.choice(others)
        condition = draw.choice([COMPLETION, COMPLETION, "service_started"])
        entry(fleet, (target[0], name))["depends_on"] = {target[1]: {"condition": condition}}
        if draw.random() < 0.5:
            fleet.replace_service(f"{target[0]}/{name}".lower(), {"status": "exited"})
    return True


@twist
def not_asked(fleet: Fleet, draw: Random) -> bool:
    """A service is not asked for: a profile, or no replicas."""
    target = some_target(fleet, draw)
    if target:
        forms: list[dict[str, Any]] = [
            {"profiles": ["debug"]},
            {"profiles": ["debug"]},
            {"deploy": {"replicas": 0}},
            {"scale": 0},
        ]
        entry(fleet, target).update(draw.choice(forms))
        if draw.random() < 0.3:
            fleet.settings["profiles"] = ["debug"]
    return target is not None


@twist
def containers(fleet: Fleet, draw: Random) -> bool:
    """A service has containers of other names."""
    target = some_target(fleet, draw)
    if not target:
        return False
    node, name = target[0].lower(), target[1]
    names = [f"{name}-cp-a", f"{name}-cp-b", f"Cp-{name}"][: draw.choice([1, 2, 3])]
    single = {"container_name": names[0], "containers": names[1:]}
    entry(fleet, target).update(draw.choice([{"containers": names}, single]))
    if draw.random() < 0.85:
        fleet.drop_services({f"{node}/{name}"})
    for one in names:
        if draw.random() < 0.85:
            fleet.services.append((f"{node}/{one}", container(draw)))
    share_names(fleet, draw, target, names)
    about_containers(fleet, draw, target, names)
    return True


def share_names(fleet: Fleet, draw: Random, target: tuple[str, str], names: list[str]) -> None:
    """Let another service claim one of the names, or bear it."""
    others = [name for name in fleet.hosts[target[0]] if name != target[1]]
    if others and draw.random() < 0.2:
        entry(fleet, (target[0], draw.choice(others)))["containers"] = names[:1]


def about_containers(fleet: Fleet, draw: Random, target: tuple[str, str], names: list[str]) -> None:
    """Add a deployment or an incident that names a container."""
    named = {"node": target[0], "service": draw.choice(names)}
    if draw.random() < 0.3:
        row = {**named, "status": draw.choice(["failed", "running"]), "started_at": ago(4)}
        fleet.deployments.append((f"d{len(fleet.deployments)}", row))
    if draw.random() < 0.3:
        row = {**named, "id": f"inc-{len(fleet.incidents)}", "status": "active", "started_at": ago(4)}
        fleet.incidents.append((f"inc-{len(fleet.incidents)}", row))


def container(draw: Random) -> dict[str, Any]:
    """Return the record of one container."""
    status = draw.choice(["ok", "ok", "ok", "exited", "restarting", "starting", None, "Up 2 hours"])
    record: dict[str, Any] = {"status": status, "last_seen": draw.choice([ago(1), ago(1), ago(20), None])}
    if status == "starting":
        record["since"] = draw.choice([ago(2), ago(12), None])
    return record


@twist
def replicas(fleet: Fleet, draw: Random) -> bool:
    """A service runs in replicas."""
    target = some_target(fleet, draw)
    if not target:
        return False
    node, name = target[0].lower(), target[1]
    if draw.random() < 0.85:
        fleet.drop_services({f"{node}/{name}"})
    joint = draw.choice("-_")
    numbers = draw.choice([[1], [1, 2], [1, 2, 3], [2, 3], [1, 10]])
    taken = {key for key, _ in fleet.services}
    keys = [f"{node}/{name}{joint}{number}" for number in numbers]
    fleet.services += [(key, container(draw)) for key in keys if key not in taken]
    about_containers(fleet, draw, target, [key.split("/")[1] for key in keys])
    return True


@twist
def windows(fleet: Fleet, draw: Random) -> bool:
    """Something is planned."""
    window: dict[str, Any] = draw.choice(
        [
            {"from": "11:30", "to": "12:30"},
            {"from": "12:00", "to": "13:00", "days": ["wed"]},
            {"from": "13:00", "to": "12:00"},
            {"days": ["mon-fri"]},
            {"from": "11:30", "to": "12:30", "days": ["sat", "sun"]},
            {"from": "14:00", "to": "14:30", "zone": "Europe/Berlin"},
            {"from": "23:00", "to": "12:30", "days": ["tue"]},
            {"from": "11:30", "to": "12:30", "dates": ["2026-06-01", "2026-06-03"]},
            {"from": "11:30", "to": "12:30", "dates": ["2026-06-04", "2026-06-30"]},
        ]
    )
    target = some_target(fleet, draw)
    place = draw.random()
    if place < 0.1:
        fleet.settings["maintenance"] = [window]
    elif target and place < 0.6:
        entry(fleet, target)["maintenance"] = [window]
        fleet.replace_service("/".join(target).lower(), {"status": draw.choice(["exited", "ok"])})
    elif target:
        add_to_node(fleet, target[0], f"maintenance: [{as_yaml(window)}]\n")
        if draw.random() < 0.6:
            fleet.replace_node(target[0].lower(), {"status": draw.choice(["offline", "online"])})
    return True


def as_yaml(window: dict[str, Any]) -> str:
    """Return a window as YAML in one line."""
    return (
        "{"
        + ", ".join(
            f"{key}: {str(value).replace(chr(39), chr(34)) if isinstance(value, list) else chr(34) + value + chr(34)}"
            for key, value in window.items()
        )
        + "}"
    )


def add_to_node(fleet: Fleet, node: str, line: str) -> None:
    """Add a line to a node's `node.yaml`, unless it has that key."""
    path = f"hosts/{node}/node.yaml"
    key = line.partition(":")[0]
    if f"{key}:" not in fleet.extra.get(path, ""):
        fleet.extra[path] = fleet.extra.get(path, "") + line


@twist
def unmonitored_node(fleet: Fleet, draw: Random) -> bool:
    """A node is not monitored."""
    node = draw.choice(list(fleet.hosts)) if fleet.hosts else None
    if node is None:
        return False
    if draw.random() < 0.7:
        add_to_node(fleet, node, f"monitor: {draw.choice(['no', 'false', 'off'])}\n")
    else:
        add_topology(fleet, node, "{monitor: false}")
    return True


def add_topology(fleet: Fleet, node: str, fields: str) -> None:
    """Add a node to the topology, unless it is there."""
    path = "inventory/topology.yaml"
    text = fleet.extra.get(path, "nodes:\n")
    if f"  {node.lower()}:" not in text:
        fleet.extra[path] = f"{text}  {node.lower()}: {fields}\n"


@twist
def topology(fleet: Fleet, draw: Random) -> bool:
    """The topology has a node without a folder."""
    name = draw.choice(["router", "switch", "edge"])
    add_topology(fleet, name, draw.choice(["{roles: [router]}", "{services: [web]}", ""]))
    if draw.random() < 0.7 and name not in {key for key, _ in fleet.nodes}:
        fleet.nodes.append(
            (name, draw.choice([{"status": "online"}, {"status": "online", "last_seen": ago(draw.choice([1, 30]))}]))
        )
    return True


@twist
def capabilities(fleet: Fleet, draw: Random) -> bool:
    """A node's capabilities say something, or cannot be read."""
    node = draw.choice(list(fleet.hosts)) if fleet.hosts else None
    if node:
        texts = [
            "{operational: {connectivity: intermittent}}",
            "{operational: {availability_target: best-effort}}",
            "[",
        ]
        fleet.extra[f"hosts/{node}/capabilities.yaml"] = f"capabilities: {draw.choice(texts)}\n"
        if draw.random() < 0.7:
            seen = ago(draw.choice([6, 30, 59, 61, 90]))
            fleet.replace_node(node.lower(), {"last_seen": seen})
            for key, _ in fleet.services:
                if key.startswith(f"{node.lower()}/") and draw.random() < 0.9:
                    fleet.replace_service(key, {"last_seen": seen})
    return node is not None


@twist
def bad_entry(fleet: Fleet, draw: Random) -> bool:
    """The entry of a service cannot be read."""
    target = some_target(fleet, draw)
    if target:
        bad = [5, "text", {"monitor": "perhaps"}, {"run": "sometimes"}, {"depends_on": "db"}, ["x"], {"depends_on": 3}]
        fleet.hosts[target[0]][target[1]] = draw.choice(bad)
        if draw.random() < 0.5:
            fleet.replace_service("/".join(target).lower(), {"status": "exited"})
    return target is not None


@twist
def unreadable_services(fleet: Fleet, draw: Random) -> bool:
    """A file of services cannot be read, or has an entry without a name."""
    node = draw.choice(list(fleet.hosts)) if fleet.hosts else None
    if node is None:
        return False
    text = draw.choice(["services: [\n", "services:\n- web\n- {role: x}\n", "services:\n\tweb:\n"])
    fleet.extra[f"hosts/{node}/services.yaml"] = text
    fleet.hosts[node] = {"web": None} if "- web" in text else {}
    return True


@twist
def shared_file(fleet: Fleet, draw: Random) -> bool:
    """What a service needs stands in a file of its own, which may be unreadable."""
    target, other = some_target(fleet, draw), some_target(fleet, draw)
    if target and other:
        text = f"service: {{name: {target[1]}, dependencies: [{other[1]}]}}" if draw.random() < 0.7 else "service: ["
        fleet.extra[f"services/{target[1]}/service.yaml"] = text
        if draw.random() < 0.6:
            fleet.replace_service("/".join(target).lower(), {"status": "exited"})
            fleet.replace_service("/".join(other).lower(), {"status": "exited"})
    return target is not None


@twist
def stacks(fleet: Fleet, draw: Random) -> bool:
    """A node has stacks of Compose."""
    node = draw.choice(list(fleet.hosts)) if fleet.hosts else None
    if node is None:
        return False
    for stack in draw.sample(["immich", "paperless", "_old"], draw.choice([1, 2, 3])):
        name = draw.choice(["compose.yaml", "docker-compose.yml"])
        fleet.extra[f"hosts/{node}/{stack}/{name}"] = "services:\n  server: {depends_on: [db]}\n  db:\n"
        for service in ("server", "db"):
            shape = draw.choice([f"{stack}-{service}-1", f"{stack}_{service}_1", f"{stack}-{service}", service])
            taken = {key for key, _ in fleet.services}
            if draw.random() < 0.9 and f"{node.lower()}/{shape}" not in taken:
                status = draw.choice(["ok", "ok", "exited"])
                fleet.services.append((f"{node.lower()}/{shape}", {"status": status, "last_seen": ago(1)}))
    return True


@twist
def other_folders(fleet: Fleet, draw: Random) -> bool:
    """There are folders beside the nodes'."""
    fleet.extra["hosts/common/global.nix"] = "{ }"
    fleet.extra["hosts/_template/services.yaml"] = "services: {web: {{ name }}}"
    if draw.random() < 0.3:
        fleet.extra["hosts/bare/networking.yaml"] = "x: 1"
    return True


@twist
def emptied(fleet: Fleet, draw: Random) -> bool:
    """The inventory asks for nothing of a node any more."""
    node = draw.choice(list(fleet.hosts)) if fleet.hosts else None
    if node is None:
        return False
    for name in ("x1", "x2", "x3")[: draw.choice([2, 3])]:
        fleet.services.append((f"{node.lower()}/{name}x", {"status": "ok", "last_seen": ago(1)}))
    fleet.hosts[node] = {}
    return True


# ---- settings and people ----


@twist
def settings(fleet: Fleet, draw: Random) -> bool:
    """A setting differs."""
    fleet.settings |= draw.choice(
        [
            {"report_unexpected": True},
            {"report_unexpected": True},
            {"match_short_names": False},
            {"service_ttl": 0},
            {"no_cleanup_nodes": ["n*", "p*"]},
            {"naive_timezone": "Europe/Berlin"},
            {"clock_tolerance": 10800},
            {"node_drift_min": 3},
            {"mass_drift_min": 2},
            {"mass_offline_min": 2},
            {"compose": False},
            {"max_restarts": 1},
        ]
    )
    return True


@twist
def acknowledged(fleet: Fleet, draw: Random) -> bool:
    """Somebody answers for a target."""
    target = some_target(fleet, draw)
    if target:
        node = target[0].lower()
        fleet.acknowledged.append(
            draw.choice([f"{node}/{target[1]}", f"{node}/{target[1]}", f"{node}/all", "fleet/all"])
        )
    return target is not None
