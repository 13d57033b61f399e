"""One run (ACTIONS 13.4, 13.5, 15.2): the decisions, what is written of outcomes and problems, and the memory."""

from datetime import datetime
from typing import Any

from tests.policy_oracle import guards
from tests.policy_oracle import memory as remember
from tests.policy_oracle.book import Record, fold, may_approve
from tests.policy_oracle.candidates import (
    Candidate,
    Inputs,
    expand,
    number_of,
    settle_candidate,
    spell,
)
from tests.policy_oracle.facts import Facts, Target
from tests.policy_oracle.outcomes import close, settle
from tests.policy_oracle.words import NUMBERS, SEVERITIES, read_number


class Run:
    """What one run comes to."""

    def __init__(self) -> None:
        self.decisions: list[dict[str, Any]] = []
        self.written: list[tuple[str, ...]] = []
        """Kind, target, and outcome or reason, of `verified`, `relapsed` and `problem_closed`."""
        self.memory: dict[str, Any] = {}
        self.problem_at: dict[str, datetime] = {}
        """Of each intent."""
        self.targets: dict[str, str] = {}
        """Of each attempt, by its intent."""


def decide(
    facts: Facts,
    policy: dict[str, Any] | None,
    numbers: dict[str, Any],
    operators: list[dict[str, Any]],
    records: list[Record],
    memory: dict[str, Any],
    episodes: dict[str, datetime],
    acks: dict[Target, datetime],
    flapping: dict[Target, datetime],
    is_broken: bool,
) -> Run:
    """Decide one run; the arguments are plain values, and `is_broken` says whether the ledger's journals were changed."""
    counted = {**NUMBERS, **{name: read_number(name, value) for name, value in numbers.items()}}
    by_uid = {row["uid"]: row for row in operators}
    book = fold(records, facts.as_of, by_uid)
    inputs = Inputs(facts, policy, counted, by_uid, book, episodes, acks, flapping, is_broken)
    run = Run()
    workable = set()
    for row in expand(inputs):
        settle_candidate(inputs, row)
        if row.verb is not None and row.request is None:
            workable.add(row.target)
    run.memory = remember.update(memory, facts, book, workable, set(memory["seen"]), counted)
    for kind, attempt in settle(memory, run.memory, facts, book):
        run.written.append((kind, "/".join(attempt.target), str(attempt.outcome)))
    for reason, problem in close(book, facts, run.memory):
        run.written.append(("problem_closed", "/".join(problem.target), reason))
    inputs.memory = run.memory
    rows = judge(inputs)
    run.decisions = sorted((describe(inputs, row) for row in rows), key=order)
    run.problem_at = {row.intent_id: row.problem_at for row in rows if row.intent_id and row.problem_at}
    run.targets = {row.said["intent_id"]: "/".join(row.target) for row in book.attempts}
    return run


def order(row: dict[str, Any]) -> tuple[str, ...]:
    return row["node"], row["service"], row["verb"] or "", row["recommendation_id"] or ""


def judge(inputs: Inputs) -> list[Candidate]:
    """Return each candidate with all that is found of it."""
    rows = expand(inputs)
    for row in rows:
        settle_candidate(inputs, row)
    active = [row for row in rows if row.verb is not None]
    for row in active:
        if row.mode == "auto" and guards.is_collateral(inputs, row):
            row.mode, row.lowered_by = "approve", "collateral"
        hear(inputs, row)
    admitted: list[Candidate] = []
    for row in sorted(active, key=rank):
        failing = guards.hits(inputs, row, [])
        if can_be_admitted(inputs, row):
            failing = guards.hits(inputs, row, admitted)
            if not failing:
                admitted.append(row)
        row.failing = failing
    return rows


def rank(row: Candidate) -> tuple[Any, ...]:
    severity = SEVERITIES.index(row.advice["severity"]) if row.advice else -1
    radius = row.advice["blast_radius"] if row.advice else 0
    return -severity, -radius, row.problem_at, *row.target, row.verb


def can_be_admitted(inputs: Inputs, row: Candidate) -> bool:
    """Return whether 1 to 24 and 27 pass, of what may start at all."""
    if row.rule is None or not (row.mode == "auto" or (row.mode == "approve" and row.is_approved)):
        return False
    fails = [hit[0] for guard in guards.BEFORE_ADMISSION for hit in guard(inputs, row, [])]
    return all(name in row.passed for name in fails)


def hear(inputs: Inputs, row: Candidate) -> None:
    """Find whether enough people said yes to this very intent (14.4), and what they override."""
    name = "dangerous_approvals" if row.risk == "dangerous" else "approvals"
    row.needed = max(number_of(inputs, row.rule, "approvals"), number_of(inputs, row.rule, name))
    intent = inputs.book.intents.get(row.intent_id or "")
    yes = list(intent.yes) if intent else []
    if row.request is not None:
        yes = [row.request, *(said for said in yes if said is not row.request)]
    is_asked = intent is None or intent.state in {"approved", "pending"}
    valid = [said for said in yes if is_asked and is_valid(inputs, row, said)]
    people = {said["uid"] for said in valid}
    if row.request is not None and row.risk == "dangerous" and row.needed >= 2:
        people -= {row.request["uid"]}
    row.is_approved = row.mode == "approve" and len(people) >= row.needed
    for said in yes:
        if not may(inputs, row, said):
            continue
        end = said.get("overrides_end_at")
        if end is not None:
            end = min(end, said["at"] + inputs.numbers["max_override"])
        if end is not None and inputs.facts.as_of < end:
            row.passed |= set(said.get("overrides", [])) & guards.OVERRIDABLE


def is_valid(inputs: Inputs, row: Candidate, said: Record) -> bool:
    return inputs.facts.as_of < said["ends_at"] and may(inputs, row, said)


def may(inputs: Inputs, row: Candidate, said: Record) -> bool:
    """Return whether who said it may approve the class on the target."""
    where = {"node": row.target[0], "service": row.target[1]}
    return may_approve(inputs.operators.get(said["uid"]), where, row.risk)


def describe(inputs: Inputs, row: Candidate) -> dict[str, Any]:
    verdict, decided_by, until = conclude(inputs, row)
    return {
        "node": row.target[0],
        "service": row.target[1],
        "recommendation_id": None if row.request or row.advice is None else row.advice["recommendation_id"],
        "rule_id": row.rule["id"] if row.rule else None,
        "verb": row.verb,
        "class": row.risk,
        "params": row.params,
        "mode": row.mode,
        "verdict": verdict,
        "decided_by": decided_by,
        "until": None if until is None else spell(until),
        "number": row.number,
        "guards": [hit[0] for hit in row.failing],
        "moments": [None if hit[2] is None else spell(hit[2]) for hit in row.failing],
        "intent_id": row.intent_id,
        "evidence": row.evidence,
        "needed": row.needed,
    }


def conclude(inputs: Inputs, row: Candidate) -> tuple[str, str, datetime | None]:
    """Return verdict, decided_by and until (13.5)."""
    if row.verb is None:
        return "none", "no_verb", None
    if inputs.policy is None:
        return "refuse", "policy_invalid", None
    if row.rule is None:
        return "observe", "no_rule", None
    if row.mode in {"observe", "suggest"}:
        by = row.lowered_by or row.rule["id"]
        return ("refuse" if row.request is not None else row.mode), by, None
    counting = row.failing if row.mode == "auto" or row.is_approved else [hit for hit in row.failing if hit[3]]
    counting = [hit for hit in counting if hit[0] != "approval"]
    if counting:
        until = guards.latest([hit[2] for hit in counting])
        return counting[0][1], counting[0][0], until
    if row.mode == "approve" and not row.is_approved:
        return "ask", "approval", None
    return "start", "requested" if row.request is not None else row.rule["id"], None
