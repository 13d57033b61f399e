"""What an entry says of its service beside its dependencies: each option by itself, its faults kept."""

from datetime import date
from typing import NamedTuple

from flows.sources.formats.yaml_strict import to_plain
from flows.sources.formats.yaml_tree import Fault, Node
from flows.sources.inventory.tree_reader import Mapping, TreeReader, describe_word
from flows.sources.names import explain_name, normalize_name
from schemas.window import WindowFaultError, parse_window
from schemas.words import RunMode

TRUE = frozenset({"true", "yes", "on", "y"})
FALSE = frozenset({"false", "no", "off", "n"})
"""How YAML 1.1 writes truth values, and what a text of them says."""


class WindowRow(NamedTuple):
    """One window of `maintenance`, as the columns of `MaintenanceWindow` have it."""

    days: tuple[int, ...]
    from_min: int
    to_min: int
    first_on: date | None
    last_on: date | None
    zone: str
    line: int | None


def read_switch(node: Node) -> bool | None:
    """Return the truth value that it is by YAML 1.2 or 1.1, as a text just so; none where it is none."""
    if isinstance(node.value, str):
        word = node.value.strip().lower()
        return True if word in TRUE else False if word in FALSE else None
    return node.value if isinstance(node.value, bool) else None


def read_monitoring(reader: TreeReader, options: Mapping, keys: tuple[str, ...] = ("monitor", "enabled")) -> bool:
    """Return whether findings are drawn: none of the keys says false."""
    is_monitored = True
    for key in keys:
        node = options.get(key)
        if node is None:
            continue
        switch = read_switch(node)
        if switch is None:
            reader.fault(node, f"'{key}': expected true or false, found {describe_word(node.value)}")
        is_monitored &= switch is True
    return is_monitored


def read_run_mode(reader: TreeReader, node: Node | None) -> RunMode:
    """Return how long the service runs."""
    if node is None or node.value is None:
        return RunMode.SERVICE
    word = node.value.strip().lower() if isinstance(node.value, str) else ""
    if word in {*RunMode}:
        return RunMode(word)
    reader.fault(node, f"'run': expected once or scheduled, or no such key, found {describe_word(node.value)}")
    return RunMode.SERVICE


def is_never_restarted(node: Node | None) -> bool:
    """Return whether `restart` says no, however YAML reads that."""
    return node is not None and read_switch(node) is False


def is_asked_for(options: Mapping, profiles: frozenset[str]) -> bool:
    """Return whether Compose would start it: one of its profiles is chosen, where it has any, and it has replicas."""
    named = options.get("profiles")
    items = named.value if named is not None and isinstance(named.value, list) else [named] if named else []
    own = {item.value for item in items if isinstance(item.value, str)}
    deploy = options.get("deploy")
    inner = deploy.value if deploy is not None and isinstance(deploy.value, dict) else {}
    counts = (options.get("scale"), inner.get("replicas"))
    return (not own or not own.isdisjoint(profiles)) and not any(_is_zero(count) for count in counts)


def read_container_names(reader: TreeReader, options: Mapping) -> list[str]:
    """Return the names of `container_name` and `containers`, as records are named, each once."""
    found: dict[str, None] = {}
    for key in ("container_name", "containers"):
        node = options.get(key)
        for item in (node.value if isinstance(node.value, list) else [node]) if node is not None else []:
            text = item.value.strip().lstrip("/") if isinstance(item.value, str) else ""
            problem = explain_name(text, reader.limits.max_name_length, "service")
            if problem is None:
                found[normalize_name(text)] = None
            elif item.value is not None:
                reader.warn(item, f"'{key}': {problem}; not used")
    return list(found)


def read_text(options: Mapping, key: str) -> str | None:
    """Return a word that is only shown and matched; none where it is no text."""
    node = options.get(key)
    return (node.value.strip() or None) if node is not None and isinstance(node.value, str) else None


def read_windows(node: Node | None, zone: str) -> tuple[list[WindowRow], list[Fault]]:
    """Return the windows of `maintenance`, and the faults of those that cannot be read, which are shut."""
    rows: list[WindowRow] = []
    faults: list[Fault] = []
    if node is None or node.value is None:
        return rows, faults
    for item in node.value if isinstance(node.value, list) else [node]:
        try:
            rows.append(window_row(to_plain(item), zone, item.line))
        except WindowFaultError as error:
            faults += [_at_key(item, key, problem) for key, problem in error.faults]
    return rows, faults


def window_row(given: object, zone: str, line: int | None) -> WindowRow:
    """Return one window; raises `WindowFaultError`."""
    window = parse_window(given, zone)
    days = tuple(sorted(window.days))
    return WindowRow(days, window.from_min, window.to_min, window.first_on, window.last_on, window.zone, line)


def _at_key(item: Node, key: str, problem: str) -> Fault:
    at = item.value.get(key, item) if isinstance(item.value, dict) else item
    return Fault(at.line, at.column, f"'maintenance'{f': {key}' if key else ''}: {problem}; the window stays shut")


def _is_zero(node: Node | None) -> bool:
    value = node.value if node is not None else None
    if isinstance(value, str):
        return value.strip() == "0"
    return isinstance(value, int) and not isinstance(value, bool) and value == 0
