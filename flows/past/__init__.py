"""The past: history read, replayed, made from snapshots."""

from flows.past.study import study_past

__all__ = ["study_past"]
