"""systemd units: the words of OBSERVER 2.2, from what `systemctl show` prints."""

from tests.observer_oracle.words import BAD, GOOD, SETTLING, Json, M, hit

FINE = {"running", "exited", "listening", "waiting", "mounted"}


def read_blocks(text: str) -> dict[str, dict[str, str]]:
    """Return the properties of each unit by its id."""
    found = {}
    for block in text.strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in fields:
            found[fields["Id"]] = fields
    return found


def judge(
    unit: dict[str, str], timer: dict[str, str], starts: int, now: float, every: float | None
) -> tuple[str, str] | None:
    """Return a unit's word and class; none where there is no such unit."""
    load = unit.get("LoadState", "")
    if load in {"not-found", "masked", "bad-setting", "error"}:
        hit(f"2.2 LoadState {load}")
        return None if load == "not-found" else (("masked" if load == "masked" else "load_failed"), BAD)
    changed = (unit.get("StateChangeTimestamp") or "").removeprefix("@")
    word, cls = _active(unit, starts, now - float(changed) if changed else 0)
    triggered = (timer.get("LastTriggerUSec") or "").removeprefix("@")
    if cls == GOOD and every and triggered and now - float(triggered) > 1.5 * every:
        word, cls = "job_overdue", BAD
    hit(f"2.2 {unit.get('ActiveState')}: {word} ({cls})")
    return word, cls


def _active(unit: dict[str, str], starts: int, changing_s: float) -> tuple[str, str]:
    active, sub = unit.get("ActiveState", ""), unit.get("SubState", "")
    if active == "active":
        return ("crash_looping", BAD) if sub in FINE and starts >= 4 else ("healthy", GOOD)
    if active == "activating" and sub == "auto-restart":
        return "crash_looping", BAD
    if active in {"activating", "reloading", "deactivating"}:
        return ("starting", SETTLING) if changing_s < 10 * M else (active, BAD)
    if active == "inactive":
        return _inactive(unit)
    return ("failed" if active == "failed" else active), BAD


def _inactive(unit: dict[str, str]) -> tuple[str, str]:
    if (unit.get("Type") == "oneshot" or unit.get("TriggeredBy", "").endswith(".timer")) and unit.get(
        "Result"
    ) == "success":
        return "completed", GOOD
    if unit.get("ConditionResult") == "no" and unit.get("ConditionTimestamp", "") not in {"", "0"}:
        return "skipped", BAD
    return "inactive", BAD


def state(unit: dict[str, str]) -> str:
    """Return what is shown of a unit beside its word: that it changes is news."""
    since = unit.get("StateChangeTimestamp", "") if unit.get("ActiveState") == "active" else ""
    return " ".join([since, *(unit.get(name, "") for name in ("ActiveState", "SubState", "Result"))])


def pressure(df: str, meminfo: str) -> Json:
    """Return what `df -Pk` and `/proc/meminfo` say (2.5); what cannot be read is left out."""
    found: Json = {}
    rows = [line.split() for line in df.splitlines()[1:]]
    shares = [int(row[2]) / (int(row[2]) + int(row[3])) for row in rows]
    if shares:
        found["disk_pressure"] = max(shares) >= 0.9
    kb = {line.split(":")[0]: int(line.split()[1]) for line in meminfo.splitlines() if ":" in line}
    if "MemTotal" in kb and "MemAvailable" in kb:
        found["memory_pressure"] = kb["MemAvailable"] < 0.1 * kb["MemTotal"]
    for name, value in found.items():
        hit(f"2.5 {name} {value}")
    return found
