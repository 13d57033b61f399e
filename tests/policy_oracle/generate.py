"""Random cases: a small fleet, a policy, a past, and a moment near where something changes."""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.policy_oracle import memory as remember
from tests.policy_oracle.book import Record
from tests.policy_oracle.facts import Facts, Target, canonical_hash
from tests.policy_oracle.words import CURES, DEFAULT_LADDER, TIMEOUT, VERB_CLASS, H, M, S

NAMES = ["db", "web", "dns", "mqtt", "app", "etcd"]
MOMENTS = [
    datetime(2026, 6, 3, 12, 0, tzinfo=UTC),
    datetime(2026, 6, 5, 20, 0, tzinfo=UTC),
    datetime(2026, 6, 6, 3, 50, tzinfo=UTC),
    datetime(2026, 3, 28, 22, 0, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 58, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, tzinfo=UTC),
]
SHIFTS = [timedelta(), S, -S, 30 * S, -30 * S, M, -M, 9 * M, -9 * M, H]
WORDS = ["unhealthy", "unhealthy", "exited (1)", "restarting", "starting", "absent", "absent", "odd", "completed"]
PEOPLE = [
    {"uid": 1000, "name": "anna"},
    {"uid": 1001, "name": "ben", "classes": ["safe", "guarded"], "targets": ["a/*", "b/*"]},
    {"uid": 1002, "name": "cleo"},
]
RESULTS = ["done", "done", "failed", "timed_out", "lost", "aborted"]
OUTCOMES = ["not_recovered", "not_recovered", "recovered", "worse", "unknown", "explained", "superseded", "relapsed"]
SECONDS = {"settle": 30, "confirm_span": 60, "worse_span": 180, "verify_within": 600, "verify_grace": 900}


@dataclass
class Past:
    """All that a run is decided by, beside the world."""

    as_of: datetime
    policy: dict[str, Any]
    numbers: dict[str, Any]
    records: list[Record] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=remember.empty)
    episodes: dict[str, datetime] = field(default_factory=dict)
    acks: dict[Target, datetime] = field(default_factory=dict)
    flapping: dict[Target, datetime] = field(default_factory=dict)
    operators: list[dict[str, Any]] = field(default_factory=lambda: PEOPLE)
    is_broken: bool = False
    """Whether somebody changed the ledger's journals."""


def pick_moment(dice: random.Random) -> datetime:
    return dice.choice([MOMENTS[0], dice.choice(MOMENTS)]) + dice.choice(SHIFTS)


# ---- the world ----


def write_world(dice: random.Random, folder: Path, as_of: datetime) -> None:
    """Write an inventory and a world in which a few things are not well."""
    nodes = ["a", "b", "c", "d"][: dice.choice([2, 3, 3, 4])]
    services = {node: dice.sample(NAMES, dice.choice([1, 2, 2, 3, 4])) for node in nodes}
    for node, names in services.items():
        write_host(dice, folder, node, names)
    roles = {
        "nodes": {node: {"roles": dice.sample(["edge", "core", "nas"], 1)} for node in nodes if dice.random() < 0.5}
    }
    put(folder / "inventory/topology.yaml", yaml.safe_dump(roles))
    targets = [f"{node}/{name}" for node, names in services.items() for name in names]
    at = (as_of - dice.choice([timedelta()] * 8 + [3 * M, 3 * M + S, 20 * M])).timestamp()
    documents = {
        "nodes.json": {node: {"status": "online", "last_seen": at, **node_twist(dice, at)} for node in nodes},
        "services.json": {name: {"status": "healthy", "last_seen": at} for name in targets},
        "incidents.json": {},
        "deployments.json": {},
        "runtime-summary.json": {"status": "ok", "last_update": at},
    }
    ill = dice.sample(targets, min(len(targets), dice.choice([1, 1, 2, 2, 3, 4])))
    for name in ill:
        spoil(dice, documents, name, at, as_of)
    for name, document in documents.items():
        put(folder / "world" / name, json.dumps(document))


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_host(dice: random.Random, folder: Path, node: str, names: list[str]) -> None:
    entries = {}
    for name in names:
        entry: dict[str, Any] = {}
        if dice.random() < 0.5:
            entry["depends_on"] = depend(dice, [other for other in NAMES if other != name])
        for key, words in (("role", ["broker", "store"]), ("exposure", ["private", "public"])):
            if dice.random() < 0.4:
                entry[key] = dice.choice(words)
        if dice.random() < 0.04:
            entry["monitor"] = False
        if dice.random() < 0.03:
            entry["maintenance"] = [{"from": "00:00", "to": "24:00"}]
        entries[name] = entry
    put(folder / f"hosts/{node}/services.yaml", yaml.safe_dump({"services": entries}))
    if dice.random() < 0.4:
        connectivity = dice.choice(["stable", "intermittent"])
        put(folder / f"hosts/{node}/capabilities.yaml", yaml.safe_dump({"operational": {"connectivity": connectivity}}))


def depend(dice: random.Random, names: list[str]) -> Any:
    some = dice.sample(names, dice.choice([1, 1, 2]))
    return dice.choice([some, {"local": some}, {"external": some}])


def node_twist(dice: random.Random, at: float) -> dict[str, Any]:
    roll = dice.random()
    if roll < 0.12:
        gone = dice.choice([15 * M, 15 * M - S, 15 * M + S, H, 5 * M])
        return {"status": "offline", "last_seen": at - gone.total_seconds()}
    if roll < 0.2:
        return {"disk_pressure": "high"}
    return {"memory_pressure": "high"} if roll < 0.22 else {}


def spoil(dice: random.Random, documents: dict[str, Any], name: str, at: float, as_of: datetime) -> None:
    """Make one service ill, and perhaps say why."""
    node, _, service = name.partition("/")
    word = dice.choice(WORDS)
    if word == "absent":
        del documents["services.json"][name]
    elif dice.random() < 0.9:
        seen = at - dice.choice([0, 0, 0, 120, 900])
        documents["services.json"][name] = {"status": word, "last_seen": seen}
    roll = dice.random()
    if roll < 0.45:
        trigger = dice.choice(["containers_not_running", "mqtt_unreachable", "disk_full", "other"])
        documents["incidents.json"][f"inc-1-{node}-{service}"] = {
            "id": f"inc-1-{node}-{service}", "node": node, "service": service, "status": "active",
            "severity": dice.choice(["warning", "critical"]), "trigger_type": trigger, "started_at": at - 600,
            "occurrence_count": dice.choice([1, 1, 6]),
        }  # fmt: skip
    if 0.4 < roll < 0.6:
        for count in range(dice.choice([1, 1, 3])):
            documents["deployments.json"][f"dep-{count}-{node}-{service}"] = {
                "node": node, "service": service, "status": dice.choice(["failed", "failed", "completed", "running"]),
                "started_at": as_of.timestamp() - dice.choice([1800, 1799, 7200, 300]) - count,
            }  # fmt: skip


# ---- the policy ----


def make_policy(dice: random.Random) -> dict[str, Any]:
    """Return a policy with a few lines of everything."""
    policy: dict[str, Any] = {"rules": make_rules(dice)}
    if dice.random() < 0.5:
        add_windows(dice, policy)
    add_surroundings(dice, policy)
    return policy


def add_windows(dice: random.Random, policy: dict[str, Any]) -> None:
    policy["windows"] = {
        "night": {"days": ["mon-fri"], "from": "01:00", "to": "05:00"},
        "early": {"from": "02:00", "to": "03:00"},
        "friday": {"days": ["fri"], "from": "22:00", "to": "06:00"},
        "noon": {"from": "12:00", "to": dice.choice(["12:10", "12:30"]), "zone": "UTC"},
        "june": {"dates": ["2026-06-03", "2026-06-05"]},
    }
    policy["zone"] = dice.choice(["Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe"])
    for rule in policy["rules"]:
        if dice.random() < 0.5:
            key = dice.choice(["allow", "allow", "deny"])
            rule["when"] = {key: dice.sample(sorted(policy["windows"]), dice.choice([1, 2]))}
    if dice.random() < 0.15:
        policy["freeze"] = [dice.choice(["june", "friday"])]


def add_surroundings(dice: random.Random, policy: dict[str, Any]) -> None:
    """Add domains, groups, places to move to, and what lowers the mode."""
    if dice.random() < 0.2:
        policy["domains"] = {"rack": ["a", "b"]}
    if dice.random() < 0.25:
        names = dice.sample(NAMES, 1)
        policy["groups"] = {
            "g": {"targets": [f"*/{n}" for n in names], "min_available": dice.choice(["majority", 1, 2])}
        }
    if dice.random() < 0.7:
        policy["failover"] = {
            f"{dice.choice('abcd')}/{name}": {"to": dice.sample("abcd", 2), "singleton": dice.random() < 0.5}
            for name in dice.sample(NAMES, 4)
        }
    if dice.random() < 0.15:
        policy["protected"] = [f"*/{dice.choice(NAMES)}"]
    if dice.random() < 0.3:
        policy["ceilings"] = [
            {"match": make_match(dice), "mode": dice.choice(["observe", "suggest", "approve", "approve"])}
            for _ in range(2)
        ]


def make_rules(dice: random.Random) -> list[dict[str, Any]]:
    rules = [make_rule(dice, f"r{place}", make_match(dice)) for place in range(dice.choice([0, 1, 1, 2]))]
    if dice.random() < 0.93:
        rules.append(make_rule(dice, "all", {}))
    return rules


def make_rule(dice: random.Random, name: str, match: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": name,
        "match": match,
        "mode": dice.choice(["auto", "auto", "auto", "approve", "suggest"]),
    }
    ladders = [
        ["restart", "restart", "redeploy", "diagnostics"],
        ["redeploy", "diagnostics"],
        ["restart"],
        ["diagnostics"],
    ]
    if dice.random() < 0.4:
        rule["ladder"] = dice.choice(ladders)
    if dice.random() < 0.1:
        rule["class"] = dice.choice(["guarded", "dangerous"]) if rule["mode"] != "auto" else "guarded"
    if dice.random() < 0.25:
        options = ["other_instance_healthy", "no_open_incident", "no_recent_deployment"]
        rule["needs"] = dice.sample(options, dice.choice([1, 2]))
    numbers = {
        "cooldown": "10m", "cooldown_factor": 3, "cooldown_max": "1h", "act_after": "5m", "act_after_worlds": 3,
        "window_margin": "30m", "timeout": "4m", "approvals": 2, "failover_after": "5m",
    }  # fmt: skip
    for key in dice.sample(sorted(numbers), dice.choice([0, 0, 1, 2])):
        rule[key] = numbers[key]
    return rule


def make_match(dice: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {
        "action": dice.sample(["container_restart", "redeploy", "diagnostics", "disk_cleanup", "failover_review"], 2),
        "event_type": ["reconcile_required"],
        "drift_kind": dice.sample(
            ["missing_service", "unhealthy_service", "failed_deployment", "unresolved_incident"], 1
        ),
        "class": [dice.choice(["safe", "guarded"])],
        "severity": dice.choice(["<=error", ">=error", ["critical"], "<critical", "warning"]),
        "node": dice.sample("abcd", 2),
        "service": [dice.choice(["d*", "?eb", "*t*", "all"])],
        "target": [dice.choice(["a/*", "*/db", "b/web"])],
        "role": ["broker"],
        "exposure": ["pub*"],
        "node_role": ["edge", "n*"],
        "connectivity": [dice.choice(["stable", "intermittent"])],
        "flapping": dice.random() < 0.5,
        "blast_radius": dice.choice(["<=1", ">0", "0"]),
        "consecutive_failures": dice.choice([">=1", "<3"]),
    }
    return {key: options[key] for key in dice.sample(sorted(options), dice.choice([1, 1, 2]))}


def make_numbers(dice: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {
        "automation": dice.choice(["observe", "suggest", "approve"]), "max_unhealthy_min": 1,
        "max_unhealthy_share": "0.2",
        "storm_cooldown": "5m", "start_grace": "1m", "act_after": "2m", "cooldown": "20m", "max_concurrent": 1,
        "rate_target": "1/1h", "rate_node": "1/1h", "rate_fleet": "2/1h", "budget": "2/24h", "rate_diagnostics": "1/1h",
        "collateral_min": 1, "breaker_failures": 2, "breaker_node_failures": 1, "breaker_cooldown": "1h",
        "breaker_max": "2h", "dangerous_approvals": 2, "reject_hold": "1h", "max_no_effect": 1, "approvals": 2,
    }  # fmt: skip
    numbers = {key: options[key] for key in dice.sample(sorted(options), dice.choice([0, 1, 2, 3]))}
    if "collateral_min" in numbers:
        numbers["collateral_share"] = "0"
    return {"automation": "auto", **numbers}


# ---- the past ----


def make_past(dice: random.Random, facts: Facts) -> Past:
    """Return what was before, in keeping with what a world shows."""
    past = Past(facts.as_of, make_policy(dice), make_numbers(dice))
    targets = sorted(facts.monitored)
    if dice.random() < 0.12:
        targets += [(node, "all") for node in facts.nodes]
    ill = [(row["node"], row["service"]) for row in facts.recommendations if row["action"] in DEFAULT_LADDER]
    troubled = dice.sample(targets, min(len(targets), dice.choice([0, 0, 1, 2]))) + dice.sample(ill, min(len(ill), 1))
    for target in dict.fromkeys(troubled):
        if target[0] in facts.nodes and dice.random() < 0.7:
            past.records += make_problem(dice, facts, target)
    past.records += make_orders(dice, facts, targets)
    past.records.append(make_capabilities(dice, facts))
    fill_memory(dice, facts, past)
    number(past)
    return past


def number(past: Past) -> None:
    """Number the records by their moments."""
    past.records.sort(key=lambda row: row["at"])
    for n, row in enumerate(past.records, start=1):
        row["n"] = n


def make_problem(dice: random.Random, facts: Facts, target: Target) -> list[Record]:
    """Return the records of one problem with a few attempts."""
    count = dice.choice([0, 1, 1, 2, 3, 5])
    rests = [30 * M, 30 * M, 60 * M, 10 * M, 5 * M, 20 * M, 2 * H, 7 * H, 12 * H]
    at = facts.as_of - dice.choice(rests) + dice.choice([timedelta(), S, -S])
    times = []
    for _ in range(count):
        times.append(at)
        at -= dice.choice([35 * M, 65 * M, 5 * H])
    problem_at = at
    node, service = target
    desired = facts.hashes.get(target) if dice.random() < 0.95 else "0" * 64
    where = {"node": node, "service": service}
    records = [
        {
            "kind": "problem_opened",
            "at": problem_at,
            **where,
            "problem_at": problem_at,
            "desired_hash": desired,
            "stable_for": 1800,
        }
    ]
    for place, ended_at in enumerate(reversed(times), start=1):
        records += make_attempt(dice, facts, target, problem_at, place, ended_at, desired, place == count)
    return records


def make_attempt(
    dice: random.Random,
    facts: Facts,
    target: Target,
    problem_at: datetime,
    place: int,
    ended_at: datetime,
    desired: Any,
    is_last: bool,
) -> list[Record]:
    node, service = target
    verb = "cleanup" if service == "all" else dice.choice(["restart", "restart", "redeploy", "diagnostics"])
    started_at = ended_at - dice.choice([5, 60]) * S
    intent = canonical_hash(["made", *target, place, str(problem_at)])
    where = {"node": node, "service": service, "verb": verb, "params": {}, "number": place, "problem_at": problem_at}
    neighbours = [f"{node}/{name}" for _, name in facts.neighbours(target, None)] if service != "all" else []
    basis = {
        "world_at": started_at, "causing_kinds": dice.choice([sorted(CURES[verb]), ["unhealthy_service"]]),
        "severity": dice.choice(["critical", "critical", "error", "warning", None]),
        "clean_neighbours": sorted(neighbours) if dice.random() < 0.5 else [],
    }  # fmt: skip
    proposed = {
        "kind": "proposed", "at": started_at, "intent_id": intent, "action_id": f"{verb}-{node}-{service}", **where,
        "class": VERB_CLASS[verb], "evidence_fingerprint": "0" * 64, "recommendation_id": None, "rule_id": None,
        "mode": "auto", "approvals": 1,
    }  # fmt: skip
    started = {
        "kind": "started", "at": started_at, "intent_id": intent, "fence": 1, **where, "step_hash": None,
        "desired_hash": desired, "numbers": {**SECONDS, "timeout": int(TIMEOUT[verb].total_seconds())}, "basis": basis,
    }  # fmt: skip
    return [proposed, started, *make_end(dice, intent, verb, ended_at, facts.as_of, is_last)]


def make_end(
    dice: random.Random, intent: str, verb: str, ended_at: datetime, as_of: datetime, is_last: bool
) -> list[Record]:
    if is_last and dice.random() < 0.15:
        return []
    result = dice.choice(["no_effect", *RESULTS])
    said = {"kind": "ended", "at": ended_at, "intent_id": intent, "fence": 1, "result": result}
    if result == "lost":
        said |= {"kind": "lost", "ended_at": ended_at}
    if is_last and dice.random() < 0.5:
        return [said]
    if verb == "diagnostics":
        outcome = "collected" if result == "done" else "not_collected"
    else:
        outcome = "no_effect" if result == "no_effect" else dice.choice(OUTCOMES)
    settled_at = min(ended_at + dice.choice([2, 3, 10]) * M, as_of - S)
    first = "recovered" if outcome == "relapsed" else outcome
    records = [
        said,
        {"kind": "verified", "at": settled_at, "intent_id": intent, "outcome": first, "world_at": settled_at},
    ]
    return records + ([{"kind": "relapsed", "at": settled_at, "intent_id": intent}] if outcome == "relapsed" else [])


def make_orders(dice: random.Random, facts: Facts, targets: list[Target]) -> list[Record]:
    """Return what operators said."""
    now = facts.as_of
    names = ["/".join(target) for target in targets]
    names += [f"{node}/all" for node in facts.nodes] + ["fleet/all"]
    found = [*make_holds(dice, now, names), *make_halts(dice, now)]
    if dice.random() < 0.15:
        found.append({"kind": "reset", "at": now - dice.choice([M, 8 * M, 40 * M]), "target": dice.choice(names)})
    if dice.random() < 0.3:
        found += [{"kind": "attest_down", "at": now - dice.choice([M, 30 * M]), "node": node} for node in facts.nodes]
    if dice.random() < 0.25 and targets:
        found.append(make_request(dice, facts, targets))
    for row in found:
        row["uid"] = dice.choice([1000, 1001, 1002])
    return found


def make_holds(dice: random.Random, now: datetime, names: list[str]) -> list[Record]:
    count, ends = dice.choice([0, 0, 0, 1, 2]), [now, now + S, now - S, now + H]
    said = {"kind": "hold", "at": now - 2 * H}
    found = [{**said, "target": dice.choice(names), "until": dice.choice(ends)} for _ in range(count)]
    if dice.random() < 0.1:
        found.append({"kind": "release", "at": now - H, "target": dice.choice(names)})
    if dice.random() < 0.03:
        at = now + dice.choice([60 * S, 61 * S])
        found.append({"kind": "hold", "at": at, "target": "fleet/all", "until": at})
    return found


def make_halts(dice: random.Random, now: datetime) -> list[Record]:
    if dice.random() >= 0.1:
        return []
    halt = {"kind": "halt", "at": now - 2 * H, "until": dice.choice([None, now, now + S, now - S, now + H])}
    return [halt, {"kind": "resume", "at": now - H}] if dice.random() < 0.3 else [halt]


def make_request(dice: random.Random, facts: Facts, targets: list[Target]) -> Record:
    node, service = dice.choice(targets)
    verb = "cleanup" if service == "all" else dice.choice(["restart", "redeploy", "diagnostics"])
    at = facts.as_of - dice.choice([M, 5 * M])
    overrides = (
        dice.sample(["window", "cooldown", "rate_target", "breaker", "storm", "held"], 2) if dice.random() < 0.5 else []
    )
    return {
        "kind": "requested", "at": at, "node": node, "service": service, "verb": verb, "params": {},
        "ends_at": at + dice.choice([H, H, M]), "overrides": overrides,
        "overrides_end_at": at + dice.choice([H, M]) if overrides else None,
    }  # fmt: skip


def make_capabilities(dice: random.Random, facts: Facts) -> Record:
    offers = []
    for target in [*facts.services, *((node, "all") for node in facts.nodes)]:
        for verb in CURES:
            if (verb == "cleanup") == (target[1] == "all") and dice.random() < 0.96:
                reports = dice.random() < 0.5
                offers.append(
                    {"verb": verb, "target": "/".join(target), "step_hash": "5" * 64, "reports_deployments": reports}
                )
    at = facts.as_of - (dice.choice([24 * H, 24 * H + S]) if dice.random() < 0.1 else H)
    own = ["/".join(dice.choice(sorted(facts.services)))] if dice.random() < 0.1 else []
    return {"kind": "capabilities", "at": at, "offers": offers, "self": own}


def fill_memory(dice: random.Random, facts: Facts, past: Past) -> None:
    """Make up episodes, acknowledgements, and what the runs before left."""
    now, memory = facts.as_of, past.memory
    opened = [row for row in facts.recommendations if dice.random() < 0.96]
    past.episodes = {row["recommendation_id"]: now - dice.choice([H, H, M, M - S, 2 * M, 5 * M]) for row in opened}
    memory["last_run"] = now - dice.choice([30 * S, M, M, 30 * M, 30 * M + S])
    recent = [timedelta(days=7)] * 30 + [10 * M, 10 * M - S, M]
    memory["fleet_since"] = now - dice.choice(recent)
    memory["node_since"] = {node: now - dice.choice(recent) for node in facts.nodes if dice.random() < 0.97}
    for target in [*sorted(facts.monitored), *((node, "all") for node in facts.nodes)]:
        count = dice.choice([1, 2, 5, 5, 5, 5, 5, 5, 5])
        memory["seen"][target] = (count, facts.world_at - dice.choice([timedelta(), M]))
    if dice.random() < 0.1:
        memory["storm_at"] = now - dice.choice([10 * M, 10 * M - S, M])
    single_out(dice, facts, past)
    follow_up(dice, past)


def single_out(dice: random.Random, facts: Facts, past: Past) -> None:
    """Let one target rest, one be answered for, one flap."""
    now, targets = facts.as_of, sorted(facts.monitored) or [("a", "all")]
    if dice.random() < 0.1:
        past.memory["rest"][dice.choice(targets)] = now - dice.choice([10 * M, 10 * M - S])
    if dice.random() < 0.15:
        name = dice.choice([*targets, *((target[0], "all") for target in targets)])
        past.acks[name] = now + dice.choice([timedelta(), S, H])
    if dice.random() < 0.1:
        past.flapping[dice.choice(targets)] = now + H


def follow_up(dice: random.Random, past: Past) -> None:
    """Make up clean times of the open problems, and the progress of what has ended."""
    memory = past.memory
    for row in past.records:
        if row["kind"] == "problem_opened":
            at = dice.choice([None, memory["last_run"]])
            memory["clean"][row["node"], row["service"]] = (dice.choice([0, 10, 29, 40]) * M if at else timedelta(), at)
        if row["kind"] in {"ended", "lost"} and dice.random() < 0.7:
            memory["progress"][row["intent_id"]] = make_progress(dice, row["at"], past.as_of)


def make_progress(dice: random.Random, ended_at: datetime, now: datetime) -> dict[str, Any]:
    last = min(ended_at + dice.choice([M, 4 * M, 9 * M, 20 * M]), now - 30 * S)
    row = dict(remember.NO_PROGRESS, last_world_at=last)
    if dice.random() < 0.5:
        row |= {"clean_from": last - dice.choice([0, 30, 60]) * S, "clean_count": dice.choice([1, 2])}
    if dice.random() < 0.3:
        row |= {"worse_from": last - dice.choice([60, 180]) * S, "worse_count": dice.choice([1, 2])}
    row["paused_s"] = dice.choice([0, 0, 5, 12]) * M
    return row


def answer(dice: random.Random, past: Past, decisions: list[dict[str, Any]], begun_at: dict[str, datetime]) -> None:
    """Add what was proposed of what a run decided before, and what people and the executor said of it."""
    before = past.as_of - 20 * M
    opened = {(row["node"], row["service"]) for row in past.records if row["kind"] == "problem_opened"}
    for row in decisions:
        is_shown = row["recommendation_id"] and row["rule_id"] and row["verdict"] != "observe"
        if not is_shown or dice.random() < 0.4:
            continue
        at, where = begun_at[row["intent_id"]], {"node": row["node"], "service": row["service"]}
        if (row["node"], row["service"]) not in opened:
            said = {"kind": "problem_opened", "at": before, **where, "problem_at": at, "stable_for": 1800}
            past.records.append({**said, "desired_hash": row["desired"]})
        past.records.append({
            "kind": "proposed", "at": before, "intent_id": row["intent_id"], "action_id": "x", **where,
            "verb": row["verb"], "class": row["class"], "params": row["params"], "number": row["number"],
            "problem_at": at, "evidence_fingerprint": row["evidence"], "rule_id": row["rule_id"], "mode": row["mode"],
            "recommendation_id": row["recommendation_id"], "approvals": row["needed"],
        })  # fmt: skip
        past.records += say(dice, past, row["intent_id"], before)
    number(past)


def say(dice: random.Random, past: Past, intent: str, before: datetime) -> list[Record]:
    found = []
    for uid in dice.sample([1000, 1001, 1002], dice.choice([0, 1, 1, 2])):
        overrides = (
            dice.sample(["window", "cooldown", "rate_target", "breaker", "start_grace"], 2)
            if dice.random() < 0.4
            else []
        )
        found.append({
            "kind": "approved", "at": before + M, "uid": uid, "intent_id": intent, "overrides": overrides,
            "ends_at": past.as_of + dice.choice([timedelta(), S, 40 * M, 40 * M]),
            "overrides_end_at": past.as_of + dice.choice([S, timedelta(), 30 * M]) if overrides else None,
        })  # fmt: skip
    if dice.random() < 0.15:
        found.append(
            {"kind": "rejected", "at": past.as_of - dice.choice([M, 15 * M]), "uid": 1000, "intent_id": intent}
        )
    if dice.random() < 0.15:
        found.append(
            {
                "kind": "refused",
                "at": before + 2 * M,
                "intent_id": intent,
                "why": "starting",
                "world_at": past.as_of - dice.choice([timedelta(), M]),
            }
        )
    return found
