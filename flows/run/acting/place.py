"""Where acting happens by the settings: the folder, whose journals count, and who may approve."""

import os
from typing import NamedTuple

from flows.errors import SettingsError
from flows.ledger.actions.places import ActionPlace
from flows.settings import Settings
from flows.sources.policy.operators_file import read_operators
from schemas.numbers import Automation
from schemas.operator import Operator
from schemas.policy import FaultSeverity, PolicyFault


class AutomationOffError(SettingsError):
    """Acting is off: nothing of it is read or written."""


def require_automation(settings: Settings) -> None:
    """Raise `AutomationOffError` where acting is off."""
    if settings.actions.automation is Automation.OFF:
        raise AutomationOffError(
            "acting is off (actions.automation), so that there is nothing to see or to say here; 'supervisor config'"
            " shows where to set it"
        )


def action_place(settings: Settings) -> ActionPlace:
    """Return the folder of the actions, and whose journals are believed in it."""
    me = frozenset({os.geteuid()})
    actions = settings.actions
    return ActionPlace(
        settings.actions_root(),
        decider_uids=frozenset(actions.decider_uids) or me,
        executor_uids=frozenset(actions.executor_uids) or me,
    )


class Allowed(NamedTuple):
    """Who may approve, and why nobody may."""

    operators: tuple[Operator, ...]
    errors: tuple[PolicyFault, ...] = ()

    @property
    def problem(self) -> str | None:
        """Return why the file cannot be trusted, a line for each fault."""
        return "\n".join(map(str, self.errors)) or None

    @property
    def doubt(self) -> str | None:
        """Return what the file's faults mean for what is shown of acting; None where there are none."""
        unseen = "until that is mended no halt, hold, approval or request is seen"
        return f"{self.problem}; {unseen}" if self.errors else None


def find_operators(settings: Settings) -> Allowed:
    """Return who may approve; nobody where the file cannot be trusted."""
    place = action_place(settings)
    users = place.decider_uids | place.executor_uids
    alone = next(iter(users)) if len(users) == 1 else None
    # With roles apart, root's file alone says who may approve.
    trusted = frozenset({*users, os.geteuid()}) if alone is not None else frozenset({0})
    found = read_operators(settings.actions.operators.absolute(), trusted, alone)
    return Allowed(found.operators, tuple(fault for fault in found.faults if fault.severity is FaultSeverity.ERROR))
