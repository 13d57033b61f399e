"""The same case, decided by the supervisor and by the oracle, and where the two differ."""

import random
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from flows.run.acting.frames import RunFrames, look_at_run
from flows.run.actions import Acting, Remembered, decide_actions, make_scene
from flows.run.gather import read_actual, read_desired
from flows.settings import Settings
from flows.sources.policy.policy_file import read_policy
from flows.text.values import read_as
from flows.views.policy_cases import describe
from schemas.acknowledgement import Acknowledgement
from schemas.canonical import spell_instant
from schemas.decider_record import ProblemClosed, Relapsed, Verified
from schemas.decision import Decided, Decision
from schemas.episode import Target, open_episode
from schemas.ledger import WRITERS, By, Entry, Ledger, read_record
from schemas.memory import CleanTime, Memory, Progress, SeenRow
from schemas.numbers import Numbers
from schemas.operator import Operator
from schemas.policy import Policy
from schemas.verb import Risk
from stages.fold_ledger import fold_ledger
from tests.policy_oracle import decide as oracle
from tests.policy_oracle.facts import Facts, read_facts
from tests.policy_oracle.generate import Past, answer, make_past, pick_moment, write_world

SHOWN = ("verdict", "decided_by", "verb")
COMPARED = ("rule_id", "mode", "class", "params", "until", "number", "guards", "moments", "intent_id", "evidence")

BROKEN = 0.05
"""The share of pasts whose ledger somebody changed."""


class Compared(NamedTuple):
    """What came of one case."""

    past: Past
    decisions: list[dict[str, Any]]
    written: list[tuple[str, ...]]
    differences: list[str]
    is_valid: bool


class World(NamedTuple):
    """One world, looked at by both."""

    folder: Path
    facts: Facts
    frames: RunFrames
    settings: Settings


def make_world(seed: int, folder: Path) -> World:
    """Write the world of a seed into an empty folder, and look at it."""
    dice = random.Random(seed)
    as_of = pick_moment(dice)
    shutil.rmtree(folder, ignore_errors=True)
    write_world(dice, folder, as_of)
    settings = Settings(inventory=folder, world=folder / "world")
    desired, _ = read_desired(settings)
    actual = read_actual(settings, desired, as_of)[0].actual
    return World(folder, read_facts(folder, as_of), look_at_run(desired, actual, settings.rules()), settings)


def compare(world: World, seed: int) -> Compared:
    """Decide twice what is to be done in a world, with the policy and the past of a seed."""
    dice = random.Random(f"past {seed}")
    past = make_past(dice, world.facts)
    past.is_broken = random.Random(f"damage {seed}").random() < BROKEN
    is_valid = write_policy(world.folder, past)
    first = run_oracle(world, past, is_valid)
    for row in first.decisions:
        row["desired"] = world.facts.hashes.get((row["node"], row["service"]))
    answer(dice, past, first.decisions, first.problem_at)
    run = run_oracle(world, past, is_valid)
    return Compared(past, run.decisions, run.written, differences(run, run_real(world, past)), is_valid)


def write_policy(folder: Path, past: Past) -> bool:
    """Write the policy, and return whether it holds; its faults have tests of their own."""
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(past.policy))
    return isinstance(read_policy(path, read_as(Numbers, past.numbers), None).policy, Policy)


def run_oracle(world: World, past: Past, is_valid: bool) -> oracle.Run:
    policy = past.policy if is_valid else None
    given = (past.records, past.memory, past.episodes, past.acks, past.flapping, past.is_broken)
    return oracle.decide(world.facts, policy, past.numbers, past.operators, *given)


# ---- the supervisor ----


def run_real(world: World, past: Past) -> Decided:
    """Decide as every run does, from what the oracle is given."""
    frames = world.frames
    episodes = tuple(
        open_episode(row, (past.episodes[row.recommendation_id],))
        for row in frames.recommended
        if row.recommendation_id in past.episodes
    )
    acks = tuple(
        Acknowledgement(
            node=t[0], service=t[1], owner="x", reason="x", acknowledged_at=past.as_of - timedelta(days=1), until=until
        )
        for t, until in past.acks.items()
    )
    operators = tuple(make_operator(row) for row in past.operators)
    numbers = read_as(Numbers, past.numbers)
    broken = "a hash that does not chain" if past.is_broken else None
    ledger = Ledger(entries=tuple(make_entry(row) for row in past.records), broken=broken)
    book = fold_ledger(ledger, operators, numbers)
    policy = read_policy(world.folder / "policy.yaml", numbers, None).policy
    acting = Acting(policy, numbers, operators, ledger, make_memory(past.memory), book.able)
    remembered = Remembered(episodes, acks, world.settings.past_rules())
    scene = make_scene(frames.sight, frames.recommended, remembered, acting, book, frames.world_at, past.as_of)
    object.__setattr__(
        scene, "flapping", {**scene.flapping, **{Target(*t): until for t, until in past.flapping.items()}}
    )
    return decide_actions(scene, policy, numbers, operators, book, acting.memory, book.able)


def make_operator(row: Mapping[str, Any]) -> Operator:
    risks = frozenset(Risk(word) for word in row.get("classes", list(Risk)))
    return Operator(name=row["name"], uid=row["uid"], risks=risks, targets=tuple(row.get("targets", ["*"])))


def make_entry(row: Mapping[str, Any]) -> Entry:
    record = read_record({name: value for name, value in row.items() if name not in {"n", "at", "uid"}})
    role = WRITERS[record.kind]
    return Entry(row["n"], row["at"], By(uid=row.get("uid", 0), name="x", role=role), record)


def make_memory(plain: Mapping[str, Any]) -> Memory:
    progress = {
        intent: Progress(**{**row, "paused_s": row["paused_s"].total_seconds()})
        for intent, row in plain["progress"].items()
    }
    return Memory(
        last_run=plain["last_run"],
        fleet_since=plain["fleet_since"],
        storm_at=plain["storm_at"],
        node_since=plain["node_since"],
        rest={Target(*target): at for target, at in plain["rest"].items()},
        clean={Target(*target): CleanTime(span.total_seconds(), at) for target, (span, at) in plain["clean"].items()},
        seen={Target(*target): SeenRow(*row) for target, row in plain["seen"].items()},
        progress=progress,
    )


# ---- where they differ ----


def differences(run: oracle.Run, real: Decided) -> list[str]:
    found = differ_decisions(run.decisions, [show(row) for row in real.decisions])
    mine = sorted(row for row in run.written)
    theirs = sorted(shown for record in real.records if (shown := show_record(record, run.targets)))
    if mine != theirs:
        found.append(f"written: oracle {mine}; real {theirs}")
    return found


def differ_decisions(mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[str]:
    keys = [(row["node"], row["service"], row["verb"], row["recommendation_id"]) for row in mine]
    others = [(row["node"], row["service"], row["verb"], row["recommendation_id"]) for row in theirs]
    if keys != others:
        return [f"decided: oracle {keys}; real {others}"]
    found = []
    for row, other in zip(mine, theirs, strict=True):
        names = SHOWN if row["verb"] is None else SHOWN + COMPARED
        found += [
            f"{row['node']}/{row['service']} {name}: oracle {row[name]!r}; real {other[name]!r}"
            for name in names
            if row[name] != other[name]
        ]
    return found


def show(row: Decision) -> dict[str, Any]:
    moments = [None if hit.until is None else spell_instant(hit.until) for hit in row.guards]
    return {
        **describe(row),
        "node": row.node,
        "service": row.service,
        "recommendation_id": row.recommendation_id,
        "moments": moments,
        "intent_id": row.intent_id,
        "evidence": row.evidence_fingerprint,
    }


def show_record(record: Any, targets: Mapping[str, str]) -> tuple[str, ...] | None:
    if isinstance(record, Verified):
        return "verified", targets[record.intent_id], str(record.outcome)
    if isinstance(record, Relapsed):
        return "relapsed", targets[record.intent_id], "relapsed"
    if isinstance(record, ProblemClosed):
        return "problem_closed", f"{record.node}/{record.service}", str(record.reason)
    return None
