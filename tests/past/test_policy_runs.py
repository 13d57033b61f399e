"""Runs of the past that are not judged, since their world says the same as one before: judging them comes to the same."""

import json
from datetime import timedelta
from random import Random

import pytest

from flows.past import policy_runs
from flows.past.day import group_days
from flows.past.policy_runs import DayReader, JudgedRuns
from flows.past.sources import choose_inventories, find_snapshots, make_judge, open_snapshots
from flows.settings import Settings
from flows.sources.world.likeness import Parted
from flows.text.values import read_as
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, write

NODES = ("piha", "vps", "attic")
SERVICES = ("web", "db", "job")
MINUTES = (1, 2, 5, 9, 16, 45, 61, 70, 700, 1450)
STATUSES = ("healthy", "healthy", "exited (1)", "starting", "restarting", "odd")
RULES = {"node_ttl": "4m", "mass_offline_min": 1, "mass_drift_min": 2, "node_ttl_intermittent": "30m"}


class Past:
    """A small fleet on its way: for a while nothing happens but time, then something of one kind."""

    def __init__(self, random):
        self.random, self.moment = random, NOON
        self.statuses = {f"{node}/{service}": "healthy" for node in NODES for service in SERVICES}
        self.fields, self.frozen, self.files, self.summary, self.is_stopped = {}, {}, {}, {}, False

    def happen(self):
        key = self.random.choice([*self.statuses, *NODES])
        before = self.moment - timedelta(minutes=self.random.choice(MINUTES))
        kind = self.random.choice(
            ["status", "freeze", "thaw", "since", "deploy", "incident", "stop", "ahead", "odd", "well"]
        )
        if kind == "status":
            self.statuses[self.random.choice([*self.statuses])] = self.random.choice(STATUSES)
        elif kind in ("freeze", "ahead"):
            self.frozen[key] = (
                before if kind == "freeze" else self.moment + timedelta(minutes=self.random.choice([2, 8]))
            )
        elif kind == "since":
            self.fields[key] = {"since" if "/" in key else "online_since": self.spell(before)}
        elif kind == "deploy":
            row = {"node": "piha", "service": "web", "status": self.random.choice(["failed", "running", "completed"])}
            begun = self.moment - timedelta(minutes=self.random.choice([1, 5, 8, 1425, 1437]))
            self.files["deployments.json"] = {"d": row | {"started_at": self.spell(begun)}}
            self.statuses["piha/web"] = "exited (1)"
        elif kind == "incident":
            row = {"node": "vps", "service": "db", "severity": "error", "trigger_type": "mqtt_unreachable"}
            row |= {"status": self.random.choice(["active", "resolved"]), "started_at": self.spell(before)}
            self.files["incidents.json"] = {"i": row}
        elif kind == "odd":
            self.fields[key] = {"last_seen": self.random.choice([None, 0, True, [1], "soon", "0001-01-01", r"a\b"])}
        elif kind == "stop":
            self.is_stopped = True
        else:
            self.frozen, self.fields, self.is_stopped = {}, {}, False
            self.statuses |= dict.fromkeys(self.statuses, "healthy") if kind == "well" else {}
            self.summary = {"refreshes": True} if self.random.random() < 0.3 else {}

    def spell(self, moment):
        seconds = int(moment.timestamp())
        return self.random.choice([seconds, f"{moment:%Y-%m-%dT%H:%M:%SZ}", seconds * 1000])

    def seen(self, key):
        late = {"piha": 0.25, "vps": -1.0, "attic": -40.0}[key.partition("/")[0]]
        moment = self.frozen.get(key, self.moment).timestamp() + late * (key not in self.frozen)
        return {"last_seen": moment} | self.fields.get(key, {})

    def worlds(self, count):
        text = {}
        for _ in range(count):
            self.moment += timedelta(minutes=self.random.choice([1, 1, 2, 5]) if self.random.random() < 0.95 else 40)
            if self.random.random() < 0.2:
                self.happen()
            if not self.is_stopped or not text:
                files = {
                    "nodes.json": {node: {"status": "online"} | self.seen(node) for node in NODES},
                    "services.json": {key: {"status": said} | self.seen(key) for key, said in self.statuses.items()},
                    "runtime-summary.json": {"last_update": self.moment.timestamp() - 3.5} | self.summary,
                }
                text = {name: json.dumps(said).encode() for name, said in (files | self.files).items()}
            yield f"{self.moment:%Y-%m-%dT%H%M%SZ}", text


def judge_past(settings, folder):
    with open_snapshots(folder, settings.limits) as snapshots:
        read = DayReader(make_judge(settings, snapshots, choose_inventories(settings, None, snapshots)))
        days = group_days(find_snapshots(snapshots, None, None))
        return [JudgedRuns(told, settings.rules()) for day in days for told in read(day).told]


def list_runs(judged):
    """Return all that deciding looks at, run by run."""
    return [
        (as_of, world_at, runs.sign(as_of), [row.key for row in runs.recommended(as_of)], dict(runs.shown(as_of)))
        for runs in judged
        for as_of, world_at in runs.moments()
    ]


OFTEN = [{"from": f"{hour}:10", "to": f"{hour}:50"} for hour in range(10, 24)]


@pytest.mark.parametrize(("seed", "windows"), [(1, []), (6, []), (2, OFTEN)])
def test_a_run_whose_world_says_the_same_as_one_before_is_the_same(seed, windows, tmp_path, monkeypatch):
    past = Past(Random(seed))
    home = write(tmp_path / "home", inventory(**dict.fromkeys(NODES, SERVICES)))
    (home / "hosts/attic/capabilities.yaml").write_text("connectivity: intermittent\n")
    for name, files in past.worlds(300):
        write(tmp_path / "kept" / name, files)
    settings = read_as(Settings, {"inventory": home, "state_dir": tmp_path / "state", "maintenance": windows, **RULES})
    judged = judge_past(settings, tmp_path / "kept")
    fast = list_runs(judged)
    told_count = sum(len(runs.batch.prints) for runs in judged)
    assert 50 < told_count < len(fast) - 50
    monkeypatch.setattr(policy_runs, "part_worlds", lambda worlds, *_: Parted([*worlds], []))
    assert list_runs(judge_past(settings, tmp_path / "kept")) == fast
