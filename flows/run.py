"""One run: gather, decide, record. What runs its steps (this process, Prefect) is the caller's choice."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from flows.conclusions import to_judged
from flows.deadline import end_in_time
from flows.errors import InventoryError, WorldUnreadableError
from flows.gather import Inputs, read_inputs
from flows.judge import Result, Step, judge
from flows.report import RunReport
from flows.settings import Settings
from flows.sinks.emit import EmitPaths, Emitter, open_emitter
from schemas.desired import Desired
from schemas.last_run import LastRun
from schemas.run import Judgement
from schemas.words import Outcome, State
from stages.transition import decide_transitions


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
    report = reconcile_with(step, settings, as_of, dry_run=dry_run)
    return replace(report, timings_s=step.taken_s)


def reconcile_with(step: Step, settings: Settings, as_of: datetime | None, *, dry_run: bool = False) -> RunReport:
    """Do one run with each of its steps run by `step`; `as_of` None is now, once the lock is held.

    The inputs are read under the lock, so that no older view of them can follow a newer one. A run without
    conclusions is a report, not an exception. Raises `BusyError`, `EmitError`, `SettingsError` and `DeadlineError`.
    """
    with end_in_time(settings.deadline):
        if dry_run:
            return _conclude(step, settings, as_of or datetime.now(UTC), None)
        with _emitter(settings) as emitter:
            return _conclude(step, settings, as_of or datetime.now(UTC), emitter)


@contextmanager
def _emitter(settings: Settings) -> Iterator[Emitter]:
    paths = EmitPaths(
        event_log=settings.event_log.absolute(),
        checkpoint=settings.checkpoint.absolute(),
        state_dir=settings.state_dir.absolute(),
    )
    with open_emitter(
        paths,
        lock_timeout_s=settings.lock_timeout.total_seconds(),
        as_cloudevents=settings.cloudevents,
        max_events=settings.limits.max_events,
    ) as emitter:
        yield emitter


def _conclude(step: Step, settings: Settings, as_of: datetime, emitter: Emitter | None) -> RunReport:
    try:
        inputs = step(read_inputs, settings, as_of)
    except WorldUnreadableError as error:
        return _without_conclusion(Outcome.SKIPPED, str(error), as_of, emitter)
    except InventoryError as error:
        return _without_conclusion(Outcome.FAILED, str(error), as_of, emitter)
    judgement = judge(inputs.desired, inputs.actual, settings.rules(), step)
    report = RunReport(
        as_of=as_of,
        outcome=_outcome(inputs.desired),
        desired=inputs.desired,
        actual=inputs.actual,
        judgement=judgement,
        notes=inputs.notes,
    )
    if emitter is None:
        return report
    lines = step(record, emitter, settings, inputs, judgement, as_of)
    notes = (*report.notes, *emitter.warnings)
    return replace(report, event_count=len(lines), event_lines=lines, notes=notes)


def record(
    emitter: Emitter, settings: Settings, inputs: Inputs, judgement: Judgement, as_of: datetime
) -> tuple[bytes, ...]:
    """Write what changed, and remember the run; return the lines that were appended to the event log."""
    judged = to_judged(
        judgement,
        inputs.desired,
        emitter.episodes.values(),
        as_of,
        input_fingerprint=inputs.fingerprint,
        rules_fingerprint=inputs.rules_fingerprint,
    )
    transitions = decide_transitions(
        emitter.episodes, judged, reminder_interval=settings.reminder_interval, emit_mode=settings.emit_mode
    )
    return emitter.commit(transitions, _last_run(judgement, inputs, as_of))


def _outcome(desired: Desired) -> Outcome:
    return Outcome.COMPLETED if desired.unread["is_warning"].all() else Outcome.PARTIAL


def _without_conclusion(outcome: Outcome, error: str, as_of: datetime, emitter: Emitter | None) -> RunReport:
    last = emitter.last_run if emitter else None
    if emitter is not None:
        emitter.note_skipped(as_of, error, outcome)
    return RunReport(
        as_of=as_of,
        outcome=outcome,
        error=error,
        last_state=last.state if last else None,
        last_as_of=last.as_of if last else None,
        notes=tuple(emitter.warnings) if emitter else (),
    )


def _last_run(judgement: Judgement, inputs: Inputs, as_of: datetime) -> LastRun:
    summary = judgement.summary.row(0, named=True)
    short = ("recommendation_id", "event_type", "action", "severity", "node", "service", "reason", "blast_radius")
    return LastRun(
        as_of=as_of,
        outcome=_outcome(inputs.desired),
        state=State(summary["state"]),
        world_at=summary["world_at"],
        counts={name: value for name, value in summary.items() if name.endswith("_count")},
        recommendations=tuple(judgement.recommendations.head(100).select(short).to_dicts()),
        input_fingerprint=inputs.fingerprint,
    )
