"""The steps of a run as Prefect tasks, so that the run page shows them as a graph with the time of each."""

from collections.abc import Callable
from typing import Any, cast

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from flows.errors import WorldUnreadableError
from flows.run.cycle import TimedStep
from flows.run.step import Result, Trait, has_trait

READ_PAUSES_S = [1.0, 4.0]
"""A read is tried again after these pauses, in seconds: the observer or an editor may be writing."""


class TaskStep(TimedStep):
    """Runs each step as a Prefect task of the flow run that it is called in.

    Nothing is cached and nothing persisted: Prefect would hash every frame it is given, and pickle every result. Only
    reading is tried again; a stage is pure, and gives the same error twice; what writes is completed by the next run.
    """

    def run(self, stage: Callable[..., Result], *arguments: object) -> Result:
        """Run the step as a task."""
        return cast("Result", as_task(stage)(*arguments))


def as_task(stage: Callable[..., Any]) -> Task[..., Any]:
    """Return a Prefect task of the step, named as it is."""
    step: Task[..., Any] = Task(
        stage, name=stage.__name__, cache_policy=NO_CACHE, persist_result=False, log_prints=False
    )
    if not has_trait(stage, Trait.READS_OF_OTHERS):
        return step
    return step.with_options(
        retries=len(READ_PAUSES_S), retry_delay_seconds=list(READ_PAUSES_S), retry_condition_fn=_may_pass
    )


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Return whether the fault is one that waiting may cure: a file that is being written or cannot be opened now."""
    fault = state.result(raise_on_failure=False)
    return isinstance(fault, WorldUnreadableError | OSError)
