"""What could be done: candidates, the rule that decides, the verb and the mode (ACTIONS 9, 12.2, 12.3, 13.2)."""

import operator
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from tests.policy_oracle.book import Book, Problem, Record
from tests.policy_oracle.facts import Facts, Target, canonical_hash
from tests.policy_oracle.words import (
    CLASS_CEILING,
    CLASSES,
    CURES,
    DEFAULT_LADDER,
    FITS,
    MODES,
    PROTECTED,
    SEVERITIES,
    TIMEOUT,
    VERB_CLASS,
    read_number,
)

Policy = dict[str, Any]
COMPARE = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "==": operator.eq}


@dataclass
class Inputs:
    """All that is the same for every candidate of a run."""

    facts: Facts
    policy: Policy | None
    """None: it is not valid."""
    numbers: dict[str, Any]
    operators: dict[int, dict[str, Any]]
    book: Book
    episodes: dict[str, datetime]
    """When the open episode of each recommendation was opened."""
    acks: dict[Target, datetime]
    flapping: dict[Target, datetime]
    ledger_broken: bool = False
    memory: dict[str, Any] = field(default_factory=dict)


@dataclass
class Candidate:
    """One recommendation, or one request, with all that is found of it."""

    target: Target
    advice: dict[str, Any] | None
    request: Record | None = None
    params: dict[str, str] = field(default_factory=dict)
    rule: dict[str, Any] | None = None
    verb: str | None = None
    is_past_end: bool = False
    risk: str | None = None
    mode: str = "observe"
    lowered_by: str | None = None
    number: int = 1
    problem_at: datetime | None = None
    evidence: str | None = None
    intent_id: str | None = None
    action_id: str | None = None
    failing: list[tuple[str, str, datetime | None, bool]] = field(default_factory=list)
    """Name, verdict, until, and whether it also keeps from asking."""
    is_approved: bool = False
    needed: int = 1
    passed: set[str] = field(default_factory=set)
    """Guards that are overridden."""

    @property
    def nodes(self) -> set[str]:
        return {self.target[0], self.params.get("to", self.target[0])}

    @property
    def node(self) -> str:
        """The node that it is done on."""
        return self.params.get("to", self.target[0])

    @property
    def is_mutating(self) -> bool:
        return self.verb != "diagnostics"


def number_of(inputs: Inputs, rule: dict[str, Any] | None, name: str) -> Any:
    """Return a number, which the rule may set for itself."""
    return read_number(name, rule[name]) if rule and name in rule else inputs.numbers[name]


def timeout_of(inputs: Inputs, candidate: Candidate) -> Any:
    assert candidate.verb is not None
    return number_of(inputs, candidate.rule, "timeout") or TIMEOUT[candidate.verb]


def expand(inputs: Inputs) -> list[Candidate]:
    """Return a candidate for each recommendation and each request that is not over."""
    found = []
    for advice in inputs.facts.recommendations:
        target = advice["node"], advice["service"]
        moves = list(failovers(inputs, advice)) if advice["action"] == "failover_review" else []
        found += moves or [Candidate(target, advice)]
    for request in inputs.book.requests:
        if is_pending(inputs, request):
            target = request["node"], request["service"]
            about = [row for row in inputs.facts.recommendations if (row["node"], row["service"]) == target]
            params = dict(request.get("params", {}))
            found.append(Candidate(target, about[0] if about else None, request, params, verb=request["verb"]))
    return found


def failovers(inputs: Inputs, advice: dict[str, Any]) -> Any:
    """Yield a candidate for each service of a node that is gone that may move (13.2)."""
    facts, entries = inputs.facts, (inputs.policy or {}).get("failover", {})
    for target in sorted(row for row in facts.monitored if row[0] == advice["node"]):
        entry = entries.get("/".join(target))
        if entry is None or any((to, target[1]) in facts.healthy for to in entry["to"]):
            continue
        to = next(
            (to for to in entry["to"] if to in facts.nodes and not facts.is_offline(to) and not facts.is_suspect(to)),
            None,
        )
        if to is not None:
            yield Candidate(target, advice, params={"to": to})


def is_pending(inputs: Inputs, request: Record) -> bool:
    """Return whether a request waits to be started: not ended, not started, its target still desired."""
    used = [intent for intent in inputs.book.intents.values() if intent.said.get("requested") == request["n"]]
    is_used = any(intent.state not in {"pending", "approved"} for intent in used)
    target = request["node"], request["service"]
    return inputs.facts.as_of < request["ends_at"] and not is_used and inputs.facts.is_desired(target)


def settle_candidate(inputs: Inputs, candidate: Candidate) -> None:
    """Find rule, verb, class, mode and identity."""
    if candidate.request is None and is_idle(candidate):
        return
    for rule in (inputs.policy or {}).get("rules", []):
        use(inputs, candidate, rule)
        if first_failing(inputs, candidate, rule["match"]) is None:
            candidate.rule = rule
            break
    else:
        use(inputs, candidate, None)
    set_mode(inputs, candidate)
    identify(inputs, candidate)


def is_idle(candidate: Candidate) -> bool:
    """Return whether nothing can be done about a recommendation."""
    assert candidate.advice is not None
    action = candidate.advice["action"]
    return action not in DEFAULT_LADDER or (action == "failover_review" and not candidate.params)


def use(inputs: Inputs, candidate: Candidate, rule: dict[str, Any] | None) -> None:
    """Give a candidate the verb and the class that it has under a rule at this moment."""
    if candidate.request is None:
        ladder = ladder_of(candidate, rule)
        problem = inputs.book.problems.get(candidate.target)
        p = problem.p if problem else 0
        candidate.verb, candidate.is_past_end = ladder[min(p, len(ladder) - 1)], p >= len(ladder)
    assert candidate.verb is not None
    candidate.risk = VERB_CLASS[candidate.verb]
    if rule and "class" in rule:
        candidate.risk = max(candidate.risk, rule["class"], key=CLASSES.index)


def ladder_of(candidate: Candidate, rule: dict[str, Any] | None) -> list[str]:
    """Return the verbs that fit and cure, of the rule's ladder, else of the default one."""
    assert candidate.advice is not None
    action, kinds = candidate.advice["action"], set(candidate.advice["causing_kinds"])

    def useful(ladder: list[str]) -> list[str]:
        return [verb for verb in ladder if verb in FITS[action] and (verb == "diagnostics" or CURES[verb] & kinds)]

    return useful((rule or {}).get("ladder", [])) or useful(DEFAULT_LADDER[action])


# ---- matching ----


def first_failing(inputs: Inputs, candidate: Candidate, match: dict[str, Any]) -> str | None:
    """Return the first key of a match that does not hold."""
    for key, items in match.items():
        values = values_of(inputs, candidate, key)
        wanted = items if isinstance(items, list) else [items]
        if not any(holds(key, item, value) for item in wanted for value in values):
            return key
    return None


def values_of(inputs: Inputs, candidate: Candidate, key: str) -> list[Any]:
    """Return what a target has of a property; nothing where it has none."""
    facts, target = inputs.facts, candidate.target
    advice = None if candidate.request else candidate.advice
    node = facts.nodes.get(target[0], {})
    entry = facts.services.get(target, {})
    plain: dict[str, Any] = {
        "node": [target[0]],
        "service": [target[1]],
        "target": ["/".join(target)],
        "class": [candidate.risk],
        "node_role": [str(role).lower() for role in node.get("roles", [])],
        "connectivity": [node.get("connectivity")],
        "flapping": [target in inputs.flapping],
    }
    if key in plain:
        return [value for value in plain[key] if value is not None]
    if key in {"role", "exposure", "deployment_model"}:
        return [str(entry[key]).lower()] if entry.get(key) is not None else []
    if advice is None:
        return []
    if key == "drift_kind":
        return list(advice["causing_kinds"])
    if key == "consecutive_failures":
        rows = [row for row in facts.drift[target] if row.kind == "failed_deployment" and row.held_by is None]
        return [row.facts["failures"] for row in rows]
    return [advice[key]]


def holds(key: str, item: Any, value: Any) -> bool:
    if key in {"severity", "blast_radius", "consecutive_failures"}:
        return compares(str(item), value, key == "severity")
    if key in {"node", "service", "target", "role", "exposure", "deployment_model", "node_role"}:
        return fnmatchcase(value, item)
    return bool(item == value)


def compares(item: str, value: Any, is_word: bool) -> bool:
    sign = next((sign for sign in COMPARE if item.startswith(sign)), "")
    rest = item.removeprefix(sign)
    if is_word:
        return bool(COMPARE[sign or "=="](SEVERITIES.index(value), SEVERITIES.index(rest)))
    return bool(COMPARE[sign or "=="](value, int(rest)))


# ---- mode and identity ----


def is_protected(inputs: Inputs, target: Target) -> bool:
    globs = (inputs.policy or {}).get("protected", PROTECTED)
    own = (inputs.book.capabilities or {}).get("self", [])
    return "/".join(target) in own or any(fnmatchcase("/".join(target), glob) for glob in globs)


def set_mode(inputs: Inputs, candidate: Candidate) -> None:
    """Find the mode in force, and what lowered it (9)."""
    assert candidate.risk is not None
    own = "observe" if candidate.rule is None else "approve" if candidate.request else candidate.rule["mode"]
    lowering = [("class", CLASS_CEILING[candidate.risk]), ("automation", inputs.numbers["automation"])]
    for place, ceiling in enumerate((inputs.policy or {}).get("ceilings", [])):
        if first_failing(inputs, candidate, ceiling["match"]) is None:
            lowering.append((f"ceilings[{place}]", ceiling["mode"]))
    if is_protected(inputs, candidate.target):
        lowering.append(("protected", "suggest"))
    lowest = min(lowering, key=lambda row: MODES.index(row[1]))
    candidate.mode = min(own, lowest[1], key=MODES.index)
    candidate.lowered_by = lowest[0] if MODES.index(lowest[1]) < MODES.index(own) else None


def offer_of(inputs: Inputs, candidate: Candidate) -> Record | None:
    for offer in (inputs.book.capabilities or {}).get("offers", []):
        if (offer["verb"], offer["target"]) == (candidate.verb, "/".join(candidate.target)):
            return dict(offer)
    return None


def spell(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def identify(inputs: Inputs, candidate: Candidate) -> None:
    """Find the number within the problem, and the intent (14.1)."""
    problem = inputs.book.problems.get(candidate.target)
    candidate.number = len(problem.attempts) + 1 if problem else 1
    candidate.problem_at = problem.at if problem else begins_at(inputs, candidate)
    step_hash = (offer_of(inputs, candidate) or {}).get("step_hash")
    node, service = candidate.target
    if candidate.request is not None:
        candidate.evidence = canonical_hash(["requested/1", candidate.request["n"], step_hash])
    else:
        candidate.evidence = evidence_of(inputs, candidate, step_hash)
    place = [candidate.verb, node, service, candidate.params, spell(candidate.problem_at)]
    candidate.intent_id = canonical_hash(["intent/1", *place, candidate.number, candidate.evidence])


def begins_at(inputs: Inputs, candidate: Candidate) -> datetime:
    """Return `problem_at` of a problem that would be opened now (13.3); never before the end of the last one."""
    targets = {candidate.target} | ({(candidate.target[0], "all")} if candidate.verb == "failover" else set())
    ids = [row["recommendation_id"] for row in inputs.facts.recommendations if (row["node"], row["service"]) in targets]
    opened = [inputs.episodes[name] for name in ids if name in inputs.episodes]
    begun_at = min(opened, default=inputs.facts.as_of)
    return max(begun_at, inputs.book.closed_at.get(candidate.target, begun_at))


def evidence_of(inputs: Inputs, candidate: Candidate, step_hash: str | None) -> str:
    advice = candidate.advice
    assert advice is not None
    target = advice["node"], advice["service"]
    kinds = sorted(advice["causing_kinds"])
    ids = sorted(drift_id(row) for row in inputs.facts.drift[target] if is_causing(row))
    ends = sorted(advice["root_causes"])
    desired = inputs.facts.hashes.get(candidate.target)
    return canonical_hash(["evidence/1", advice["action"], advice["event_type"], kinds, ids, ends, desired, step_hash])


def is_causing(row: Any) -> bool:
    is_old = row.kind == "failed_deployment" and row.severity == "info"
    return row.held_by is None and not is_old and row.kind != "unexpected_service"


def drift_id(row: Any) -> str:
    name = "-".join([row.kind.replace("_", "-"), *row.target])
    return f"{name}-{row.facts['id']}" if row.kind == "unresolved_incident" else name


def problem_of(inputs: Inputs, candidate: Candidate) -> Problem | None:
    return inputs.book.problems.get(candidate.target)
