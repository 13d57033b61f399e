"""A real systemd, looked at over ssh by one `systemctl show` (OBSERVER 2.2; 6, row 62)."""

import asyncio
from pathlib import Path

import pytest

from tests.lab.fleet import watched
from tests.lab.node import until
from tests.lab.places import STATE
from tests.lab.systemd import SystemdNode, why_no_systemd

pytestmark = pytest.mark.engine
SLEEP = "Service.ExecStart=/usr/bin/sleep infinity"


@pytest.fixture(scope="module")
def machine(lab):
    if reason := why_no_systemd():
        pytest.skip(reason)
    with SystemdNode(9) as machine:
        with Path("/etc/hosts").open("a") as hosts:
            hosts.write(f"{machine.ip} {machine.name}\n")
        machine.start_sshd()
        lab.trust()
        with (STATE / "known_hosts").open("a") as known:
            known.write(f"{machine.name} {machine.host_key}")
        yield machine


UNITS = {
    "web": (SLEEP, "healthy", "good"),
    "twice": ("Service.Type=oneshot; Service.ExecStart=/usr/bin/true; Service.RemainAfterExit=yes", "healthy", "good"),
    "done": ("Service.Type=oneshot; Service.ExecStart=/usr/bin/true", "completed", "good"),
    "broken": ("Service.ExecStart=/usr/bin/false", "failed", "bad"),
    "unmet": (f"Unit.ConditionPathExists=/nowhere; {SLEEP}", "skipped", "bad"),
    "loop": ("Service.ExecStart=/usr/bin/false; Service.Restart=always; Service.RestartSec=60", "crash_looping", "bad"),
    "slow": ("Service.Type=notify; Service.ExecStart=/usr/bin/sleep infinity", "starting", "settling"),
    "bad": ("Service.Type=nonsense-without-a-command", "load_failed", "bad"),
}


def test_each_state_of_a_real_unit_has_its_word(machine, tmp_path):
    for name, (text, _, _) in UNITS.items():
        machine.unit(f"{name}.service", text)
    machine.unit("idle.service", SLEEP, is_started=False)
    machine.systemctl("mask", "hidden.service")
    machine.unit(
        "holder.service", f"Unit.Wants=unmet.service; {SLEEP}"
    )  # what nobody wants is forgotten with its condition
    states = {"broken": "failed", "loop": "activating", "web": "active", "unmet": "inactive"}
    until(lambda: all(machine.systemctl("is-active", name) == state for name, state in states.items()), 10)
    names = [*UNITS, "idle", "hidden", "nowhere"]
    services = {name: {"runtime": {"unit": f"{name}.service"}} for name in names}

    async def steps(fleet):
        await fleet.look()
        return {name: fleet.service(f"{machine.name}/{name}").get("status") for name in names}, fleet.nodes

    found, nodes = watched(tmp_path, steps, **{machine.name: ("none", services)})

    words = {name: word if kind != "settling" else "starting" for name, (_, word, kind) in UNITS.items()}
    words = {name: "healthy" if word == "completed" else word for name, word in words.items()}
    assert nodes[machine.name]["status"] == "online", nodes
    assert found == words | {"idle": "inactive", "hidden": "masked", "nowhere": None}


def test_a_unit_is_found_by_its_alias(machine, tmp_path):
    machine.unit("real.service", f"{SLEEP}; Install.Alias=also.service")
    machine.systemctl("enable", "real.service")
    until(lambda: machine.systemctl("is-active", "real") == "active", 10)

    async def steps(fleet):
        await fleet.look()
        return fleet.service(f"{machine.name}/db")["status"]

    services = {"db": {"runtime": {"unit": "also.service"}}}
    assert watched(tmp_path, steps, **{machine.name: ("none", services)}) == "healthy"


def test_a_timers_service_is_judged_by_when_it_last_ran(machine, tmp_path):
    machine.unit("backup.service", "Service.Type=oneshot; Service.ExecStart=/usr/bin/true", is_started=False)
    machine.unit("backup.timer", "Timer.OnActiveSec=1s; Timer.AccuracySec=1ms")
    until(lambda: "UTC" in machine.systemctl("show", "-p", "LastTriggerUSec", "backup.timer"), 10)
    job = {"run": "scheduled", "every": "1d", "runtime": {"unit": "backup.service"}}
    eager = job | {"every": "1s"}

    async def steps(fleet):
        await asyncio.sleep(2)
        await fleet.look()
        return fleet.service(f"{machine.name}/backup"), fleet.service(f"{machine.name}/eager")

    services = {"backup": job, "eager": eager}
    found, overdue = watched(tmp_path, steps, **{machine.name: ("none", services)})

    assert (found["status"], found["containers"][0]["word"]) == ("healthy", "completed")
    assert overdue["status"] == "job_overdue"


def test_a_unit_that_is_killed_again_and_again_loops_though_it_runs(machine, tmp_path):
    machine.unit(
        "again.service", f"{SLEEP}; Service.Restart=always; Service.RestartSec=100ms; Unit.StartLimitIntervalSec=0"
    )
    services = {"again": {"runtime": {"unit": "again.service"}}}

    async def steps(fleet):
        until(lambda: machine.systemctl("is-active", "again") == "active")
        await fleet.look()
        first = fleet.service(f"{machine.name}/again")["status"]
        for count in range(1, 5):
            machine.systemctl("kill", "-s", "KILL", "again")
            until(lambda c=count: machine.systemctl("show", "-p", "NRestarts", "--value", "again") == str(c))
        until(lambda: machine.systemctl("is-active", "again") == "active")
        await fleet.look()
        return first, fleet.service(f"{machine.name}/again")["status"]

    assert watched(tmp_path, steps, **{machine.name: ("none", services)}) == ("healthy", "crash_looping")
