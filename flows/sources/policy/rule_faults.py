"""What is wrong with rules that are well formed (ACTIONS 12.5): they cannot work, never decide, or promise too much."""

from collections.abc import Iterable, Sequence

from flows.sources.formats.yaml_tree import Node
from flows.sources.policy.findings import Findings, show
from schemas.match import covers
from schemas.numbers import Numbers
from schemas.policy import Rule, numbers_of
from schemas.verb import FITTING, TRAITS, Mode, Risk, Verb
from schemas.words import Action, DriftKind

Placed = tuple[Rule, Node]


def find_rule_faults(rules: Sequence[Placed], numbers: Numbers, findings: Findings) -> None:
    """Note what is wrong with each rule, and which can never decide behind another."""
    for rule, node in rules:
        _check_mode(rule, node, findings)
        _check_ladder(rule, node, findings)
        _check_numbers(rule, node, numbers, findings)
    # A line whose match cannot be read says nothing of what it covers.
    sound = [(rule, node) for rule, node in rules if not findings.has_errors_in(place_of(node, "match"))]
    for place, (rule, node) in enumerate(sound):
        _check_dead(rule, node, sound[:place], findings)


def place_of(node: Node, *keys: str) -> Node:
    """Return where the first of the keys that a line has stands; else the line."""
    items = node.value if isinstance(node.value, dict) else {}
    return next((items[key] for key in keys if key in items), node)


def _check_mode(rule: Rule, node: Node, findings: Findings) -> None:
    if rule.mode is not Mode.AUTO:
        return
    if rule.risk is Risk.DANGEROUS:
        findings.error(place_of(node, "mode"), "mode: what is dangerous is never automatic; write approve")
    if Verb.FAILOVER in rule.ladder:
        findings.error(place_of(node, "mode"), "mode: failover is dangerous, and never automatic; write approve")


def _check_ladder(rule: Rule, node: Node, findings: Findings) -> None:
    actions = rule.match.get("action") or tuple(Action)
    kinds = rule.match.get("drift_kind") or tuple(DriftKind)
    for verb, place in zip(rule.ladder, _items(place_of(node, "ladder"), len(rule.ladder)), strict=True):
        if not any(verb in FITTING.get(Action(str(action)), frozenset()) for action in actions):
            findings.error(place, f"ladder: {verb} fits none of the actions that this rule can match")
        elif verb is not Verb.DIAGNOSTICS and TRAITS[verb].cures.isdisjoint(map(str, kinds)):
            findings.error(place, f"ladder: {verb} cures none of the kinds of drift that this rule can match")


def _items(node: Node, count: int) -> Iterable[Node]:
    """Return where each item of a list stands; where some could not be read, the list for all."""
    return node.value if isinstance(node.value, list) and len(node.value) == count else [node] * count


def _check_numbers(rule: Rule, node: Node, numbers: Numbers, findings: Findings) -> None:
    used = numbers_of(rule, numbers)
    if used.verify_within < used.settle + used.confirm_span:
        problem = (
            f"verify_within: {used.verify_within.total_seconds():g} s leave no time to recover; settle and confirm_span"
            f" alone take {(used.settle + used.confirm_span).total_seconds():g} s"
        )
        findings.error(place_of(node, "verify_within", "confirm_span", "settle"), problem)


def _check_dead(rule: Rule, node: Node, earlier: Sequence[Placed], findings: Findings) -> None:
    covering = next((other for other, _ in earlier if covers(other.match, rule.match)), None)
    if covering is None:
        return
    problem = (
        f"the rule {show(rule.rule_id)} never decides, covered by {show(covering.rule_id)} in line {covering.line}"
    )
    if rule.mode.rank < covering.mode.rank:
        findings.error(node, f"{problem}, whose mode {covering.mode} is higher; move it up")
    else:
        findings.warn(node, f"{problem}; move it up, or remove it")
