"""Operators: who may say yes (ACTIONS 18). The kernel's uid is who they are."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from schemas.verb import Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One person, or one bridge, with what they may approve."""

    name: str
    uid: int
    risks: frozenset[Risk] = frozenset(Risk)
    """The classes that they may approve."""
    targets: tuple[str, ...] = ("*",)
    """Globs over `node/service`."""
    more: tuple["Operator", ...] = ()
    """Further lines of the same user."""

    def may_approve(self, risk: Risk, target: str) -> bool:
        """Return whether the class on the target is theirs."""
        is_mine = risk in self.risks and any(fnmatchcase(target, glob) for glob in self.targets)
        return is_mine or any(line.may_approve(risk, target) for line in self.more)
