"""Reading what a line of a policy matches (ACTIONS 12.2)."""

import re
from collections.abc import Mapping

from flows.sources.formats.yaml_tree import Node
from flows.sources.policy.findings import Findings, show, spell
from schemas.match import COMPARISONS, GLOB_KEYS, KEYS, NUMBER_KEYS, SEVERITIES, Comparison, Item, Match, is_glob
from schemas.verb import Risk
from schemas.words import Action, DriftKind, EventType

WORDS: Mapping[str, tuple[str, ...]] = {
    "action": tuple(Action),
    "event_type": tuple(word for word in EventType if word is not EventType.RECONCILE_RESOLVED),
    "drift_kind": tuple(DriftKind),
    "class": tuple(Risk),
    "connectivity": ("stable", "intermittent"),
}
NAME_GLOB = re.compile(r"[a-z0-9*?][a-z0-9._*?-]*")
TARGET_GLOB = re.compile(r"[a-z0-9*?][a-z0-9._*?-]*(/[a-z0-9*?][a-z0-9._*?-]*)?")
TEXT_GLOB = re.compile(r"[^\[\]{}\\!]+")
GLOBS = {"node": NAME_GLOB, "service": NAME_GLOB, "target": TARGET_GLOB}
NUMBER = re.compile(r"(<=|>=|==|<|>)?\s*(\d+)", re.ASCII)
COMPARISON = re.compile(r"(<=|>=|==|<|>)\s*([a-z0-9_]+)")


def read_match(node: Node | None, findings: Findings) -> Match:
    """Return what a line matches; what is wrong with it is noted."""
    keys = findings.mapping(node, "match", KEYS)
    read = ((key, _read_items(key, item, findings)) for key, item in keys.items())
    return Match(tuple((key, items) for key, items in read if items))


def read_glob(key: str, node: Node, findings: Findings) -> str | None:
    """Return a glob over names in lower case; `key` is what it is of: node, service, target, or a property."""
    text = findings.text(node, key)
    if text is None:
        return None
    glob = text.lower()
    if not GLOBS.get(key, TEXT_GLOB).fullmatch(glob):
        findings.error(node, f"{key}: {show(glob)} is no glob; it holds the letters of a name, '*' and '?'")
        return None
    if key == "target" and "/" not in glob and "*" not in glob:
        findings.error(node, f"{key}: {show(glob)} names no target; write node/service, such as */{glob}")
        return None
    return glob


def _read_items(key: str, node: Node, findings: Findings) -> tuple[Item, ...]:
    read = (_read_item(key, item, findings) for item in findings.items(node, key))
    return tuple(item for item in read if item is not None)


def _read_item(key: str, node: Node, findings: Findings) -> Item | None:
    if key in GLOB_KEYS:
        return read_glob(key, node, findings)
    if key == "flapping":
        return _read_truth(node, findings)
    if key in NUMBER_KEYS:
        return _read_number(key, node, findings)
    return _read_severity(node, findings) if key == "severity" else findings.word(node, key, WORDS[key])


def _read_truth(node: Node, findings: Findings) -> bool | None:
    if isinstance(node.value, bool):
        return node.value
    findings.error(node, f"flapping: expected true or false, found {show(spell(node.value))}")
    return None


def _read_severity(node: Node, findings: Findings) -> Item | None:
    compared = COMPARISON.fullmatch(node.value.strip()) if isinstance(node.value, str) else None
    if compared is None:
        return findings.word(node, "severity", SEVERITIES)
    word = findings.word(Node(compared[2], node.line, node.column), "severity", SEVERITIES)
    return Comparison(compared[1], SEVERITIES[word]) if word else None


def _read_number(key: str, node: Node, findings: Findings) -> Item | None:
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return Comparison("==", node.value)
    compared = NUMBER.fullmatch(node.value.strip()) if isinstance(node.value, str) else None
    if compared is not None:
        return Comparison(compared[1] or "==", int(compared[2]))
    found = show(spell(node.value))
    findings.error(node, f"{key}: expected a number, or one of {' '.join(COMPARISONS)} and a number, found {found}")
    return None


def literals(match: Match, key: str) -> tuple[str, ...]:
    """Return the items of a key that are plain names, and no globs."""
    return tuple(item for item in match.get(key) or () if isinstance(item, str) and not is_glob(item))
