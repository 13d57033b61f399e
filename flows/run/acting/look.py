"""The frames of one run as deciding looks at them."""

from flows.run.gather import Inputs
from schemas.rules import Rules
from schemas.run import Judgement
from schemas.sight import Sight
from stages.observe import observe_services


def make_sight(inputs: Inputs, judgement: Judgement, rules: Rules) -> Sight:
    """Return what was asked for, what was seen, and the difference."""
    seen = observe_services(inputs.desired, inputs.actual, rules)
    return Sight(inputs.desired, judgement.drift, seen.services, inputs.actual.nodes, seen.deployments)
