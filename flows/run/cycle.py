"""One run: gather, decide, record. What runs its steps (this process, Prefect) is the caller's choice."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from flows.errors import EmitError, InventoryError, WorldUnreadableError
from flows.ledger.checkpoint import Known
from flows.ledger.emit import Emitter, open_emitter
from flows.run.attend import habits_of, prints_of, read_before, recall, remark, remark_waits
from flows.run.clock import read_now
from flows.run.confirm import confirm_events
from flows.run.deadline import end_in_time
from flows.run.decide import Decision, decide
from flows.run.gather import InputReader, Inputs, read_inputs
from flows.run.news import to_news
from flows.run.preview import preview_acting
from flows.run.record import record, record_without_conclusion
from flows.run.result import RunReport, outcome_of
from flows.run.step import Result, Step
from flows.settings import Settings
from flows.sources.world.files import MAKE_ONE
from flows.telling.follow_up import follow_up
from flows.text.spoken import instant
from schemas.last_run import LastRun
from schemas.outage import RunNews
from schemas.run import Judgement
from schemas.words import Outcome

if TYPE_CHECKING:
    from flows.run.acting.round import Round


@dataclass
class TimedStep:
    """Runs each step, right here where nothing else is said, and remembers how long it took, in seconds."""

    taken_s: dict[str, float] = field(default_factory=dict)

    def __call__(self, stage: Callable[..., Result], *arguments: object) -> Result:
        """Run the step."""
        begun = time.perf_counter()
        try:
            return self.run(stage, *arguments)
        finally:
            self.taken_s[stage.__name__] = time.perf_counter() - begun

    def run(self, stage: Callable[..., Result], *arguments: object) -> Result:
        """Run the step, somewhere."""
        return stage(*arguments)


def run_once(
    settings: Settings, as_of: datetime | None = None, *, dry_run: bool = False, reader: InputReader | None = None
) -> RunReport:
    """Read, judge and record one run in this process; `dry_run` writes nothing at all.

    A process that runs again and again passes the same reader each time, so that what did not change is not read again.
    """
    step = TimedStep()
    reader = reader or InputReader(settings, is_caching=not dry_run)
    with reader.writing_beside():
        report = reconcile_with(step, settings, as_of, dry_run=dry_run, read=reader.read_inputs)
    return report._replace(timings_s=step.taken_s)


def reconcile_with(
    step: Step,
    settings: Settings,
    as_of: datetime | None,
    *,
    dry_run: bool = False,
    read: Callable[[Settings, datetime], Inputs] = read_inputs,
) -> RunReport:
    """Do one run with each of its steps run by `step`; `as_of` None is now, once the lock is held.

    The inputs are read under the lock, so that no older view of them can follow a newer one. A run without
    conclusions is a report, not an exception, and so is one that could not be written: the next run completes it.
    Raises `BusyError`, `SettingsError` and `DeadlineError`.
    """
    as_of = as_of.astimezone(UTC) if as_of else None
    with end_in_time(settings.deadline):
        if dry_run:
            return _conclude(step, settings, as_of or read_now(settings), None, read, is_dry=True)
        try:
            with _emitter(settings) as emitter:
                report = _conclude(step, settings, as_of or read_now(settings), emitter, read, is_live=as_of is None)
        except EmitError as error:
            # What cannot be written must not keep the operator from seeing what is wrong.
            report = _conclude(step, settings, as_of or read_now(settings), None, read)
            return report._replace(emit_error=str(error))
        if report.emit_error is not None:
            return report
        notes = step(
            follow_up, settings, report.news or RunNews(as_of=report.as_of, recommended=None, problem=report.error)
        )
        return report._replace(notes=(*report.notes, *notes), untold=notes)


@contextmanager
def _emitter(settings: Settings) -> Iterator[Emitter]:
    with open_emitter(
        settings.places,
        confirm=partial(confirm_events, settings.history_root()),
        as_cloudevents=settings.cloudevents,
        platform_words=settings.actions.platform_words,
        max_events=settings.limits.max_events,
    ) as emitter:
        yield emitter


def _conclude(
    step: Step,
    settings: Settings,
    as_of: datetime,
    emitter: Emitter | None,
    read: Callable[[Settings, datetime], Inputs],
    *,
    is_live: bool = False,
    is_dry: bool = False,
) -> RunReport:
    """Return the report; `is_live`: of now, so that acting may be written down; `is_dry`: nothing is written at all."""
    try:
        inputs = step(read, settings, as_of)
    except WorldUnreadableError as error:
        return _without_conclusion(settings, Outcome.SKIPPED, f"{error}; {MAKE_ONE}", as_of, emitter)
    except InventoryError as error:
        failed = _without_conclusion(settings, Outcome.FAILED, str(error), as_of, emitter)
        return failed._replace(failed_unread=error.unread)
    known, recalled = recall(settings) if is_dry else (Known(), ())
    last = emitter.last_run if emitter else known.last_run
    before, notes = read_before(settings, emitter.episodes if emitter else known.episodes, last)
    rules, habits, prints = settings.rules(), habits_of(settings), prints_of(inputs)
    decision = decide(inputs.desired, inputs.actual, rules, before, habits, prints, step, inputs.elsewhere)
    older = find_older(decision.judgement, last, as_of, settings.clock_tolerance)
    if older is not None and not is_dry:
        return _without_conclusion(settings, Outcome.SKIPPED, f"{older}; {MAKE_ONE}", as_of, emitter)
    report = RunReport(
        as_of=as_of,
        outcome=outcome_of(inputs.desired),
        desired=inputs.desired,
        actual=inputs.actual,
        judgement=decision.judgement,
        attention=decision.attention,
        notes=(*inputs.notes, *recalled, *([older] if older else []), *notes, *remark(decision.attention.acknowledged)),
        news=to_news(decision, inputs.desired),
    )
    if emitter is None:
        return preview_acting(report, settings, inputs, decision.judgement)
    return _record(step, settings, emitter, inputs, decision, report, is_live=is_live)


def _record(
    step: Step,
    settings: Settings,
    emitter: Emitter,
    inputs: Inputs,
    decision: Decision,
    report: RunReport,
    *,
    is_live: bool,
) -> RunReport:
    """Write what was concluded, and return the report with what that came to."""
    taken_s = dict(step.taken_s) if isinstance(step, TimedStep) else {}
    try:
        recorded = step(record, emitter, settings, inputs, decision, taken_s, is_live)
    except EmitError as error:
        # What was concluded stands, and is not concluded again; only acting is as a run that writes nothing has it.
        return preview_acting(report, settings, inputs, decision.judgement)._replace(emit_error=str(error))
    notes = (*report.notes, *emitter.warnings, *remark_waits(recorded.waits, settings.open_after))
    return report._replace(
        attention=recorded.attention,
        acting=recorded.acting,
        events=recorded.events,
        news=_with_plights(report.news, recorded.acting),
        notes=notes,
    )


def _with_plights(news: RunNews | None, acting: "Round | None") -> RunNews | None:
    """Return the news with what automation gave up: it is told with the outage that it is about."""
    if news is None or acting is None:
        return news
    from flows.run.acting.plight import describe_plights

    return news._replace(plights=describe_plights(acting.place, acting.book))


def find_older(judgement: Judgement, last: LastRun | None, as_of: datetime, tolerance: timedelta) -> str | None:
    """Return why the world is no news: it is older than that of the last run with conclusions; else None.

    A world of that run which lay in the future then (the clock was set back since) says nothing.
    """
    world_at = judgement.summary["world_at"][0]
    if last is None or last.world_at is None or last.world_at - as_of > tolerance:
        return None
    if last.world_at - world_at <= tolerance:
        return None
    return (
        f"this world, of {instant(world_at)}, is older than the world of {instant(last.world_at)}, which the run at"
        f" {instant(last.as_of)} judged; see whether an old copy was put in its place"
    )


def _without_conclusion(
    settings: Settings, outcome: Outcome, error: str, as_of: datetime, emitter: Emitter | None
) -> RunReport:
    last, emit_error = emitter.last_run if emitter else None, None
    if emitter is not None:
        try:
            record_without_conclusion(emitter, settings, outcome, error, as_of)
        except EmitError as problem:
            emit_error = str(problem)
    return RunReport(
        as_of=as_of,
        outcome=outcome,
        error=error,
        emit_error=emit_error,
        last_state=last.state if last else None,
        last_as_of=last.as_of if last else None,
        notes=tuple(emitter.warnings) if emitter else (),
    )
