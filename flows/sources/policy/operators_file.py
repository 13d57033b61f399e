"""Reading `operators.yaml` (ACTIONS 18): who may approve what. Who somebody is, the kernel says."""

import os
import pwd
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from flows.sources.formats.yaml_tree import Node
from flows.sources.policy.findings import Findings, load_tree, show, spell
from flows.sources.policy.matches import read_glob
from schemas.operator import Operator
from schemas.policy import PolicyFault
from schemas.verb import Risk

KEYS = ("name", "user", "classes", "targets")


@dataclass(frozen=True)
class ReadOperators:
    """The operators, and what is wrong with their file; a file with an error makes nobody one."""

    operators: tuple[Operator, ...]
    faults: tuple[PolicyFault, ...] = ()


def read_operators(path: Path, trusted: Collection[int], one_user: int | None) -> ReadOperators:
    """Return the operators of a file.

    Without it, the one user who has all roles is the operator for everything (`one_user`); where the roles are
    separate (None), nobody is. `trusted` are the users who may own the file besides root.
    """
    findings = Findings(str(path))
    if not os.path.lexists(path):
        return ReadOperators(() if one_user is None else (Operator(name=_name_of(one_user), uid=one_user),))
    keys = findings.mapping(load_tree(path, findings, frozenset(trusted)), "operators", ("operators",))
    lines = findings.items(keys["operators"], "operators") if "operators" in keys else []
    operators = [one for line in lines if (one := _read_operator(line, findings))]
    faults = findings.in_order()
    return ReadOperators(() if findings.has_errors else _join_lines(operators), faults)


def _join_lines(operators: Iterable[Operator]) -> tuple[Operator, ...]:
    """Return one operator for each user, who may what any line of theirs says."""
    lines: dict[int, list[Operator]] = {}
    for operator in operators:
        lines.setdefault(operator.uid, []).append(operator)
    return tuple(replace(first, more=tuple(more)) for first, *more in lines.values())


def _read_operator(node: Node, findings: Findings) -> Operator | None:
    keys = findings.mapping(node, "an operator", KEYS)
    for key in KEYS:
        if key not in keys:
            findings.error(node, f"an operator without {key}; what is absent never means all")
    if len(keys) < len(KEYS):
        return None
    globs = (read_glob("target", item, findings) for item in findings.items(keys["targets"], "targets"))
    uid = _read_user(keys["user"], findings)
    if uid is None:
        return None
    return Operator(
        name=findings.text(keys["name"], "name") or "",
        uid=uid,
        risks=frozenset(Risk(word) for word in findings.words(keys["classes"], "classes", Risk)),
        targets=tuple(glob for glob in globs if glob),
    )


def _read_user(node: Node, findings: Findings) -> int | None:
    if isinstance(node.value, int) and not isinstance(node.value, bool) and node.value >= 0:
        return node.value
    try:
        return pwd.getpwnam(spell(node.value)).pw_uid
    except (KeyError, ValueError):
        findings.error(node, f"user: this machine has no user {show(spell(node.value))}")
        return None


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
