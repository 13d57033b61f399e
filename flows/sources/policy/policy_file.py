"""Reading `policy.yaml` (ACTIONS 12): strictly, as a whole, with every fault at once."""

from dataclasses import dataclass, replace
from pathlib import Path

from flows.sources.formats.yaml_strict import to_plain
from flows.sources.formats.yaml_tree import Node
from flows.sources.names import NAME, quote
from flows.sources.policy.findings import Findings, load_tree, show, spell
from flows.sources.policy.fingerprint import fingerprint_policy
from flows.sources.policy.matches import read_glob
from flows.sources.policy.rule_faults import find_rule_faults
from flows.sources.policy.rules import read_ceilings, read_names, read_rules
from schemas.numbers import Numbers
from schemas.policy import DEFAULT_PROTECTED, BrokenPolicy, Failover, Group, Policy, PolicyFault, Rule
from schemas.window import Window, WindowFaultError, parse_window, read_zone

KEYS = ("version", "zone", "windows", "freeze", "domains", "groups", "failover", "protected", "ceilings", "rules")
VERSION = 1


@dataclass(frozen=True)
class ReadPolicy:
    """A policy as it was read, with what is wrong or odd about it by place, and where each rule stands."""

    policy: Policy | BrokenPolicy
    faults: tuple[PolicyFault, ...]
    places: tuple[tuple[Rule, Node], ...] = ()
    ceiling_places: tuple[Node, ...] = ()


def read_policy(path: Path, numbers: Numbers, trusted: frozenset[int] | None) -> ReadPolicy:
    """Return the policy of a file; without the file, one without rules.

    `trusted` are the users who may own it besides root (None: anyone, for a draft). A file with an error holds nothing.
    """
    findings = Findings(str(path))
    tree = load_tree(path, findings, trusted)
    policy, places = _read(tree, findings)
    find_rule_faults(places, numbers, findings)
    policy = replace(policy, fingerprint=fingerprint_policy(policy, numbers))
    faults = findings.in_order()
    if findings.has_errors:
        return ReadPolicy(BrokenPolicy(faults=faults, fingerprint=policy.fingerprint), faults)
    ceilings = tree.value.get("ceilings") if tree and isinstance(tree.value, dict) else None
    nodes = tuple(ceilings.value) if ceilings and isinstance(ceilings.value, list) else ()
    return ReadPolicy(policy, faults, tuple(places), nodes)


def _read(tree: Node | None, findings: Findings) -> tuple[Policy, list[tuple[Rule, Node]]]:
    keys = findings.mapping(tree, "a policy", KEYS)
    _check_version(keys.get("version"), findings)
    zone = _read_zone(keys.get("zone"), findings)
    named = findings.mapping(keys.get("windows"), "windows")
    windows, names = _read_windows(named, zone, findings), frozenset(named)
    places = read_rules(keys.get("rules"), names, findings)
    policy = Policy(
        rules=tuple(rule for rule, _ in places),
        ceilings=read_ceilings(keys.get("ceilings"), findings),
        windows=windows,
        freeze=read_names(keys.get("freeze"), "freeze", names, findings),
        domains=_read_domains(keys.get("domains"), findings),
        groups=_read_groups(keys.get("groups"), findings),
        failovers=_read_failovers(keys.get("failover"), findings),
        protected=_read_protected(keys.get("protected"), findings),
        zone=zone,
    )
    return policy, places


def _check_version(node: Node | None, findings: Findings) -> None:
    if node is not None and (node.value != VERSION or isinstance(node.value, bool)):
        found = quote(node.value) if isinstance(node.value, str) else spell(node.value)
        findings.error(node, f"version: expected {VERSION}, found {found}")


def _read_zone(node: Node | None, findings: Findings) -> str:
    return (node and findings.read(node, "zone", read_zone, node.value)) or "UTC"


def _read_windows(named: dict[str, Node], zone: str, findings: Findings) -> tuple[tuple[str, Window], ...]:
    windows = []
    for name, item in named.items():
        try:
            windows.append((name, parse_window(to_plain(item), zone)))
        except WindowFaultError as error:
            keys = item.value if isinstance(item.value, dict) else {}
            for key, problem in error.faults:
                findings.error(keys.get(key, item), f"window {show(name)}: {f'{key}: ' if key else ''}{problem}")
    return tuple(windows)


def _read_domains(node: Node | None, findings: Findings) -> tuple[tuple[str, tuple[str, ...]], ...]:
    named = findings.mapping(node, "domains")
    return tuple((name, _read_node_names(item, f"domain {show(name)}", findings)) for name, item in named.items())


def _read_node_names(node: Node | None, what: str, findings: Findings) -> tuple[str, ...]:
    names = []
    for item in findings.items(node, what):
        name = findings.text(item, what)
        if name is not None and not NAME.fullmatch(name.lower()):
            findings.error(item, f"{what}: {show(name)} cannot name a node")
        elif name is not None:
            names.append(name.lower())
    return tuple(names)


def _read_groups(node: Node | None, findings: Findings) -> tuple[Group, ...]:
    groups = []
    for name, item in findings.mapping(node, "groups").items():
        keys = findings.mapping(item, f"group {show(name)}", ("targets", "min_available"))
        globs = tuple(read_glob("target", glob, findings) for glob in findings.items(keys.get("targets"), "targets"))
        if "targets" not in keys:
            findings.error(item, f"group {show(name)}: no targets; name its members, such as ['*/etcd']")
        least = _read_least(keys.get("min_available"), findings)
        groups.append(Group(name=name, targets=tuple(glob for glob in globs if glob), min_available=least))
    return tuple(groups)


def _read_least(node: Node | None, findings: Findings) -> int | None:
    if node is None or node.value == "majority":
        return None
    if isinstance(node.value, int) and not isinstance(node.value, bool) and node.value >= 0:
        return node.value
    findings.error(node, f"min_available: expected majority or a count, found {show(spell(node.value))}")
    return None


def _read_failovers(node: Node | None, findings: Findings) -> tuple[Failover, ...]:
    failovers = []
    for name, item in findings.mapping(node, "failover").items():
        keys = findings.mapping(item, f"failover of {show(name)}", ("to", "singleton"))
        target = name.lower()
        if not all(NAME.fullmatch(part) for part in target.split("/")) or target.count("/") != 1:
            findings.error(item, f"failover: {show(name)} is no target; write node/service")
        if "to" not in keys:
            findings.error(item, f"failover of {show(name)}: no 'to'; name the nodes that it may go to, the best first")
        singleton = keys.get("singleton")
        if singleton is not None and not isinstance(singleton.value, bool):
            findings.error(singleton, f"singleton: expected true or false, found {show(spell(singleton.value))}")
        to = _read_node_names(keys.get("to"), "to", findings)
        failovers.append(Failover(target=target, to=to, singleton=bool(singleton and singleton.value is True)))
    return tuple(failovers)


def _read_protected(node: Node | None, findings: Findings) -> tuple[str, ...]:
    if node is None:
        return DEFAULT_PROTECTED
    items = node.value if isinstance(node.value, list) else findings.items(node, "protected")
    globs = (read_glob("target", item, findings) for item in items)
    return tuple(glob for glob in globs if glob)
