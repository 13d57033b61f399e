"""A policy on the screen: what is wrong with it, what it reaches, how its cases went."""

from collections.abc import Iterator

import typer

from flows.text.escape import show
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
    yield f"auto now: {_count(len(found.auto_now))}; could be: {len(found.could_be)}{lacking}"


def _fault(fault: PolicyFault) -> str:
    word = typer.style(fault.severity.value, fg=COLORS[fault.severity])
    return f"{word}: {show(str(fault), limit=2000)}"


def _count(count: int) -> str:
    return f"{count} target" if count == 1 else f"{count} targets"
