"""The history by the name that notebooks know it under, for one version more."""

from flows.ledger.history import scan_history

__all__ = ["scan_history"]
