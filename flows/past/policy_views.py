"""What is known of a fleet that is not large: all of it, whoever asks, and looked for once for many runs of the past."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from flows.past.policy_runs import JudgedRuns
from schemas.desired import Desired
from schemas.episode import Target
from schemas.policy import BrokenPolicy, Need, Policy
from schemas.scene import Declared, View
from schemas.words import ALL
from stages.declare_targets import declare_targets
from stages.find_neighbours import find_neighbours
from stages.trace_chains import trace_chains
from stages.view_runs import view_runs

MOST_KNOWN = 2000
"""Services of a fleet whose views show all of it; of a larger one, what a run asks about is looked for anew."""
KEPT_FLEETS = 16


class Known:
    """A fleet that is not large."""

    def __init__(self, desired: Desired, services: Collection[Target]) -> None:
        """Trace all its chains."""
        self.desired = desired
        self.targets = frozenset({*services, *(Target(node, ALL) for node in desired.nodes["node"])})
        self._chains = trace_chains(desired.services, desired.dependencies, services)
        self._declared: dict[Any, Declared] = {}
        self._neighbours: dict[Target, frozenset[Target]] = {}

    def view(
        self, runs: JudgedRuns, as_of: datetime, policy: Policy | BrokenPolicy, further: frozenset[Target]
    ) -> View:
        """Return what a run shows of all the fleet, and of targets that are not of it any more."""
        key, valid = (looks_at(policy), further), policy if isinstance(policy, Policy) else None
        if key not in runs.views:
            if key not in self._declared:
                interest = self.targets | further
                self._declared[key] = declare_targets(self.desired, *self._chains, interest, valid)
            moments = runs.batch.prints.keys()
            runs.views[key] = view_runs(runs.whole, self._declared[key], self._chains.below, moments, (), valid)
        return runs.views[key][runs.like(as_of)]

    def neighbours(self, targets: Collection[Target]) -> dict[Target, frozenset[Target]]:
        """Return who stands beside each of the targets."""
        fresh = [target for target in targets if target not in self._neighbours]
        self._neighbours |= find_neighbours(self.desired.services, self._chains.below, fresh)
        return {target: self._neighbours[target] for target in targets}


class Fleets:
    """The fleets of the past, by their inventories."""

    def __init__(self) -> None:
        """Begin without any."""
        self._known: dict[str, Known | None] = {}

    def know(self, runs: JudgedRuns) -> Known | None:
        """Return what is known of the fleet of some runs; None of a large one."""
        if runs.inventory not in self._known:
            if len(self._known) >= KEPT_FLEETS:
                self._known.clear()
            desired = runs.batch.desired
            rows = desired.services.select("node", "service").head(MOST_KNOWN + 1).iter_rows()
            services = [Target(*row) for row in rows]
            self._known[runs.inventory] = Known(desired, services) if len(services) <= MOST_KNOWN else None
        return self._known[runs.inventory]


def looks_at(policy: Policy | BrokenPolicy) -> tuple[Any, ...]:
    """Return what of a policy decides which targets are looked at: two that agree in it share what they see."""
    if not isinstance(policy, Policy):
        return ()
    return policy.groups, policy.failovers, any(Need.OTHER_INSTANCE_HEALTHY in rule.needs for rule in policy.rules)
