"""Whether what was done helped: per verb, service and causing kinds, beside how often the same cleared by itself."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

from flows.errors import HistoryError
from flows.ledger.actions.entries import read_ledger
from flows.ledger.actions.journals import read_journals
from flows.past.study import study_past
from flows.run.acting.place import action_place
from flows.run.acting.think import read_power
from flows.run.clock import read_now
from flows.settings import Settings
from schemas.attempt import Attempt
from schemas.ledger_words import AttemptOutcome
from schemas.spoken import count, spoken
from stages.fold_ledger import fold_ledger

SPAN = timedelta(days=90)
Z = 1.959963984540054
"""Of the normal distribution, for 95 %."""


def read_effectiveness(settings: Settings) -> list[dict[str, Any]]:
    """Return a row for each verb, service and causing kinds of the last 90 days, by these."""
    as_of, power = read_now(settings), read_power(settings)
    journals = read_journals(action_place(settings))
    journals.check()
    book = fold_ledger(read_ledger(journals).ledger, power.operators, power.numbers)
    attempts = [row for row in book.attempts if row.started_at >= as_of - SPAN]
    groups: dict[tuple[str, str, tuple[str, ...]], list[Attempt]] = {}
    for row in attempts:
        groups.setdefault((str(row.verb), row.service, row.basis.causing_kinds), []).append(row)
    alone = _cleared_alone(settings, attempts, power.numbers.verify_within, as_of)
    return [_row(key, rows, alone) for key, rows in sorted(groups.items())]


def _row(
    key: tuple[str, str, tuple[str, ...]], rows: list[Attempt], alone: Mapping[tuple[str, str], tuple[int, int]]
) -> dict[str, Any]:
    verb, service, kinds = key
    settled = [row for row in rows if row.outcome is not None]
    helped = [row for row in settled if row.outcome is AttemptOutcome.RECOVERED]
    times = [(row.settled_at - row.started_at).total_seconds() for row in helped if row.settled_at]
    outcomes = {str(row.outcome): sum(other.outcome is row.outcome for other in settled) for row in settled}
    pairs = [alone.get((service, kind), (0, 0)) for kind in kinds]
    return {
        "verb": verb,
        "service": service,
        "causing_kinds": [*kinds],
        "attempts": len(rows),
        "outcomes": dict(sorted(outcomes.items())),
        "recovered_share": round(len(helped) / len(settled), 4) if settled else None,
        "interval": [round(bound, 4) for bound in wilson(len(helped), len(settled))] if settled else None,
        "median_recovery_s": round(median(times)) if times else None,
        "cleared_alone": sum(cleared for cleared, _ in pairs),
        "seen_alone": sum(seen for _, seen in pairs),
    }


def wilson(successes: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of Wilson for a share of at least one trial."""
    share, square = successes / count, Z * Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z / (1 + square / count) * ((share * (1 - share) / count + square / (4 * count * count)) ** 0.5)
    return max(0.0, middle - half), min(1.0, middle + half)


class Alone(NamedTuple):
    """An episode of the past, as far as it matters here what became of it."""

    node: str
    service: str
    kind: str
    opened_at: datetime
    resolved_at: datetime | None
    is_held_back: bool


def _cleared_alone(
    settings: Settings, attempts: Iterable[Attempt], within: timedelta, as_of: datetime
) -> dict[tuple[str, str], tuple[int, int]]:
    try:
        episodes = study_past(settings.history_root(), settings.past_rules()).episodes
    except HistoryError:
        return {}
    starts: dict[tuple[str, str], list[datetime]] = {}
    for row in attempts:
        starts.setdefault((row.node, row.service), []).append(row.started_at)
    rows = map(Alone._make, episodes.select(Alone._fields).iter_rows())
    return count_cleared_alone((row for row in rows if row.opened_at >= as_of - SPAN), starts, within, as_of)


def count_cleared_alone(
    episodes: Iterable[Alone], starts: Mapping[tuple[str, str], Iterable[datetime]], within: timedelta, as_of: datetime
) -> dict[tuple[str, str], tuple[int, int]]:
    """Return, by service and kind, how many episodes cleared in time with nothing done, and of how many.

    What was done after that time does not count: by then it had not cleared by itself. Episodes that were held back are
    left out, since nothing would have been done about them, and those that are too young to tell.
    """
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for row in episodes:
        deadline = row.opened_at + within
        until = min(row.resolved_at or as_of, deadline)
        is_touched = any(row.opened_at <= at <= until for at in starts.get((row.node, row.service), ()))
        is_young = row.resolved_at is None and as_of < deadline
        if is_touched or is_young or row.is_held_back:
            continue
        cleared, seen = found.get((row.service, row.kind), (0, 0))
        is_quick = row.resolved_at is not None and row.resolved_at <= deadline
        found[row.service, row.kind] = (cleared + is_quick, seen + 1)
    return found


def spell_effectiveness(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each row."""
    lines = []
    for row in rows:
        share = "-" if row["recovered_share"] is None else f"{row['recovered_share']:.0%}"
        interval = f" ({row['interval'][0]:.0%} to {row['interval'][1]:.0%})" if row["interval"] else ""
        time = f", median {spoken(row['median_recovery_s'])}" if row["median_recovery_s"] is not None else ""
        alone = f"; by itself {row['cleared_alone']} of {row['seen_alone']}" if row["seen_alone"] else ""
        what = f"{row['verb']} of {row['service']} ({', '.join(row['causing_kinds']) or 'asked for'})"
        lines.append(f"{what}: {count(row['attempts'], 'attempt')}, recovered {share}{interval}{time}{alone}")
    return lines or ["nothing was done in the last 90 days"]
