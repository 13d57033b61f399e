"""One run: gather, decide, record. What runs its steps (this process, Prefect) is the caller's choice."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import cast

from flows.errors import InventoryError, SupervisorError, WorldUnreadableError
from flows.judge import Result, Step, judge
from flows.report import RunReport
from flows.settings import Settings
from flows.sources.inventory import read_inventory
from flows.sources.world import read_world
from schemas.actual import Actual
from schemas.desired import Desired
from schemas.words import Outcome


@dataclass
class TimedStep:
    """Runs each step right here, and remembers how long it took, in seconds."""

    taken_s: dict[str, float] = field(default_factory=dict)

    def __call__(self, stage: Callable[..., Result], *arguments: object) -> Result:
        """Run the step."""
        begun = time.perf_counter()
        try:
            return stage(*arguments)
        finally:
            self.taken_s[stage.__name__] = time.perf_counter() - begun


def run_once(settings: Settings, as_of: datetime | None = None, *, dry_run: bool = False) -> RunReport:
    """Read, judge and record one run in this process; `dry_run` writes nothing at all."""
    step = TimedStep()
    report = reconcile_with(step, settings, as_of or datetime.now(UTC), dry_run=dry_run)
    return replace(report, timings_s=step.taken_s)
