"""A step of a run, and what it says of itself to whatever runs it: this process, Prefect, several processes."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, TypeVar

Result = TypeVar("Result")
Function = TypeVar("Function", bound=Callable[..., object])


class Trait(StrEnum):
    """What is true of a step besides what it returns."""

    READS_OF_OTHERS = "reads what others write: a fault may pass while one waits, so that it may be tried again"
    TAKES_NODES_ALONE = "looks at each node alone: of parts of the nodes it returns parts of what it returns of all"


class Step(Protocol):
    """Runs one stage on its arguments and returns its result."""

    def __call__(self, stage: Callable[..., Result], *arguments: object) -> Result:
        """Run the stage."""


def call(stage: Callable[..., Result], *arguments: object) -> Result:
    """Run a stage right here."""
    return stage(*arguments)


def mark(trait: Trait) -> Callable[[Function], Function]:
    """Return a decorator that says it of a function or a method."""

    def say(function: Function) -> Function:
        setattr(function, trait.name, True)
        return function

    return say


def has_trait(stage: Callable[..., object], trait: Trait) -> bool:
    """Return whether a step says so of itself."""
    return getattr(stage, trait.name, False) is True
