"""Faults from inside: the n-th call that changes a file is killed before, in the middle or after, or fails."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

CHANGES = ("write", "pwrite", "fsync", "replace", "rename", "unlink", "mkdir")


class Killed(BaseException):
    """The process is gone: no `except Exception` of the code under test sees it."""


@dataclass
class Fault:
    """What happens at which call; `kept` bytes of a write get through before a kill."""

    number: int
    kept: int | None = None
    error: int | None = None
    count: int = 0
    is_dead: bool = False
    only: str | None = None
    """Count calls of this name alone."""


@contextmanager
def injected(fault: Fault) -> Iterator[Fault]:
    """Let the fault strike while the block runs."""
    real = {name: getattr(os, name) for name in CHANGES}
    try:
        for name in CHANGES:
            setattr(os, name, _spoil(name, real[name], fault))
        yield fault
    finally:
        for name in CHANGES:
            setattr(os, name, real[name])


def _spoil(name: str, call: Callable[..., object], fault: Fault) -> Callable[..., object]:
    def spoiled(*arguments: object, **options: object) -> object:
        if fault.is_dead:
            raise Killed
        fault.count += fault.only in (None, name)
        if fault.count != fault.number or fault.only not in (None, name):
            return call(*arguments, **options)
        if fault.error is not None:
            raise OSError(fault.error, os.strerror(fault.error))
        fault.is_dead = True
        if name == "write" and fault.kept:
            fd, data = arguments
            call(fd, bytes(data)[: fault.kept])  # type: ignore[call-overload]
        raise Killed

    return spoiled


NO_SPACE = errno.ENOSPC
