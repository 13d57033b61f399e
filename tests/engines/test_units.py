"""OBSERVER 2.2: what is read of `systemctl show`, `df` and `/proc/meminfo`."""

import pytest

from flows.engines.looked import Pressure
from flows.engines.reasons import LookError
from flows.engines.units import read_pressure, read_skew, read_units, show_command

SHOWN = """\
Type=simple
NRestarts=2
Result=success
ExecMainStatus=0
Id=web.service
LoadState=loaded
ActiveState=active
SubState=running
ConditionResult=yes
ConditionTimestamp=@1795730000
StateChangeTimestamp=@1795730001
NeedDaemonReload=no

Type=oneshot
NRestarts=0
Result=success
ExecMainStatus=0
Id=restic.service
LoadState=loaded
ActiveState=inactive
SubState=dead
ConditionResult=no
ConditionTimestamp=
StateChangeTimestamp=
TriggeredBy=restic.timer

Id=gone.service
LoadState=not-found
ActiveState=inactive
SubState=dead

Id=web.timer
LoadState=not-found
ActiveState=inactive

Id=restic.timer
LoadState=loaded
ActiveState=active
LastTriggerUSec=@1795720000
"""


def test_a_unit_is_read_with_its_timer():
    web, restic, gone = read_units(SHOWN, ["web.service", "restic.service", "gone.service", "unknown.service"])

    assert (web.active_state, web.sub_state, web.restart_count, web.changed_at) == (
        "active",
        "running",
        2,
        1795730001.0,
    )
    assert (web.has_timer, web.is_condition_failed) == (False, False)
    assert (restic.type, restic.has_timer, restic.triggered_at) == ("oneshot", True, 1795720000.0)
    assert not restic.is_condition_failed, "it was collected: a condition that was never checked has not failed"
    assert gone.load_state == "not-found"


@pytest.mark.parametrize("written", ["@1795720000", "Thu 2026-11-26 19:06:40 UTC"])
def test_when_a_timer_last_ran_is_read_as_each_systemd_writes_it(written):
    text = f"Id=a.service\nActiveState=inactive\n\nId=a.timer\nLoadState=loaded\nLastTriggerUSec={written}\n"

    assert next(read_units(text, ["a.service"])).triggered_at == 1795720000.0


def test_a_unit_that_is_asked_for_by_an_alias_is_found():
    text = "Id=mariadb.service\nNames=mysql.service mariadb.service\nLoadState=loaded\nActiveState=active\n"

    (row,) = read_units(text, ["mysql.service"])
    assert (row.unit, row.active_state) == ("mysql.service", "active")
    assert "Id,Names," in " ".join(show_command(["mysql.service"]))


def test_a_condition_that_was_checked_and_not_met_has_failed():
    text = "Id=a.service\nConditionResult=no\nConditionTimestamp=@1795730000\nActiveState=inactive\n"

    assert next(read_units(text, ["a.service"])).is_condition_failed


def test_services_are_asked_for_with_their_timers_in_one_command():
    command = show_command(["web.service", "x.socket"])

    assert command[command.index("--") + 1 :] == ["web.service", "x.socket", "web.timer"]
    assert "--timestamp=unix" in command


@pytest.mark.parametrize("unit", ["-H evil.service", "a;b.service", "$(x).service", "nodot", "--host=x.service"])
def test_an_odd_name_is_refused(unit):
    with pytest.raises(LookError, match="is no name of a unit"):
        show_command([unit])


@pytest.mark.parametrize(("date", "skew_s"), [("1780000000\n", -99.5), ("", None), ("date: not found", None)])
def test_a_nodes_clock_is_told_by_its_date(date, skew_s):
    assert read_skew(date, 1_780_000_100.0) == skew_s


DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 1000 {used} {free} 50% /\n"
MEMORY = "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    {free} kB\n"


@pytest.mark.parametrize(
    ("df", "memory", "expected"),
    [
        (DF.format(used=899, free=101), MEMORY.format(free=100), Pressure(disk=False, memory=False)),
        (DF.format(used=900, free=100), MEMORY.format(free=99), Pressure(disk=True, memory=True)),
        ("", "", Pressure(disk=None, memory=None)),
    ],
)
def test_pressure_is_told_or_left_out(df, memory, expected):
    assert read_pressure(df, memory) == expected
