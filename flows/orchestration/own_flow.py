"""Prefect's `flow` as ours are: what is wrong ends a run in one line, and no run reads a stored result.

A run of ours stores none. But a state that the server gives can name one: a pickle in any file. Whoever has the API's
password could set such a state while a run begins, and the run would load it as ours.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Never, ParamSpec, TypeVar

from prefect import Flow
from prefect import flow as prefect_flow
from prefect.client.schemas.objects import State, StateType
from prefect.results import ResultStore
from prefect.states import Failed

from flows.errors import BusyError, SupervisorError
from flows.text.escape import show_line

Given = ParamSpec("Given")
Returned = TypeVar("Returned")


def flow(name: str, **options: Any) -> Callable[[Callable[Given, Returned]], Flow[Given, Returned]]:
    """Return what makes a flow that persists nothing; it ends Busy where another holds a lock, Failed on an error of ours."""
    return lambda work: prefect_flow(name=name, persist_result=False, log_prints=False, **options)(_in_one_line(work))


def _in_one_line(work: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Return the work with its errors as states, of which Prefect prints no traceback."""

    @wraps(work)
    def end(*given: Given.args, **named: Given.kwargs) -> Any:
        try:
            return work(*given, **named)
        except BusyError as error:
            return State(type=StateType.CANCELLED, name="Busy", message=show_line(error))
        except SupervisorError as error:
            return Failed(message=show_line(error))

    return end


def _refuse(*_: Any, **__: Any) -> Never:
    raise RuntimeError("a run of the supervisor reads no stored result, whatever the server says of one")


for _name in ("read", "aread"):
    setattr(ResultStore, _name, _refuse)
