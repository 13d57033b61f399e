"""What messages need of a run, as plain values."""

from flows.run.decide import Decision
from schemas.desired import Desired
from schemas.outage import RunNews
from schemas.rejected import is_fault
from schemas.words import Resolution

MOST_FAULTS = 5


def to_news(decision: Decision, desired: Desired) -> RunNews:
    """Return what a run with conclusions tells people; the reasons are those of its events."""
    removed = Resolution.REMOVED_FROM_DESIRED_STATE
    return RunNews(
        as_of=decision.judged.as_of,
        recommended=decision.judged.recommendations,
        silenced=frozenset(decision.attention.acknowledged.by),
        removed=frozenset(row.episode.target for row in decision.transitions.changes if row.resolution is removed),
        problem=_name_faults(desired),
    )


def _name_faults(desired: Desired) -> str | None:
    """Return what of the inventory could not be read, a line each; None where all could."""
    faults = desired.unread.filter(is_fault())
    if faults.is_empty():
        return None
    shown = faults.head(MOST_FAULTS).select("file", "line", "problem").iter_rows()
    lines = [f"{file}:{line}: {problem}" if line else f"{file}: {problem}" for file, line, problem in shown]
    more = faults.height - len(lines)
    return "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])])
