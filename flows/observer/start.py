"""`observe --init`: looks at engines and writes the first inventory, or says what an existing one lacks (OBSERVER 8)."""

import difflib
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from flows.engines.address import Address, Way, find_local_address, list_local_addresses, parse_address
from flows.engines.looked import RawLook
from flows.engines.reasons import LookError
from flows.engines.ssh import run_command, run_remote
from flows.errors import SettingsError
from flows.files.own import replace_file
from flows.observer.initial import Entry, propose_services, quote
from flows.observer.looker import NodeLooker
from flows.observer.node_plan import NodePlan
from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml, to_plain
from flows.sources.names import normalize_name
from schemas.limits import Limits

OWN_FOLDER = ".supervisor"
SCHEMAS = ("inventory-services", "inventory-node")
LIST_UNITS = (
    "for f in /etc/systemd/system/*.service /etc/systemd/system/*.timer; do"
    ' [ -f "$f" ] && [ ! -L "$f" ] && u="${f##*/}" && systemctl is-enabled -q "$u" 2>/dev/null && echo "$u"; done; true'
)
"""The units that somebody made here and switched on; those of the distribution lie elsewhere."""
FIRST_LINE = (
    "# Written once by 'supervisor observe --init' from what ran on {at}. It is yours now: nothing rewrites it."
)
SETTINGS = """\
# Settings of the supervisor; 'supervisor config' shows all of them, and where each comes from.
# Paths are relative to this file.
inventory: .
world: .supervisor/world
state_dir: .supervisor/state
event_log: .supervisor/events.log
checkpoint: .supervisor/checkpoint.json

# How long something must be wrong before it is said: a restart or an update is over by then. What is bad in two looks,
# or for a minute, has an incident, which is said at once; with unresolved_incident: 2m it waits as well.
open_after: {missing_service: 2m, unhealthy_service: 2m, offline_node: 2m}

# What comes and goes several times a day is told as flapping, and not each time.
flapping_diagnostics: true

# Messages: put the address into the environment, for instance
#   export SUPERVISOR_NOTIFY_URLS='ntfy://ntfy.sh/a-topic-that-nobody-guesses'
# and say from which severity on:
notify_severity: warning
"""


class UnseenError(SettingsError):
    """There is no engine to write an inventory of, or it cannot be looked at."""

    page = "docs/observing.md"


@dataclass
class Outcome:
    """What was written, what an existing file lacks, and what is said about it."""

    written: list[Path] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    """A diff for each file that is there and lacks entries."""


async def start_inventory(
    folder: Path, addresses: Sequence[str], *, merge: bool = False, by_project: bool = False
) -> Outcome:
    """Write the inventory of the nodes at these addresses, or of the engine found here; no file is ever overwritten.

    Raises `SettingsError` where nothing can be seen, naming what was looked for and what to do.
    """
    outcome = Outcome()
    for text in addresses or [_find_here()]:
        try:
            address = parse_address(text)
        except LookError as error:
            raise SettingsError(f"--docker {text[:200]}: {error.text}") from None
        await _start_node(folder, address, text, outcome, merge=merge, by_project=by_project)
    settings = folder / "supervisor.yaml"
    if not settings.exists():
        _write(settings, SETTINGS, outcome)
        (folder / OWN_FOLDER).mkdir(exist_ok=True, mode=0o700)
    for name in SCHEMAS:
        file = folder / OWN_FOLDER / f"{name}.schema.json"
        if not file.exists():
            _write(file, resources.files("schemas").joinpath(file.name).read_text(encoding="utf-8"), outcome)
    return outcome


def _find_here() -> str:
    found = find_local_address()
    if found is None:
        tried = "\n  ".join(list_local_addresses())
        raise UnseenError(
            f"no engine was found on this host; looked for\n  {tried}\nstart Docker or Podman, or name another host's engine:"
            " --docker ssh://user@host"
        )
    return found


def name_node(address: Address) -> str:
    """Return what the node at an address is called: its host, without user and domain; this host by its own name."""
    host = address.host.rpartition("@")[2] if address.way is not Way.UNIX else socket.gethostname()
    is_number = host.replace(".", "").replace(":", "").isalnum() and host[:1].isdigit()
    return normalize_name(host if is_number else host.partition(".")[0])


async def _start_node(
    folder: Path, address: Address, text: str, outcome: Outcome, *, merge: bool, by_project: bool
) -> None:
    node = normalize_name(text.removeprefix("context:")) if text.startswith("context:") else name_node(address)
    units = await _list_units(address)
    named = tuple(unit for unit, _ in units)
    looker = NodeLooker(NodePlan(node=node, addresses=(text,), is_here=address.way is Way.UNIX), named, ())
    try:
        look = await looker.look()
    finally:
        await looker.close()
    failed = next((source for source in look.sources if source.source == address.text and source.reason_class), None)
    if failed is not None:
        raise UnseenError(f"{text}: {failed.reason_class}: {failed.reason}")
    entries, left_out = propose_services(look, units, by_project=by_project)
    outcome.said += [f"{node}: left out: {reason}" for reason in left_out]
    _write_node(folder / "hosts" / node, look, text, entries, outcome, merge=merge)


async def _list_units(address: Address) -> list[tuple[str, bool]]:
    """Return the units to name, each with whether a timer starts it; none where there is no systemd to ask."""
    try:
        if address.way is Way.SSH:
            listed = (await run_remote(address, LIST_UNITS)).split()
        elif address.way is Way.UNIX:
            listed = (await run_command(["sh", "-c", LIST_UNITS])).split()
        else:
            return []
    except LookError:
        return []
    timed = {unit.removesuffix(".timer") + ".service" for unit in listed if unit.endswith(".timer")}
    named = {unit for unit in listed if unit.endswith(".service") and "@" not in unit}
    return [(unit, unit in timed) for unit in sorted(named | timed)]


def _write_node(
    folder: Path, look: RawLook, address: str, entries: list[Entry], outcome: Outcome, *, merge: bool
) -> None:
    at = datetime.fromtimestamp(look.ended_at, UTC).date().isoformat()
    services, node_file = folder / "services.yaml", folder / "node.yaml"
    if services.exists():
        _complete(services, entries, outcome, merge=merge)
    else:
        _write(services, _services_text(entries, at), outcome)
        _say_unmonitored(folder.name, entries, outcome)
    has_units = any("unit" in entry.runtime for entry in entries)
    told = f"observe:\n  docker: {quote(address)}\n" + ("  systemd: true\n" if has_units else "")
    if not node_file.exists():
        _write(node_file, f"{_schema_line('inventory-node')}\n{FIRST_LINE.format(at=at)}\n{told}", outcome)
    elif "observe:" not in node_file.read_text(encoding="utf-8"):
        if merge:
            _append(node_file, told, outcome)
        else:
            outcome.lacks.append(_diff(node_file, told))


def _schema_line(name: str) -> str:
    return f"# yaml-language-server: $schema=../../{OWN_FOLDER}/{name}.schema.json"


def _services_text(entries: list[Entry], at: str) -> str:
    lines = [line for entry in entries for line in entry.lines()]
    head = [_schema_line("inventory-services"), FIRST_LINE.format(at=at)]
    return "\n".join([*head, *(["services:", *lines] if lines else ["services: {}"])]) + "\n"


def _complete(file: Path, entries: list[Entry], outcome: Outcome, *, merge: bool) -> None:
    """Say what an existing file lacks, or append it."""
    known = _names_in(file)
    lacking = [entry for entry in entries if entry.name not in known]
    if not lacking:
        outcome.said.append(f"{file}: is there, and lacks nothing of what runs")
        return
    text = "".join(f"{line}\n" for entry in lacking for line in entry.lines())
    if merge:
        _append(file, text, outcome)
        _say_unmonitored(file.parent.name, lacking, outcome)
    else:
        outcome.lacks.append(_diff(file, text))


def _say_unmonitored(node: str, entries: list[Entry], outcome: Outcome) -> None:
    outcome.said += [f"{node}: {entry.name} is not monitored. {entry.advice}" for entry in entries if entry.why_not]


def _names_in(file: Path) -> set[str]:
    try:
        root = to_plain(parse_yaml(file.read_bytes(), Limits()))
    except (OSError, YamlFaultError) as error:
        raise SettingsError(f"{file}: is there, and cannot be read: {error}") from None
    services = root.get("services") if isinstance(root, dict) else None
    if not isinstance(services, dict):
        raise SettingsError(
            f"{file}: is there, and has no mapping under 'services:'; entries cannot be compared with it"
        )
    return {normalize_name(name) for name in services}


def _diff(file: Path, text: str) -> str:
    old = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, [*old, *text.splitlines(keepends=True)], str(file), str(file), n=1))


def _append(file: Path, text: str, outcome: Outcome) -> None:
    """Append to a file whose last lines are those of the same mapping; one where they are not is left as it is."""
    old = file.read_text(encoding="utf-8")
    new = (old if old.endswith("\n") or not old else old + "\n") + text
    try:
        parse_yaml(new.encode(), Limits())
    except YamlFaultError:
        outcome.lacks.append(_diff(file, text))
        outcome.said.append(f"{file}: the entries do not fit to its end; add them by hand")
        return
    place = file.resolve()
    replace_file(place, new.encode(), stat.S_IMODE(place.stat().st_mode))
    outcome.written.append(file)


def _write(file: Path, text: str, outcome: Outcome) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written: {error.strerror}") from None
    outcome.written.append(file)
