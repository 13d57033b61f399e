"""systemd units by one `systemctl show`, here or over ssh; with it whether disk and memory are nearly used up (OBSERVER 2.2)."""

import os
import re
import shlex
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from flows.engines.address import Address
from flows.engines.looked import Pressure, SeenUnitRow, SourceLook
from flows.engines.reasons import LookError
from flows.engines.ssh import run_command, run_remote
from schemas.look_words import ReasonClass

SOURCE = "systemd"
UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,255}\.[a-z]{4,10}", re.ASCII)
PROPERTIES = (
    "Id", "Names", "LoadState", "ActiveState", "SubState", "Result", "NRestarts", "ExecMainStatus", "Type", "UnitFileState",
    "ConditionResult", "ConditionTimestamp", "StateChangeTimestamp", "NeedDaemonReload", "TriggeredBy", "LastTriggerUSec",
)  # fmt: skip
WORD = re.compile(r"[a-z][a-z0-9-]{0,40}")
MOMENT = re.compile(r"@(\d{1,12})(?:\.(\d{1,6}))?", re.ASCII)
WRITTEN = re.compile(r"(?:[A-Z][a-z]{2} )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", re.ASCII)
"""What systemd 252 makes of a timer's LastTriggerUSec, whatever `--timestamp` says."""
PLAIN = {"LC_ALL": "C", "TZ": "UTC"}
NUMBER = re.compile(r"\d{1,10}", re.ASCII)
MARK = "--supervisor--"
PRESSURE = (
    f"echo {MARK}; df -Pk / /var /var/lib/docker 2>/dev/null; echo {MARK}; cat /proc/meminfo; echo {MARK}; date +%s"
)
FULL_SHARE, FREE_SHARE = 0.90, 0.10
LOCAL_FOLDERS = ("/", "/var", "/var/lib/docker")


def show_command(units: Iterable[str]) -> list[str]:
    """Return the command that shows the units, and the timers of services; raises `LookError` for an odd name."""
    named = list(units)
    odd = next((unit for unit in named if not UNIT.fullmatch(unit) or unit.startswith("-")), None)
    if odd is not None:
        raise LookError(ReasonClass.CONFIG, f"{odd[:80]!a} is no name of a unit; expected such as restic.service")
    timers = [unit.removesuffix(".service") + ".timer" for unit in named if unit.endswith(".service")]
    return ["systemctl", "show", "--timestamp=unix", "-p", ",".join(PROPERTIES), "--", *named, *timers]


async def look_at_units(units: Iterable[str], address: Address | None) -> tuple[SourceLook, Pressure]:
    """Return what systemd says of the units, of this host or over ssh, and the pressure there; never raises."""
    skew_s = None
    try:
        named = sorted(set(units))
        if address is None:
            text = await run_command(show_command(named), env=PLAIN) if named else ""
            pressure = measure_here()
        else:
            asked = f"{shlex.join(show_command(named))}; " if named else ""
            script = f"export {' '.join(f'{name}={value}' for name, value in PLAIN.items())}; {asked}{PRESSURE}"
            text, _, measured = (await run_remote(address, script)).partition(MARK)
            disk, memory, date = (*measured.split(MARK), "", "", "")[:3]
            pressure, skew_s = read_pressure(disk, memory), read_skew(date, time.time())
        rows = tuple(read_units(text, named))
        if named and not text.strip():
            raise LookError(ReasonClass.ENGINE_DOWN, "systemctl says nothing: is systemd what runs there?")
    except LookError as error:
        return SourceLook(SOURCE, reason_class=error.reason_class, reason=error.text), Pressure()
    return SourceLook(SOURCE, skew_s=skew_s, units=rows), pressure


def read_skew(date: str, at: float) -> float | None:
    """Return how far a node's clock is ahead of ours by its `date +%s`, which is cut to the second; None for no number."""
    seconds = _number(date.strip())
    return None if seconds is None else round(seconds + 0.5 - at, 3)


def read_units(text: str, wanted: Iterable[str]) -> Iterator[SeenUnitRow]:
    """Yield a row for each wanted unit of what `systemctl show` printed."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    by_name = {name: block for block in blocks for name in _names(block)}
    for unit in wanted:
        if unit in by_name:
            timer = by_name.get(unit.removesuffix(".service") + ".timer", {})
            yield _row(unit, by_name[unit], timer)


def _names(block: dict[str, str]) -> set[str]:
    """Return all that a unit is called: `Id` is its own name, also where it was asked for by an alias."""
    return {name for name in (block.get("Id", ""), *block.get("Names", "").split()) if name}


def _row(unit: str, block: dict[str, str], timer: dict[str, str]) -> SeenUnitRow:
    has_timer = block.get("TriggeredBy", "").endswith(".timer") or timer.get("LoadState") == "loaded"
    was_checked = _moment(block.get("ConditionTimestamp")) is not None
    return SeenUnitRow(
        unit=unit,
        load_state=_word(block, "LoadState"),
        active_state=_word(block, "ActiveState"),
        sub_state=_word(block, "SubState"),
        result=_word(block, "Result"),
        type=_word(block, "Type"),
        has_timer=has_timer,
        is_condition_failed=was_checked and block.get("ConditionResult") == "no",
        exit_status=_number(block.get("ExecMainStatus")),
        restart_count=_number(block.get("NRestarts")) or 0,
        changed_at=_moment(block.get("StateChangeTimestamp")),
        triggered_at=_moment(timer.get("LastTriggerUSec")),
    )


def _word(block: dict[str, str], name: str) -> str:
    text = block.get(name, "")
    return text if WORD.fullmatch(text) else ""


def _number(text: str | None) -> int | None:
    return int(text) if text and NUMBER.fullmatch(text) else None


def _moment(text: str | None) -> float | None:
    if written := WRITTEN.fullmatch(text or ""):
        return datetime.fromisoformat(f"{written[1]}+00:00").timestamp()
    found = MOMENT.fullmatch(text or "")
    return float(f"{found[1]}.{found[2] or 0}") if found and int(found[1]) else None


def read_pressure(df: str, meminfo: str) -> Pressure:
    """Return the pressure by what `df -Pk` and `/proc/meminfo` say."""
    shares = []
    for line in df.splitlines()[1:]:
        words = line.split()
        if len(words) >= 6 and words[2].isdigit() and words[3].isdigit() and int(words[2]) + int(words[3]):
            shares.append(int(words[2]) / (int(words[2]) + int(words[3])))
    return Pressure(disk=max(shares) >= FULL_SHARE if shares else None, memory=_is_memory_short(meminfo))


def _is_memory_short(meminfo: str) -> bool | None:
    fields = dict(re.findall(r"^(MemTotal|MemAvailable):\s+(\d+) kB", meminfo, re.MULTILINE))
    if len(fields) < 2 or not int(fields["MemTotal"]):
        return None
    return int(fields["MemAvailable"]) / int(fields["MemTotal"]) < FREE_SHARE


def measure_here() -> Pressure:
    """Return the pressure of this host."""
    shares = []
    for folder in LOCAL_FOLDERS:
        try:
            found = os.statvfs(folder)
        except OSError:
            continue
        used, free = found.f_blocks - found.f_bfree, found.f_bavail
        if used + free:
            shares.append(used / (used + free))
    try:
        memory = _is_memory_short(Path("/proc/meminfo").read_text(encoding="ascii"))
    except OSError:
        memory = None
    return Pressure(disk=max(shares) >= FULL_SHARE if shares else None, memory=memory)
