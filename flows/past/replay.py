"""The past judged two ways: under the rules as they are and under others, or against two inventories."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from flows.errors import SettingsError
from flows.past.day import Day, Judge, Problem
from flows.setting_faults import explain_faults, suggest
from flows.settings import Settings
from flows.sources.formats.settings_file import read_settings_file
from flows.text.values import FaultsError, read_as
from schemas.comparison import Advice, ChangedAdvice, StatePair
from schemas.frame import DataFrame, Frame, columns, empty
from schemas.rules import Rules
from schemas.run import Judgement
from schemas.setting import settings_of
from schemas.words import State
from stages.compare import compare_advice


class Both(NamedTuple):
    """Some runs, judged both ways."""

    before: DataFrame[Advice]
    after: DataFrame[Advice]
    states: DataFrame[StatePair]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """What differs between two ways to judge the same runs."""

    changes: DataFrame[ChangedAdvice]
    states: DataFrame[StatePair]
    hours_before: dict[State, float]
    hours_after: dict[State, float]
    problems: tuple[Problem, ...]


@dataclass
class Replayer:
    """Judges a day both ways; can be sent to another process."""

    before: Judge
    after: Judge

    def __call__(self, day: Day) -> Both:
        """Return what is recommended in each run of a day, both ways."""
        problems: list[Problem] = []
        parts = []
        for version, worlds in self.before.read_day(day, problems):
            before = self.before.judge_worlds(version, worlds, problems)
            after = self.after.judge_worlds(version, worlds, [])
            if before is not None and after is not None:
                parts.append(pair(before.judgement, after.judgement))
        return join_pairs(parts, tuple(problems))


def pair(before: Judgement, after: Judgement) -> Both:
    """Return what a comparison looks at of two judgements of the same runs."""
    states = before.summary.select("as_of", state_before="state").join(
        after.summary.select("as_of", state_after="state"), on="as_of"
    )
    return Both(_advice(before), _advice(after), StatePair.validate(states.sort("as_of")))


def _advice(judgement: Judgement) -> DataFrame[Advice]:
    return Advice.validate(judgement.recommendations.select(columns(Advice)))


def join_pairs(parts: Iterable[Both], problems: tuple[Problem, ...] = ()) -> Both:
    """Return several of them as one."""
    given = list(parts)
    return Both(
        Advice.validate(_stack(Advice, [part.before for part in given])),
        Advice.validate(_stack(Advice, [part.after for part in given])),
        StatePair.validate(_stack(StatePair, [part.states for part in given])),
        (*problems, *(problem for part in given for problem in part.problems)),
    )


def _stack(schema: type[Frame], frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([empty(schema), *frames]).sort("as_of", maintain_order=True)


def compare(both: Both, longest_span: timedelta) -> Comparison:
    """Return what differs; a run stands for the time until the next, at most `longest_span`."""
    span_s = (pl.col("as_of").shift(-1) - pl.col("as_of")).dt.total_microseconds() / 1e6
    spans = both.states.with_columns(span_s=span_s.clip(upper_bound=longest_span.total_seconds()).fill_null(0.0))
    return Comparison(
        compare_advice(both.before, both.after, both.states),
        both.states,
        _hours(spans, "state_before"),
        _hours(spans, "state_after"),
        both.problems,
    )


def _hours(spans: pl.DataFrame, side: str) -> dict[State, float]:
    spent = dict(spans.group_by(pl.col(side).cast(pl.String)).agg(pl.col("span_s").sum() / 3600).iter_rows())
    return {state: round(spent.get(state.value, 0.0), 3) for state in State}


def read_rules(file: Path, rules: Rules) -> Rules:
    """Return the rules with those of a file in their place; other settings in it change no judgement.

    So a changed copy of `supervisor.yaml` will do. Raises `SettingsError` naming file, line and key.
    """
    if not file.is_file():
        raise SettingsError(f"{file}: no such file of rules")
    values, lines = read_settings_file(file)
    for name in values:
        if name not in settings_of(Settings):
            hint = suggest(name, settings_of(Settings)) or "; 'supervisor config' lists them"
            raise SettingsError(f"{file}:{lines[name]}: {name!a} is no setting{hint}")
    changed = {name: value for name, value in values.items() if name in settings_of(Rules)}
    try:
        return read_as(Rules, {**{name: getattr(rules, name) for name in settings_of(Rules)}, **changed})
    except FaultsError as error:
        places = {name: f"{file}:{line}" for name, line in lines.items()}
        raise SettingsError(explain_faults(Settings, error, places)) from None
