"""A policy on the screen: what is wrong with it, what it reaches, how its cases went."""

from collections.abc import Iterator

import typer

from flows.render.document import dump
from flows.text.escape import show
from flows.views.policy_cases import Tried
from flows.views.policy_check import PolicyInspection
from schemas.policy import FaultSeverity, PolicyFault

COLORS = {FaultSeverity.ERROR: "red", FaultSeverity.WARNING: "yellow"}


def inspection_to_lines(found: PolicyInspection) -> Iterator[str]:
    """Return the faults by place, what the clock change does to windows, and what is automatic now."""
    yield from (_fault(fault) for fault in found.faults)
    yield from (f"note: {show(note, limit=2000)}" for note in found.notes)
    yield from (f"note: {show(str(bound))}" for bound in found.odd_bounds)
    yield f"zone data: tzdata {found.zone_data}"
    lacking = f", because {', '.join(found.reasons())}" if found.could_be else ""
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


def _fault(fault: PolicyFault) -> str:
    word = typer.style(fault.severity.value, fg=COLORS[fault.severity])
    return f"{word}: {show(str(fault), limit=2000)}"


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
