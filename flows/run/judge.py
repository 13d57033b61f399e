"""The order of the steps, written once: what runs them (the process itself, Prefect) is the caller's choice."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from schemas.actual import Actual
from schemas.desired import Desired
from schemas.rules import Rules
from schemas.run import Judgement
from stages.date import date_worlds
from stages.detect import detect_drift
from stages.doubt import doubt_observer
from stages.hold import hold_back
from stages.link import link_dependencies
from stages.recommend import recommend
from stages.summarize import summarize
from stages.trace import trace_root_causes

Result = TypeVar("Result")


class Step(Protocol):
    """Runs one stage on its arguments and returns its result."""

    def __call__(self, stage: Callable[..., Result], *arguments: object) -> Result:
        """Run the stage."""


def call(stage: Callable[..., Result], *arguments: object) -> Result:
    """Run a stage right here."""
    return stage(*arguments)


def judge(desired: Desired, actual: Actual, rules: Rules, step: Step = call) -> Judgement:
    """Return what follows from one desired state and a batch of snapshots (SEMANTICS 3 to 6).

    Pure: the same arguments give the same frames, bit for bit, whatever runs the steps.
    """
    links = step(link_dependencies, desired.services, desired.dependencies)
    world_times = step(date_worlds, actual)
    detected = step(detect_drift, desired, actual, rules)
    doubted = step(doubt_observer, detected, desired.services, actual, world_times, rules)
    drift = step(hold_back, doubted, actual.deployments, rules)
    root_causes = step(trace_root_causes, drift, links)
    recommendations = step(recommend, drift, root_causes, rules)
    summary = step(summarize, drift, recommendations, world_times, actual)
    return Judgement(drift, recommendations, root_causes, summary)
