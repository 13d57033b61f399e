"""Deciding what may be done in a fleet of a million services with ten thousand recommendations: processor seconds.

    python -m benchmarks.deciding --nodes 10000 --services 100 --broken 10000

One service in a hundred is broken, and each of them may be repaired by itself. Three runs, one after the other: the first
that sees them, the one that proposes them all, and one that finds all of it in the ledger. Frames are there already, as a
run has them when it has judged; the ledger is folded in it.
"""

import argparse
import gc
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl

from flows.run.actions import Acting, Remembered, decide
from schemas.actual import ActualNode, Deployment, ObservedService
from schemas.book import Able
from schemas.decision import Decided
from schemas.desired import (
    ContainerName,
    Dependency,
    Desired,
    DesiredNode,
    DesiredService,
    ListedService,
    MaintenanceWindow,
)
from schemas.drift import Drift
from schemas.episode import Episode, Recommended, open_episode
from schemas.executor_record import Capabilities, Offer
from schemas.frame import complete, empty
from schemas.ledger import By, Entry, Ledger
from schemas.ledger_words import Role
from schemas.match import Match
from schemas.memory import Memory
from schemas.numbers import Automation, Numbers
from schemas.policy import Policy, Rule
from schemas.rejected import Unread
from schemas.sight import Sight
from schemas.verb import Mode, Verb
from schemas.words import (
    Action,
    DependencyScope,
    DriftCause,
    DriftKind,
    EventType,
    Health,
    RunMode,
    SeenState,
    Severity,
)

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROUNDS = 3


def make_sight(node_count: int, service_count: int, broken_count: int, as_of: datetime) -> Sight:
    """Return the frames of a fleet in which every so-many-th service is unhealthy; each needs the first of its node."""
    nodes = pl.DataFrame({"node": [f"node-{n:05d}" for n in range(node_count)]})
    names = pl.DataFrame({"service": [f"service-{n:03d}" for n in range(service_count)]})
    services = nodes.join(names, how="cross").sort("node", "service")
    step = max(1, services.height // broken_count)
    broken = services.gather_every(step, offset=step - 1).head(broken_count)
    desired = Desired(
        nodes=DesiredNode.validate(
            complete(nodes, DesiredNode, is_monitored=True, is_intermittent=False, is_best_effort=False, file="x",
                has_readable_capabilities=True, is_readable=True, has_inventory=True, desired_hash="d" * 64,
            ).with_columns(roles=pl.lit([], dtype=pl.List(pl.String)))
        ),
        services=DesiredService.validate(
            complete(services, DesiredService, is_monitored=True, run=RunMode.SERVICE, has_readable_dependencies=True,
                desired_hash="d" * 64, file="x", line=1,
            )
        ),
        dependencies=Dependency.validate(
            complete(
                services.filter(pl.col("service") != "service-000"), Dependency, dependency="service-000",
                scope=DependencyScope.LOCAL, is_completion=False, file="x", line=1,
            )
        ),
        unread=Unread.validate(empty(Unread)),
        listed=ListedService.validate(empty(ListedService)),
        names=ContainerName.validate(empty(ContainerName)),
        maintenance=MaintenanceWindow.validate(empty(MaintenanceWindow)),
    )  # fmt: skip
    drift = complete(
        broken, Drift, as_of=as_of, kind=DriftKind.UNHEALTHY_SERVICE, cause=DriftCause.PLAIN, severity=Severity.ERROR,
    ).with_columns(drift_id="unhealthy-service-" + pl.col("node") + "-" + pl.col("service"))  # fmt: skip
    observed = complete(
        services, ObservedService, as_of=as_of, health=Health.HEALTHY, status="healthy", last_seen_at=as_of,
        healthy_count=1, container_count=1, is_desired=True,
    )  # fmt: skip
    shown = complete(
        nodes, ActualNode, as_of=as_of, status="online", last_seen_at=as_of, last_seen_state=SeenState.READABLE,
        has_disk_pressure=False, has_memory_pressure=False,
    ).with_columns(names_set_aside=pl.lit([], dtype=pl.List(pl.String)), key="node")  # fmt: skip
    return Sight(
        desired,
        Drift.validate(drift),
        ObservedService.validate(observed),
        ActualNode.validate(shown),
        Deployment.validate(empty(Deployment)),
    )


def recommend(sight: Sight) -> tuple[Recommended, ...]:
    """Return the recommendation of each broken service: a restart."""
    return tuple(
        Recommended(
            recommendation_id=f"container-restart-{node}-{service}",
            event_type=EventType.RECONCILE_REQUIRED,
            action=Action.CONTAINER_RESTART,
            severity=Severity.ERROR,
            node=node,
            service=service,
            reason="it is unhealthy",
            causing_kinds=(DriftKind.UNHEALTHY_SERVICE,),
            drift_ids=(drift_id,),
        )
        for node, service, drift_id in sight.drift.select("node", "service", "drift_id").iter_rows()
    )


def open_episodes(rows: tuple[Recommended, ...], opened_at: datetime) -> tuple[Episode, ...]:
    """Return their open episodes."""
    return tuple(open_episode(row, (opened_at,)) for row in rows)


def run_all(node_count: int, service_count: int, broken_count: int) -> Iterator[tuple[str, float, Decided]]:
    """Yield the three runs: what each is, its processor seconds (the best of some rounds), and what it came to."""
    sight = make_sight(node_count, service_count, broken_count, NOON)
    rows = recommend(sight)
    remembered = Remembered(open_episodes(rows, NOON))
    offers = tuple(Offer(verb=Verb.RESTART, target=f"{row.node}/{row.service}", step_hash="e" * 64) for row in rows)
    able = Able(NOON, Capabilities(offers=offers))
    rules = Policy(rules=(Rule(rule_id="all", match=Match(), mode=Mode.AUTO),))
    up = NOON - timedelta(days=7)
    nodes = sight.desired.nodes["node"].to_list()
    memory = Memory(last_run=NOON - MINUTE, fleet_since=up, node_since=dict.fromkeys(nodes, up))
    entries: tuple[Entry, ...] = ()
    for place, what in enumerate(("seen first", "proposed", "in the ledger")):
        now = NOON + place * MINUTE
        acting = Acting(rules, Numbers(automation=Automation.AUTO), (), Ledger(entries=entries), memory, able)
        best, decided = float("inf"), None
        for _ in range(ROUNDS):
            gc.collect()
            begun = time.process_time()
            decided = decide(sight, rows, remembered, acting, now, now)
            best = min(best, time.process_time() - begun)
        assert decided is not None
        by = By(uid=1, name="decider", role=Role.DECIDER)
        entries += tuple(Entry(len(entries) + n, now, by, record) for n, record in enumerate(decided.records, start=1))
        memory = decided.memory
        yield what, best, decided


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--services", type=int, default=100, help="of each node")
    parser.add_argument("--broken", type=int, default=10_000)
    given = parser.parse_args()
    for what, busy_s, decided in run_all(given.nodes, given.services, given.broken):
        print(f"{what:<14} {busy_s:6.2f} s  {len(decided.decisions)} decisions, {len(decided.records)} records")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
