"""The past: history read, replayed, made from snapshots. What a notebook needs of it is here, by these names."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.ledger.history import ask_history, scan_history
    from flows.past.other_rules import compare_rules
    from flows.past.policy_studies import study_policies
    from flows.past.study import study_past
    from flows.settings import load_settings

__all__ = ["ask_history", "compare_rules", "load_settings", "scan_history", "study_past", "study_policies"]

_HOMES = {
    "ask_history": "flows.ledger.history",
    "compare_rules": "flows.past.other_rules",
    "load_settings": "flows.settings",
    "scan_history": "flows.ledger.history",
    "study_past": "flows.past.study",
    "study_policies": "flows.past.policy_studies",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, and no more: `history` would start a quarter of a second later with all of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
