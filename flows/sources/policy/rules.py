"""Reading the rules and ceilings of a policy (ACTIONS 12)."""

from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from flows.sources.formats.yaml_strict import to_plain
from flows.sources.formats.yaml_tree import Node
from flows.sources.policy.findings import Findings, show, spell, suggest
from flows.sources.policy.matches import read_match
from schemas.match import Match
from schemas.numbers import RULE_NUMBERS, Numbers
from schemas.policy import Ceiling, Need, Rule
from schemas.setting import settings_of
from schemas.verb import Mode, Risk, Verb

RULE_KEYS = ("id", "match", "mode", "ladder", "class", "when", "needs", "reason", *sorted(RULE_NUMBERS))
CEILING_KEYS = ("match", "mode", "reason")
_NUMBERS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(cast("Any", number.type)) for name, number in settings_of(Numbers).items() if name in RULE_NUMBERS
}


def read_rules(node: Node | None, windows: frozenset[str], findings: Findings) -> list[tuple[Rule, Node]]:
    """Return each rule with its node; what is wrong with one is noted."""
    read = [(_read_rule(item, windows, findings), item) for item in _lines(node, "rules", findings)]
    seen: set[str] = set()
    for rule, item in read:
        if rule.rule_id and rule.rule_id in seen:
            place = item.value["id"] if isinstance(item.value, dict) and "id" in item.value else item
            findings.error(place, f"the id {show(rule.rule_id)} comes twice; each rule has its own")
        seen.add(rule.rule_id)
    return read


def read_ceilings(node: Node | None, findings: Findings) -> tuple[Ceiling, ...]:
    """Return the ceilings; what is wrong with one is noted."""
    return tuple(_read_ceiling(item, findings) for item in _lines(node, "ceilings", findings))


def read_names(node: Node | None, what: str, windows: frozenset[str], findings: Findings) -> tuple[str, ...]:
    """Return names of windows that there are."""
    names = []
    for item in findings.items(node, what) if node and node.value != [] else []:
        name = findings.text(item, what)
        if name is not None and name not in windows:
            findings.error(item, f"{what}: no window is named {show(name)}{suggest(name, windows)}")
        elif name is not None:
            names.append(name)
    return tuple(names)


def _lines(node: Node | None, what: str, findings: Findings) -> list[Node]:
    if node is None or node.value is None:
        return []
    if not isinstance(node.value, list):
        findings.error(node, f"{what}: expected a list, each line with a '-'")
        return []
    return node.value


def _read_rule(node: Node, windows: frozenset[str], findings: Findings) -> Rule:
    keys = findings.mapping(node, "a rule", RULE_KEYS)
    given = findings.text(keys["id"], "id") if "id" in keys else None
    if "id" not in keys and isinstance(node.value, dict):
        findings.error(node, "a rule without an id; give it a short name that explanations can use")
    when = findings.mapping(keys.get("when"), "when", ("allow", "deny"))
    _check_given(keys.get("when"), "when: expected a mapping, found null; leave the key out for any time", findings)
    return Rule(
        rule_id=given or "",
        match=_read_match(node, keys, findings),
        mode=_read_mode(node, keys, findings),
        ladder=tuple(Verb(verb) for verb in _words(keys, "ladder", Verb, findings)),
        risk=_read_risk(keys, findings),
        allow=read_names(when.get("allow"), "allow", windows, findings),
        deny=read_names(when.get("deny"), "deny", windows, findings),
        needs=tuple(Need(need) for need in _words(keys, "needs", Need, findings)),
        reason=_read_reason(keys, findings),
        numbers=tuple((name, _read_number(name, keys[name], findings)) for name in sorted(RULE_NUMBERS & keys.keys())),
        line=node.line,
    )


def _read_ceiling(node: Node, findings: Findings) -> Ceiling:
    keys = findings.mapping(node, "a ceiling", CEILING_KEYS)
    return Ceiling(
        match=_read_match(node, keys, findings),
        mode=_read_mode(node, keys, findings),
        reason=_read_reason(keys, findings),
        line=node.line,
    )


def _read_match(node: Node, keys: dict[str, Node], findings: Findings) -> Match:
    if "match" not in keys and isinstance(node.value, dict):
        findings.error(node, "no match; write 'match: {}' for all")
    _check_given(keys.get("match"), "match: expected a mapping, found null; write 'match: {}' for all", findings)
    return read_match(keys.get("match"), findings)


def _check_given(node: Node | None, problem: str, findings: Findings) -> None:
    """Note a key with nothing behind it: what was left out, or put behind a '#', never means all (ACTIONS 8)."""
    if node is not None and node.value is None:
        findings.error(node, problem)


def _read_mode(node: Node, keys: dict[str, Node], findings: Findings) -> Mode:
    if "mode" not in keys and isinstance(node.value, dict):
        findings.error(node, f"no mode; it is one of {', '.join(Mode)}")
    word = findings.word(keys["mode"], "mode", Mode) if "mode" in keys else None
    return Mode(word) if word else Mode.OBSERVE


def _read_risk(keys: dict[str, Node], findings: Findings) -> Risk | None:
    word = findings.word(keys["class"], "class", Risk) if "class" in keys else None
    return Risk(word) if word else None


def _read_reason(keys: dict[str, Node], findings: Findings) -> str | None:
    return findings.text(keys["reason"], "reason") if "reason" in keys else None


def _words(keys: dict[str, Node], key: str, known: type[Verb] | type[Need], findings: Findings) -> tuple[str, ...]:
    node = keys.get(key)
    return findings.words(node, key, known) if node is not None and node.value != [] else ()


def _read_number(name: str, node: Node, findings: Findings) -> Any:
    try:
        return _NUMBERS[name].validate_python(to_plain(node))
    except ValidationError:
        default = getattr(Numbers(), name)
        is_count = isinstance(default, int)
        expected = "a whole number from 1 on" if is_count else "a duration such as 90s, 15m or 24h"
        findings.error(node, f"{name}: expected {expected}, found {show(spell(node.value))}")
        return default
