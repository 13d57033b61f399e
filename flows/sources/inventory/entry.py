"""What a file says of one service, whatever the service is called and wherever in the file it stands."""

from typing import NamedTuple

from schemas.words import DependencyScope, RunMode


class EntryDependency(NamedTuple):
    """One dependency that an entry declares."""

    dependency: str
    scope: DependencyScope
    is_completion: bool
    offset: int
    """Lines from that of the service's name to its own."""


class Entry(NamedTuple):
    """What is said of a service; that of many others may be the same."""

    is_monitored: bool
    run: RunMode
    is_never_restarted: bool
    role: str | None
    exposure: str | None
    deployment_model: str | None
    whole: str
    """All of it, as canonical JSON."""
    entry_hash: str
    """What tells it from others, where there is no `service.yaml`."""
    dependencies: tuple[EntryDependency, ...]
