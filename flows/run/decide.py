"""The one pure room in which everything is decided; all reading comes before it, all writing after it.

Live runs, the page, `explain`, `what-if` and the past decide by these two functions: `decide` from both states, and
`conclude`, which it ends with, from one run's part of what a batch of snapshots was judged to be.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from flows.run.attention import Attention
from flows.run.conclude import give_evidence, to_judged
from flows.run.judge import judge
from flows.run.step import Step, call
from schemas.acknowledgement import Acknowledgement
from schemas.actual import Actual
from schemas.desired import Desired
from schemas.episode import Episode, Judged, Key, Transitions
from schemas.frame import DataFrame, dtypes
from schemas.rules import Rules
from schemas.run import Judgement
from schemas.settling import Settling
from schemas.shown import Shown
from schemas.wait import Patience, SettlingService, Wait
from schemas.words import DriftKind, EmitMode
from stages.acknowledge import acknowledge
from stages.debounce import Debounced, debounce
from stages.flap import divert_flapping
from stages.summarize import summarize
from stages.transition import decide_transitions


class Before(NamedTuple):
    """What a run must know of those before it, and of what people said."""

    episodes: Mapping[Key, Episode] = {}
    waits: tuple[Wait, ...] = ()
    settling: tuple[SettlingService, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()


class Habits(NamedTuple):
    """How episodes follow from recommendations; with the defaults, just as they are."""

    open_after: Mapping[DriftKind, Patience] = {}
    flapping_diagnostics: bool = False
    flapping_openings: int = 3
    flapping_window: timedelta = timedelta(hours=24)
    emit_mode: EmitMode = EmitMode.CHANGES


class Prints(NamedTuple):
    """What a run's input and rules are told by."""

    input: str = ""
    rules: str = ""


class Decision(NamedTuple):
    """Everything that one run comes to."""

    judgement: Judgement
    attention: Attention
    """The recommendations as they are acknowledged, and the state without those that are."""
    concluded: Judged
    """The conclusions as the judgement has them."""
    judged: Judged
    """The conclusions as the episodes get to see them."""
    transitions: Transitions
    waits: tuple[Wait, ...]
    settling: tuple[SettlingService, ...]


def decide(
    desired: Desired,
    actual: Actual,
    rules: Rules,
    before: Before,
    habits: Habits,
    prints: Prints,
    step: Step = call,
    elsewhere: Shown | None = None,
) -> Decision:
    """Return what one desired state, a batch of one snapshot and what was before come to; pure, whatever runs the steps.

    `elsewhere` is what other sites showed.
    """
    settling = remember_settling(before.settling, actual.snapshots["as_of"][0])
    judgement = judge(desired, actual, rules, step, settling, elsewhere)
    return step(conclude, judgement, desired, actual, rules, before, habits, prints)


def conclude(
    judgement: Judgement,
    desired: Desired,
    actual: Actual,
    rules: Rules,
    before: Before,
    habits: Habits,
    prints: Prints,
) -> Decision:
    """Return what the judgement of one snapshot and what was before come to."""
    as_of = judgement.summary["as_of"][0]
    judged = to_judged(
        judgement,
        desired,
        before.episodes.values(),
        as_of,
        input_fingerprint=prints.input,
        rules_fingerprint=prints.rules,
        waits=before.waits,
    )
    attended = _attend_episodes(judged, before, habits)
    transitions = decide_transitions(
        before.episodes, attended.judged, reminder_interval=rules.reminder_interval, emit_mode=habits.emit_mode
    )
    return Decision(
        judgement=judgement,
        attention=_attend(judgement, desired, actual, rules, before.acknowledgements, as_of),
        concluded=judged,
        judged=attended.judged,
        transitions=_with_evidence(transitions, judgement.drift, as_of),
        waits=attended.waits,
        settling=_list_settling(judgement.settling),
    )


def _with_evidence(transitions: Transitions, drift: pl.DataFrame, as_of: datetime) -> Transitions:
    """Return the transitions with the evidence of the recommendations that their events tell of."""
    told = [change for change in transitions.changes if change.recommended is not None]
    rows = give_evidence({as_of: [change.recommended for change in told if change.recommended]}, drift).get(as_of, [])
    known = {change.event_id: row for change, row in zip(told, rows, strict=True)}
    changes = (change._replace(recommended=known.get(change.event_id)) for change in transitions.changes)
    return transitions._replace(changes=tuple(changes))


def _attend(
    judgement: Judgement,
    desired: Desired,
    actual: Actual,
    rules: Rules,
    given: tuple[Acknowledgement, ...],
    as_of: datetime,
) -> Attention:
    found = acknowledge(judgement.recommendations, given, as_of)
    if found.acknowledged.is_empty():
        return Attention(found, judgement.summary, given=given)
    times = (judgement.world_times, judgement.planned)
    summary = summarize(judgement.drift, found.standing, desired, actual, *times, rules)
    return Attention(found, summary, given=given)


def _attend_episodes(judged: Judged, before: Before, habits: Habits) -> Debounced:
    """Return the conclusions as the episodes get to see them: without what flaps, and what did not last yet."""
    if habits.flapping_diagnostics:
        judged = divert_flapping(judged, before.episodes, habits.flapping_openings, habits.flapping_window)
    if not habits.open_after:
        return Debounced(judged, ())
    return debounce(judged, before.episodes, before.waits, habits.open_after)


def remember_settling(settling: Iterable[SettlingService], as_of: datetime) -> DataFrame[Settling]:
    """Return what the run before came to of what settles, as a stage is given it."""
    rows = [(as_of, row.node, row.service, row.first_seen_at) for row in settling]
    return Settling.validate(pl.DataFrame(rows, schema=dtypes(Settling), orient="row"))


def _list_settling(settling: DataFrame[Settling]) -> tuple[SettlingService, ...]:
    rows = settling.select("node", "service", "first_seen_at").iter_rows(named=True)
    return tuple(SettlingService(**row) for row in rows)
