"""A policy on the screen: what is wrong with it, what it reaches, how its cases went."""

from collections.abc import Iterator
from typing import Any

import typer

from flows.past.policy_replay import Replayed
from flows.render.document import dump
from flows.render.lacks import say_lack
from flows.text.escape import show
from flows.text.spoken import spoken_moment
from flows.views.policy_cases import Tried
from flows.views.policy_check import PolicyInspection
from schemas.canonical import spell_instant
from schemas.policy import FaultSeverity, PolicyFault
from schemas.spoken import count as _count

COLORS = {FaultSeverity.ERROR: "red", FaultSeverity.WARNING: "yellow"}


def inspection_to_lines(found: PolicyInspection) -> Iterator[str]:
    """Return the faults by place, what the clock change does to windows, and what is automatic now."""
    yield from (_fault(fault) for fault in found.faults)
    yield from (f"note: {show(note, limit=2000)}" for note in found.notes)
    yield from (f"note: {show(str(bound))}" for bound in found.odd_bounds)
    yield f"zone data: tzdata {found.zone_data}"
    lacks = ", ".join(f"{say_lack(name)} ({number})" for name, number in found.count_reasons())
    lacking = f", which lack {lacks}" if lacks else ""
    yield f"auto now: {_count(len(found.auto_now), 'target')}; could be: {len(found.could_be)}{lacking}"


def cases_to_lines(tried: Tried) -> Iterator[str]:
    """Return each case, and what differs in it."""
    yield from (_fault(fault) for fault in tried.faults if fault.severity is FaultSeverity.ERROR)
    for result in tried.results:
        word = typer.style("ok", fg="green") if result.is_ok else typer.style("differs", fg="red")
        yield f"{word}: {show(result.name)}"
        for row in result.differs:
            expected, got = show(dump(row.expected), limit=500), show(dump(row.got), limit=500)
            yield f"    {show(row.target)} {row.key}: expected {expected}, got {got}"
    wrong = sum(not result.is_ok for result in tried.results)
    yield f"{_count(len(tried.results), 'case')}, {wrong} differ{'s' if wrong == 1 else ''}"


def replay_to_document(found: Replayed) -> dict[str, Any]:
    """Return what two policies would have come to, as plain values."""
    return {
        "v": 1,
        "runs": found.run_count,
        "from": found.since and spell_instant(found.since),
        "to": found.until and spell_instant(found.until),
        "assume": str(found.assume),
        "rows": [{**key._asdict(), "old": old, "new": new} for key, old, new in found.rows],
    }


def replay_to_lines(found: Replayed) -> Iterator[str]:
    """Return what two policies would have come to, side by side, by what is counted."""
    period = (
        f" from {spoken_moment(found.since)} to {spoken_moment(found.until)}" if found.since and found.until else ""
    )
    yield f"{_count(found.run_count, 'run')}{period}; nothing was done, and outcomes are {found.assume}"
    yield "it says what would have been asked and started, not what would have happened"
    width = max((len(key.what) for key, _, _ in found.rows), default=0)
    for key, old, new in found.rows:
        rule = f"rule {key.rule_id}" if key.rule_id else "no rule"
        yield f"{key.what:<{width}}  {old:>5} -> {new:<5}  {show(key.target)} ({show(rule)})"
    if not found.rows:
        yield "neither policy would have asked, started or waited for anything"


def _fault(fault: PolicyFault) -> str:
    word = typer.style(fault.severity.value, fg=COLORS[fault.severity])
    return f"{word}: {show(str(fault), limit=2000)}"
