"""`supervisor policy replay`: the archive of a period, decided by the policy in force and by another one."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from flows.ledger.archive import open_archive
from flows.past.day import group_days, join_days, stretch
from flows.past.make_days import map_days
from flows.past.policy_replay import Assume, Replayed, Simulation, replay_policies
from flows.past.policy_runs import DayReader, JudgedRuns, in_order
from flows.past.sources import choose_inventories, find_snapshots, make_judge, open_snapshots
from flows.settings import Settings
from flows.sources.policy.findings import PolicyFileError
from flows.sources.policy.policy_file import read_policy
from schemas.numbers import Automation
from schemas.policy import BrokenPolicy, Policy


def study_policies(
    settings: Settings,
    other: Path,
    since: datetime | None,
    until: datetime | None,
    assume: Assume = Assume.RECORDED,
    *,
    approves_all: bool = False,
    jobs: int | None = None,
    source: Path | None = None,
) -> Replayed:
    """Return what both policies would have come to; with automation off, as if it were auto. Nothing is written.

    `source` are snapshots in place of our archive. Raises what reading the archive raises, and `PolicyFileError` for the
    other policy with a fault, which would hold everything back.
    """
    numbers = settings.actions.numbers()
    if numbers.automation is Automation.OFF:
        numbers = replace(numbers, automation=Automation.AUTO)
    in_force, draft = (read_policy(path, numbers, None).policy for path in (settings.actions.policy, other))
    if isinstance(draft, BrokenPolicy):
        raise PolicyFileError(draft.errors)
    old, new = (
        Simulation(policy, numbers, settings.past_rules(), assume, approves_all) for policy in (in_force, draft)
    )
    found = replay_policies(_judge_runs(settings, since, until, jobs, source), old, new)
    return found._replace(faults=in_force.errors if isinstance(in_force, BrokenPolicy) else ())


def find_silent_rules(settings: Settings, policy: Policy, since: datetime, until: datetime) -> tuple[str, ...]:
    """Return the rules of a policy that would have decided nothing in a period of our archive."""
    numbers = replace(settings.actions.numbers(), automation=Automation.AUTO)
    tried = Simulation(policy, numbers, settings.past_rules())
    for runs in _judge_runs(settings, since, until, None, None):
        for as_of, world_at in runs.moments():
            tried.run(runs, as_of, world_at)
    return tuple(rule.rule_id for rule in policy.rules if rule.rule_id not in tried.deciding)


def _judge_runs(
    settings: Settings, since: datetime | None, until: datetime | None, jobs: int | None, source: Path | None
) -> Iterator[JudgedRuns]:
    """Yield the runs of a period, judged, the oldest first."""
    if source is None:
        with open_archive(settings.state_dir):
            pass
    with open_snapshots((source or settings.state_dir).absolute(), settings.limits) as snapshots:
        jobs = jobs or os.cpu_count() or 1
        days = [join_days(part) for part in stretch(group_days(find_snapshots(snapshots, since, until)), jobs)]
        snapshots.close()
        judge = make_judge(settings, snapshots, choose_inventories(settings, None, snapshots))
        done = map_days(DayReader(judge), days, jobs)
        for told in in_order(done, days):
            yield JudgedRuns(told, settings.rules())
