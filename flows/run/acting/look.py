"""The frames of one run as deciding looks at them."""

from schemas.actual import Actual
from schemas.desired import Desired
from schemas.rules import Rules
from schemas.run import Judgement
from schemas.sight import Sight
from stages.observe import observe_services


def make_sight(desired: Desired, actual: Actual, judgement: Judgement, rules: Rules) -> Sight:
    """Return what was asked for, what was seen, and the difference."""
    seen = observe_services(desired, actual, rules)
    return Sight(desired, judgement.drift, seen.services, actual.nodes, seen.deployments)
