"""The frames of one run that deciding looks at (ACTIONS 13)."""

from typing import NamedTuple

from schemas.actual import ActualNode, Deployment, ObservedService
from schemas.desired import Desired
from schemas.drift import Drift
from schemas.frame import DataFrame


class Sight(NamedTuple):
    """What was asked for, what was seen, and the difference, at one moment."""

    desired: Desired
    drift: DataFrame[Drift]
    observed: DataFrame[ObservedService]
    nodes: DataFrame[ActualNode]
    deployments: DataFrame[Deployment]
    """By the services' own names."""
