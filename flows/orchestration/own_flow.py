"""Prefect's `flow`, in a process that reads no stored result.

A run of ours stores none. But a state that the server gives can name one: a pickle in any file. Whoever has the API's
password could set such a state while a run begins, and the run would load it as ours.
"""

from typing import Any, Never

from prefect import flow
from prefect.results import ResultStore

__all__ = ["flow"]


def _refuse(*_: Any, **__: Any) -> Never:
    raise RuntimeError("a run of the supervisor reads no stored result, whatever the server says of one")


for _name in ("read", "aread"):
    setattr(ResultStore, _name, _refuse)
