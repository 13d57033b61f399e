"""Runs that a replay passes over: in any past, deciding each of them would have come to the same."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from flows.past import policy_replay
from flows.past.day import group_days
from flows.past.policy_replay import Assume, Simulation, replay_policies
from flows.past.policy_runs import DayReader, JudgedRuns
from flows.past.policy_sleep import Sleep
from flows.past.sources import choose_inventories, find_snapshots, make_judge, open_snapshots
from flows.settings import Settings
from flows.sources.policy.policy_file import read_policy
from schemas.ledger import Ledger
from schemas.numbers import Automation
from stages.fold_ledger import fold_ledger
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, world, write

SERVICES = ("piha/web", "piha/db", "piha/x", "vps/y", "vps/web")
POLICIES = (
    "rules: [{id: all, match: {}, mode: auto}]",
    "rules: [{id: ask, match: {}, mode: approve}]",
    "rules: [{id: quick, match: {service: web}, mode: auto, cooldown: 10m}, {id: rest, match: {}, mode: suggest}]",
    "windows: {noon: {from: '12:20', to: '13:40'}}\nrules: [{id: noon, match: {}, mode: auto, cooldown: 2h, when: {allow: [noon]}}]",
    "windows: {noon: {from: '12:20', to: '13:40'}}\nrules: [{id: not, match: {}, mode: auto, cooldown: 2h, when: {deny: [noon]}}]",
)


def write_past(folder, random):
    """Write worlds, some minutes apart and once an hour, in which services fall ill and recover, and nodes are silent."""
    moment, ill, silent = NOON, {}, {}
    for _ in range(60):
        moment += timedelta(minutes=random.choice([1, 2, 2, 5] if random.random() < 0.97 else [65]))
        if random.random() < 0.15:
            ill[random.choice(SERVICES)] = moment + timedelta(minutes=random.choice([1, 4, 15, 60, 200]))
        if random.random() < 0.03:
            silent[moment] = moment + timedelta(minutes=20)
        sick = {target for target, until in ill.items() if moment < until}
        silent_s = 900 if any(since <= moment < until for since, until in silent.items()) else 0
        name = f"{moment:%Y-%m-%dT%H%M%SZ}"
        write(folder / name, world(moment, *SERVICES, sick=sick, silent_s=silent_s))


def judge_past(settings, folder):
    """Return the runs of a past, judged."""
    with open_snapshots(folder, settings.limits) as snapshots:
        read = DayReader(make_judge(settings, snapshots, choose_inventories(settings, None, snapshots)))
        days = group_days(find_snapshots(snapshots, None, None))
        return [JudgedRuns(told, settings.rules()) for day in days for told in read(day).told]


@pytest.mark.parametrize("seed", range(3, 8))
def test_in_any_past_what_is_passed_over_comes_to_what_deciding_it_comes_to(seed, tmp_path, monkeypatch):
    random = Random(seed)
    home = write(tmp_path / "home", inventory(piha=["web", "db", "x"], vps=["y", "web"]))
    settings = Settings(inventory=home, state_dir=tmp_path / "state")
    write_past(tmp_path / "kept", random)
    judged = judge_past(settings, tmp_path / "kept")
    path = write(tmp_path, {"policy.yaml": POLICIES[seed % len(POLICIES)].encode()}) / "policy.yaml"
    numbers = replace(settings.actions.numbers(), automation=Automation.AUTO)
    policy = read_policy(path, numbers, None).policy
    options = (numbers, settings.past_rules(), random.choice([*Assume]), random.random() < 0.5)
    told = Counter()
    look = Sleep.pass_over
    monkeypatch.setattr(Sleep, "pass_over", lambda *given: told.update([(found := look(*given)) is None]) or found)

    def replay():
        both = Simulation(policy, *options), Simulation(policy, *options)
        replay_policies(judged, *both)
        anew = fold_ledger(Ledger(entries=tuple(both[0].entries)), policy_replay.PEOPLE, numbers)
        assert both[0]._fold() == anew
        return [(one.entries, one.counts, one.memory, one.deciding) for one in both]

    fast = replay()
    assert told[False] > 20  # passed over
    assert sum(fast[0][1].values()) > 0
    monkeypatch.setattr(policy_replay, "fall_asleep", lambda *_: None)
    assert replay() == fast
