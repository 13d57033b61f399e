"""What a site shows of its services, so that a chain of dependencies can lead from one site into another."""

from collections.abc import Callable
from typing import Any, NamedTuple

import polars as pl

from schemas.actual import ObservedService
from schemas.desired import ContainerName, Dependency, Desired, DesiredNode, DesiredService, ListedService
from schemas.desired import MaintenanceWindow as Window
from schemas.drift import DRIFT_ORDER, Drift
from schemas.frame import DataFrame, empty
from schemas.planned import Planned
from schemas.rejected import Unread


class Shown(NamedTuple):
    """The services of a site in one snapshot, or as much of them as others are told."""

    desired: Desired
    services: DataFrame[ObservedService]
    drift: DataFrame[Drift]
    """As it is held back before anybody asks what waits for what."""
    planned: DataFrame[Planned]


def pick(shown: Shown, keep: Callable[[pl.DataFrame], pl.DataFrame]) -> Shown:
    """Return of each frame that is told of what `keep` leaves of it; they all have a column `node`."""
    names = ("nodes", "services", "dependencies", "unread")
    told: dict[str, Any] = {name: keep(getattr(shown.desired, name)) for name in names}
    frames: list[Any] = [keep(rows) for rows in (shown.services, shown.drift, shown.planned)]
    return Shown(shown.desired._replace(**told, cycles=None), *frames)


def join_shown(parts: list[Shown]) -> Shown:
    """Return several sites as one; whoever has a node twice has told two sites apart badly, and gets an error."""
    wanted = [part.desired for part in parts]
    return Shown(
        Desired(
            DesiredNode.validate(pl.concat([empty(DesiredNode), *(one.nodes for one in wanted)])),
            DesiredService.validate(pl.concat([empty(DesiredService), *(one.services for one in wanted)])),
            Dependency.validate(pl.concat([empty(Dependency), *(one.dependencies for one in wanted)])),
            Unread.validate(pl.concat([empty(Unread), *(one.unread for one in wanted)])),
            ListedService.validate(empty(ListedService)),
            ContainerName.validate(empty(ContainerName)),
            Window.validate(empty(Window)),
        ),
        ObservedService.validate(pl.concat([empty(ObservedService), *(part.services for part in parts)])),
        Drift.validate(pl.concat([empty(Drift), *(part.drift for part in parts)]).sort(DRIFT_ORDER)),
        Planned.validate(pl.concat([empty(Planned), *(part.planned for part in parts)])),
    )
