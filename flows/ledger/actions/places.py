"""Where actions are kept: one folder, with the journals of all roles, the outputs, and a folder for each status."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from schemas.ledger_words import Role

STATUS_FOLDERS = ("pending", "approved", "running", "completed", "failed", "rejected", "cancelled")


def _self() -> frozenset[int]:
    return frozenset({os.geteuid()})


@dataclass(frozen=True, slots=True)
class ActionPlace:
    """The folder of the actions, and whose journals are believed in it; by default this process's user has all roles."""

    root: Path
    decider_uids: frozenset[int] = field(default_factory=_self)
    executor_uids: frozenset[int] = field(default_factory=_self)

    @property
    def journals(self) -> Path:
        """Return the folder of the journals."""
        return self.root / "journal"

    @property
    def lock(self) -> Path:
        """Return the file whose lock is held while a journal is appended to."""
        return self.journals / "lock"

    @property
    def memory(self) -> Path:
        """Return the decider's memory, for the executor."""
        return self.journals / "memory.json"

    @property
    def outputs(self) -> Path:
        """Return the folder of what steps printed."""
        return self.root / "output"

    @property
    def executor_lock(self) -> Path:
        """Return the file whose lock the one executor holds."""
        return self.root / "executor.lock"

    def status_folder(self, status: str) -> Path:
        """Return the folder of the actions in a status."""
        return self.root / status

    def owners_of(self, role: Role) -> frozenset[int] | None:
        """Return who may own a role's journal; None for operators, of whom each owns the one with their number."""
        return {Role.DECIDER: self.decider_uids, Role.EXECUTOR: self.executor_uids, Role.OPERATOR: None}[role]
