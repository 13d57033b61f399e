"""The guards (ACTIONS 15.1), in their order; each yields what fails: its name, verdict, until."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from tests.policy_oracle.book import Attempt, failures_in_row
from tests.policy_oracle.candidates import Candidate, Inputs, number_of, offer_of, problem_of, timeout_of
from tests.policy_oracle.facts import Target, limit
from tests.policy_oracle.memory import is_too_many, qualifies
from tests.policy_oracle.outcomes import is_foreign
from tests.policy_oracle.windows import fits, make_allowed, next_allowed
from tests.policy_oracle.words import CURES, M

Hit = tuple[str, str, datetime | None]
EVER: datetime | None = None
KEEPS_FROM_ASKING = {
    "policy_invalid", "ledger_broken", "clock_behind", "halted", "stale_world", "observer_suspect", "node_suspect",
    "too_many_unhealthy", "storm", "protected", "held", "acknowledged", "not_allowed", "not_verifiable", "needs_human",
    "flapping", "act_after",
}  # fmt: skip
OVERRIDABLE = {
    "too_many_unhealthy", "storm", "flapping", "act_after", "start_grace", "window", "cooldown", "breaker",
    "rate_target", "rate_node", "rate_fleet", "budget", "rate_diagnostics",
}  # fmt: skip


def hits(inputs: Inputs, row: Candidate, others: list[Candidate]) -> list[tuple[str, str, datetime | None, bool]]:
    """Return each guard that fails; `others` were admitted before it in this run."""
    found = []
    for guard in GUARDS:
        for name, verdict, until in guard(inputs, row, others):
            keeps = name in KEEPS_FROM_ASKING or name.startswith("needs:") or (name == "busy" and guard is busy_itself)
            if name not in row.passed:
                found.append((name, verdict, until, keeps))
    return found


def latest(moments: list[datetime | None]) -> datetime | None:
    return None if None in moments else max(filter(None, moments), default=None)


# ---- 1 to 8: of everything ----


def policy_invalid(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if inputs.policy is None:
        yield "policy_invalid", "refuse", EVER


def ledger_broken(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if inputs.ledger_broken:
        yield "ledger_broken", "refuse", EVER


def clock_behind(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    newest = max([inputs.facts.world_at, *(record["at"] for record in inputs.book.records)])
    if newest > inputs.facts.as_of + inputs.numbers["clock_skew"]:
        yield "clock_behind", "refuse", EVER


def halted(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    ends = [halt.get("until") for halt in inputs.book.halts]
    ends = [until for until in ends if until is None or inputs.facts.as_of < until]
    if ends:
        yield "halted", "refuse", latest(ends)


def stale_world(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    facts = inputs.facts
    is_old = facts.as_of - facts.world_at > inputs.numbers["act_world_ttl"]
    settled = [attempt for attempt in inputs.book.of(row.target) if not attempt.is_open]
    last = max(settled, key=lambda attempt: (attempt.settled_at, attempt.n)) if settled else None
    if is_old or (last is not None and last.outcome == "unknown" and not qualifies(facts, last, None)):
        yield "stale_world", "wait", EVER


def suspect(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if inputs.facts.stands(("fleet", "all"), "observer_suspect"):
        yield "observer_suspect", "wait", EVER
    elif any(inputs.facts.is_suspect(node) for node in row.nodes):
        yield "node_suspect", "wait", EVER


def too_many_unhealthy(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if is_too_many(inputs.facts, inputs.numbers):
        yield "too_many_unhealthy", "wait", EVER


def storm(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    at = inputs.memory["storm_at"]
    if is_too_many(inputs.facts, inputs.numbers):
        yield "storm", "wait", EVER
    elif at is not None and inputs.facts.as_of < at + inputs.numbers["storm_cooldown"]:
        yield "storm", "wait", at + inputs.numbers["storm_cooldown"]


# ---- 9 to 17: of the target ----


def protected(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if row.request is not None and row.lowered_by == "protected":
        yield "protected", "refuse", EVER


def held(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    names = {"/".join(row.target), "fleet/all", f"{row.target[0]}/all"}
    holds = [hold for hold in inputs.book.holds if hold["target"] in names]
    ends = [min(hold["until"], hold["at"] + inputs.numbers["max_hold"]) for hold in holds]
    ends = [end for end in ends if inputs.facts.as_of < end]
    if ends:
        yield "held", "wait", max(ends)


def acknowledged(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    ends = [inputs.acks[name] for name in {row.target, (row.target[0], "all")} if name in inputs.acks]
    ends = [end for end in ends if inputs.facts.as_of < end]
    if row.request is None and ends:
        yield "acknowledged", "wait", max(ends)


def not_allowed(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    said = inputs.book.capabilities
    is_old = said is None or inputs.facts.as_of - said["at"] > timedelta(hours=24)
    if is_old or offer_of(inputs, row) is None:
        yield "not_allowed", "refuse", EVER


def not_verifiable(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    kinds = set(row.advice["causing_kinds"]) if row.advice else set()
    assert row.verb is not None
    offer = offer_of(inputs, row)
    if offer and CURES[row.verb] & kinds == {"failed_deployment"} and not offer["reports_deployments"]:
        yield "not_verifiable", "refuse", EVER


def is_busy_itself(inputs: Inputs, row: Candidate) -> bool:
    return any(attempt.is_open for attempt in inputs.book.of(row.target))


def needs_human(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if row.request is not None or is_busy_itself(inputs, row):
        return
    problem, numbers = problem_of(inputs, row), inputs.numbers
    is_given_up = problem and (problem.k >= numbers["max_no_effect"] or problem.last_outcome == "worse")
    intent = inputs.book.intents.get(row.intent_id or "")
    rejected_at = intent.rejected_at if intent and intent.state == "rejected" else None
    if row.is_past_end or is_given_up:
        yield "needs_human", "refuse", EVER
    elif rejected_at is not None and inputs.facts.as_of < rejected_at + numbers["reject_hold"]:
        yield "needs_human", "refuse", rejected_at + numbers["reject_hold"]


def flapping(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    problem = problem_of(inputs, row)
    has_attempt = problem is not None and bool(problem.attempts)
    if row.request is None and row.is_mutating and row.target in inputs.flapping and not has_attempt:
        yield "flapping", "wait", inputs.flapping[row.target]


def act_after(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if row.request is not None or row.advice is None:
        return
    opened_at = inputs.episodes.get(row.advice["recommendation_id"])
    worlds = inputs.memory["seen"].get(row.target, (0, None))[0]
    if opened_at is None or worlds < number_of(inputs, row.rule, "act_after_worlds"):
        yield "act_after", "wait", EVER
    elif inputs.facts.as_of < opened_at + number_of(inputs, row.rule, "act_after"):
        yield "act_after", "wait", opened_at + number_of(inputs, row.rule, "act_after")


def start_grace(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if row.request is not None:
        return
    memory = inputs.memory
    since = memory["node_since"].get(row.node)
    if since is None or memory["fleet_since"] is None:
        yield "start_grace", "wait", EVER
        return
    rest = memory["rest"].get(row.target)
    end = max(filter(None, [since, memory["fleet_since"], rest])) + inputs.numbers["start_grace"]
    if inputs.facts.as_of < end:
        yield "start_grace", "wait", end


def busy_itself(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if is_busy_itself(inputs, row):
        yield "busy", "wait", EVER


# ---- 18 to 24: of what is around it ----


def occupied(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[tuple[Target, set[str]]]:
    """Yield target and nodes of each open attempt elsewhere, and of each that was admitted before."""
    yield from ((other.target, other.nodes) for other in inputs.book.open_attempts() if other.target != row.target)
    yield from ((other.target, other.nodes) for other in others)


def chain_busy(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if not row.is_mutating or row.target[1] == "all":
        return
    chain = inputs.facts.above[row.target] | inputs.facts.below[row.target]
    if any(target in chain for target, _ in occupied(inputs, row, others)):
        yield "chain_busy", "wait", EVER


def quorum(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if not row.is_mutating or row.target[1] == "all":
        return
    facts, busy = inputs.facts, {target for target, _ in occupied(inputs, row, others)}
    groups = []
    for group in (inputs.policy or {}).get("groups", {}).values():
        names = [t for t in facts.services if any(fnmatchcase("/".join(t), glob) for glob in group["targets"])]
        if row.target in names:
            groups.append((group, names))
    rivals = {t for _, names in groups for t in names} or {t for t in facts.services if t[1] == row.target[1]}
    if (rivals - {row.target}) & busy:
        yield "quorum", "wait", EVER
        return
    for group, names in groups:
        needed = group["min_available"]
        needed = len(names) // 2 + 1 if needed == "majority" else needed
        well = [t for t in names if t != row.target and facts.state(t) == "clean" and t not in busy]
        if not facts.has(row.target, "missing_service") and len(well) < needed:
            yield "quorum", "refuse", EVER
            return


def needs(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    facts, wanted = inputs.facts, (row.rule or {}).get("needs", [])
    instances = [t for t in facts.healthy if t[1] == row.target[1] and t != row.target]
    if "other_instance_healthy" in wanted and all(facts.is_offline(node) for node, _ in instances):
        yield "needs:other_instance_healthy", "wait", EVER
    if "no_open_incident" in wanted and facts.has(row.target, "unresolved_incident"):
        yield "needs:no_open_incident", "wait", EVER
    ours = inputs.book.of(row.target)
    recent = [at for at in facts.deployments.get(row.target, []) if all(is_foreign(at, attempt) for attempt in ours)]
    if "no_recent_deployment" in wanted and recent and facts.as_of < max(recent) + 30 * M:
        yield "needs:no_recent_deployment", "wait", max(recent) + 30 * M
    disk = [drift for drift in facts.drift[row.node, "all"] if drift.kind == "node_pressure" and not drift.held_by]
    if row.verb in {"redeploy", "failover"} and any("disk" in drift.facts["pressed"] for drift in disk):
        yield "needs:disk", "wait", EVER
    if row.verb == "failover":
        yield from needs_of_failover(inputs, row)


def needs_of_failover(inputs: Inputs, row: Candidate) -> Iterator[Hit]:
    facts, node = inputs.facts, row.target[0]
    seen_at, opened_at = facts.node_seen.get(node), inputs.episodes.get(f"failover-review-{node}-all")
    after = number_of(inputs, row.rule, "failover_after")
    if opened_at is None or facts.as_of < opened_at + after:
        yield "needs:failover_after", "wait", None if opened_at is None else opened_at + after
    entry = (inputs.policy or {}).get("failover", {}).get("/".join(row.target), {})
    attested = [said["at"] for said in inputs.book.attests if said["node"] == node]
    if entry.get("singleton") and not any(seen_at is None or at > seen_at for at in attested):
        yield "needs:attest_down", "wait", EVER


def window(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if not row.is_mutating or inputs.policy is None:
        return
    allowed = make_allowed(inputs.policy, (row.rule or {}).get("when", {}))
    margin = number_of(inputs, row.rule, "window_margin") or timeout_of(inputs, row)
    now = inputs.facts.as_of
    if not fits(allowed, now, margin):
        yield "window", "wait", next_allowed(allowed, now, margin)


def cooldown(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    attempts = [attempt for attempt in inputs.book.of(row.target) if attempt.is_mutating]
    if row.request is not None or not row.is_mutating or not attempts or attempts[-1].ended_at is None:
        return
    last, problem = attempts[-1], problem_of(inputs, row)
    f, k = (problem.f, problem.k) if problem else (0, 0)
    longest = number_of(inputs, row.rule, "cooldown_max")
    if last.outcome == "no_effect":
        rest = min(longest, inputs.numbers["no_effect_cooldown"] * 2 ** (max(k, 1) - 1))
    else:
        factor = number_of(inputs, row.rule, "cooldown_factor") ** (max(f, 1) - 1)
        rest = min(longest, number_of(inputs, row.rule, "cooldown") * factor)
    assert last.ended_at is not None
    if inputs.facts.as_of < last.ended_at + rest:
        yield "cooldown", "wait", last.ended_at + rest


def breaker(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if not row.is_mutating:
        return
    moments: list[datetime | None] = []
    for scope in ["fleet", *sorted(row.nodes)]:
        moments += of_scope(inputs, scope, [other for other in others if scope == "fleet" or scope in other.nodes])
    if moments:
        yield "breaker", "wait", latest(moments)


def of_scope(inputs: Inputs, scope: str, others: list[Candidate]) -> Iterator[datetime | None]:
    """Yield until when the breaker of a scope is tripped, if it is."""
    numbers, book = inputs.numbers, inputs.book
    attempts = [row for row in book.attempts if scope == "fleet" or scope in row.nodes]
    reset_n = max((row["n"] for row in book.resets if row["target"] == f"{scope}/all"), default=0)
    rows = failures_in_row(attempts, reset_n, numbers["breaker_max"], inputs.facts.as_of)
    tripped = next((n for n in range(len(rows)) if is_tripped(rows[: n + 1], scope, numbers)), None)
    if tripped is None:
        return
    z, last = len(rows) - 1 - tripped, rows[-1].settled_at
    assert last is not None
    end = last + min(numbers["breaker_max"], numbers["breaker_cooldown"] * 2**z)
    is_probed = any(row.is_open and row.is_mutating for row in attempts) or any(row.is_mutating for row in others)
    if inputs.facts.as_of < end:
        yield end
    elif is_probed:
        yield None


def is_tripped(rows: list[Attempt], scope: str, numbers: dict[str, Any]) -> bool:
    problems = {(row.target, row.said["problem_at"]) for row in rows}
    if scope == "fleet":
        return bool(len(problems) >= numbers["breaker_failures"])
    return bool(len(problems) >= numbers["breaker_node_failures"]) or any(row.outcome == "worse" for row in rows)


def collateral(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if row.is_mutating and is_collateral(inputs, row) and not row.is_approved:
        yield "collateral", "ask", EVER


def is_collateral(inputs: Inputs, row: Candidate) -> bool:
    facts, numbers = inputs.facts, inputs.numbers
    clean = sum(facts.state(other) == "clean" for other in facts.below[row.target])
    share = limit(numbers["collateral_share"], numbers["collateral_min"], len(facts.judged_services()))
    return row.is_mutating and clean > min(numbers["collateral_max"], share)


# ---- 25 to 28 ----


def domain_of(inputs: Inputs, node: str) -> str:
    domains = (inputs.policy or {}).get("domains", {})
    return next((f"domain {name}" for name, nodes in domains.items() if node in nodes), node)


def busy(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    elsewhere = list(occupied(inputs, row, others))
    if is_busy_itself(inputs, row):
        return
    mine = row.nodes | {domain_of(inputs, node) for node in row.nodes}
    theirs = {name for _, nodes in elsewhere for node in nodes for name in (node, domain_of(inputs, node))}
    if mine & theirs or len(elsewhere) >= inputs.numbers["max_concurrent"]:
        yield "busy", "wait", EVER


def rates(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    rows = [
        (attempt.target, attempt.nodes, attempt.is_mutating, attempt.started_at) for attempt in inputs.book.attempts
    ]
    rows += [(other.target, other.nodes, other.is_mutating, inputs.facts.as_of) for other in others]
    mine = [entry for entry in rows if entry[2] == row.is_mutating]
    if not row.is_mutating:
        yield from rate(inputs, "rate_diagnostics", [entry[3] for entry in mine])
        return
    yield from rate(inputs, "rate_target", [at for target, _, _, at in mine if target == row.target])
    yield from rate_of_nodes(inputs, row, mine)
    yield from rate(inputs, "rate_fleet", [entry[3] for entry in mine])
    yield from rate(inputs, "budget", [entry[3] for entry in mine])


def rate_of_nodes(inputs: Inputs, row: Candidate, mine: list[Any]) -> Iterator[Hit]:
    found = [rate(inputs, "rate_node", [at for _, nodes, _, at in mine if node in nodes]) for node in sorted(row.nodes)]
    ends = [until for hit in found for _, _, until in hit]
    if ends:
        yield "rate_node", "wait", latest(ends)


def rate(inputs: Inputs, name: str, starts: list[datetime]) -> Iterator[Hit]:
    count, span = inputs.numbers[name]
    now = inputs.facts.as_of
    within = sorted(at for at in starts if now - span < at <= now)
    if len(within) >= count:
        yield name, "wait", within[-count] + span


def approval(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    if row.mode == "approve" and not row.is_approved:
        yield "approval", "ask", EVER


def refused(inputs: Inputs, row: Candidate, others: list[Candidate]) -> Iterator[Hit]:
    intent = inputs.book.intents.get(row.intent_id or "")
    if intent is not None and intent.refused is not None and intent.refused >= inputs.facts.world_at:
        yield "refused", "wait", EVER


GUARDS = [
    policy_invalid, ledger_broken, clock_behind, halted, stale_world, suspect, too_many_unhealthy, storm, protected,
    held, acknowledged, not_allowed, not_verifiable, needs_human, flapping, act_after, start_grace, busy_itself,
    chain_busy, quorum, needs, window, cooldown, breaker, collateral, busy, rates, approval, refused,
]  # fmt: skip
BEFORE_ADMISSION = [guard for guard in GUARDS if guard not in {busy, rates, refused}]
"""1 to 24 and 27."""
