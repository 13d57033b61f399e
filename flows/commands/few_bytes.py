"""Small worlds: judged in one thread, where polars hands nothing over."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from flows.files.processes import work_here

if TYPE_CHECKING:
    from flows.settings import Settings

Result = TypeVar("Result")

FEW_BYTES = 2 * 1024 * 1024
"""What the services of a small world take less than: some ten thousand."""


def work_by_size(settings: "Settings", work: Callable[[], Result]) -> Result:
    """Return what the work on a world does; where the world is small, with nothing handed over."""
    return work_here(work) if _is_small(settings) else work()


def _is_small(settings: "Settings") -> bool:
    from flows.sources.world.files import SERVICES

    try:
        return (settings.world / SERVICES).stat().st_size < FEW_BYTES
    except OSError:
        return False
