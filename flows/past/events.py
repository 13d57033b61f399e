"""The events that live runs would have written, had there been one at each snapshot."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from flows.errors import EmitError
from flows.files.own import replace_file
from flows.ledger.event_line import digest_line, encode_change
from flows.past.day import Batch, Day, Judge, Problem, one_run
from flows.run.attend import habits_of
from flows.run.decide import Before, Prints, conclude
from flows.settings import Settings


def write_events(
    file: Path, judge: Judge, days: list[Day], settings: Settings, advance: Callable[[int], object] = lambda _: None
) -> int:
    """Write the events of all snapshots to a file of their own, in place of what it held; return how many.

    One run follows from the one before it, so that this is done in order; `advance` is told the number of snapshots of
    each day that is begun. Refuses the live event log and checkpoint.
    """
    if file.resolve() in {settings.event_log.resolve(), settings.checkpoint.resolve()}:
        raise EmitError(f"{file}: the live event log and checkpoint are not written by a backfill; name another file")
    lines = list(_follow(judge, _told(days, advance), settings))
    replace_file(file.absolute(), b"".join(line + b"\n" for line in lines))
    return len(lines)


def _follow(judge: Judge, days: Iterable[Day], settings: Settings) -> Iterator[bytes]:
    before, habits = Before(), habits_of(settings)
    previous: str | None = None
    for batch in _batches(judge, days):
        for as_of, prints in sorted(batch.prints.items()):
            decision = conclude(
                one_run(batch.judgement, as_of),
                batch.desired,
                batch.actual,
                judge.rules,
                before,
                habits,
                Prints(input=prints.input, rules=prints.rules),
            )
            before = Before(episodes=decision.transitions.episodes, waits=decision.waits)
            for change in decision.transitions.changes:
                line = encode_change(change, previous, as_cloudevent=settings.cloudevents).line
                previous = digest_line(line)
                yield line


def _told(days: list[Day], advance: Callable[[int], object]) -> Iterator[Day]:
    for day in days:
        advance(len(day.snapshots))
        yield day


def _batches(judge: Judge, days: Iterable[Day]) -> Iterator[Batch]:
    problems: list[Problem] = []
    for day in days:
        for version, worlds in judge.read_day(day, problems):
            batch = judge.judge_worlds(version, worlds, problems)
            if batch is not None:
                yield batch
