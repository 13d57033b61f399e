"""Reading a file of cases (ACTIONS 12.7), as strictly as a policy: every fault at once, in its place."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from flows.errors import SettingsError
from flows.sources.formats.yaml_strict import to_plain
from flows.sources.formats.yaml_tree import Node
from flows.sources.names import NAME
from flows.sources.policy.findings import Findings, PolicyFileError, load_tree, show, spell
from flows.text.faults import say_fault
from flows.text.values import FaultsError, read_as
from schemas.duration import LONGEST, is_judged, parse_duration
from schemas.episode import Target
from schemas.executor_record import Offer
from schemas.ledger import Record, read_record
from schemas.numbers import Automation, Numbers
from schemas.policy import FaultSeverity
from schemas.policy_case import EXPECTED, Case, CaseAttempt, Expectation
from schemas.setting import settings_of
from schemas.words import ALL

KEYS = (
    "name", "at", "expect", "inventory", "world", "set", "numbers", "standing_for", "up_for", "acks", "flapping",
    "attempts", "records", "offers",
)  # fmt: skip
REQUIRED = ("name", "at", "expect")
ATTEMPT_ENDS = ("ended_at", "result", "outcome", "settled_at")
ATTEMPT_KEYS = ("target", "verb", "started_at", *ATTEMPT_ENDS, "params")
NODE_CHANGES = ("offline", "disk_pressure")
_ATTEMPTS = TypeAdapter(CaseAttempt)
_OFFERS = TypeAdapter(tuple[Offer, ...])
Value = TypeVar("Value")


def read_cases(path: Path) -> tuple[Case, ...]:
    """Return the cases of a file; raises `PolicyFileError` with every fault, `SettingsError` where there is no file."""
    if not path.is_file():
        raise SettingsError(f"{path}: no such file of cases")
    findings = Findings(str(path))
    tree = load_tree(path, findings, None)
    if tree is not None and not isinstance(tree.value, list):
        findings.error(tree, "expected a list of cases, each with '- name: ...'")
    lines = tree.value if tree is not None and isinstance(tree.value, list) else []
    cases = [_read_case(line, findings) for line in lines]
    if findings.has_errors:
        raise PolicyFileError(fault for fault in findings.in_order() if fault.severity is FaultSeverity.ERROR)
    return tuple(case for case in cases if case is not None)


def _read_case(node: Node, findings: Findings) -> Case | None:
    keys = findings.mapping(node, "a case", KEYS)
    missing = [key for key in REQUIRED if key not in keys]
    if missing:
        findings.error(node, f"a case without {' and '.join(missing)}")
        return None
    at = _read_instant(keys["at"], "at", findings)
    return Case(
        name=findings.text(keys["name"], "name") or "",
        at=at or datetime.now(UTC),
        expect=_read_expectations(keys["expect"], findings),
        inventory=_read_inventory(keys.get("inventory"), findings),
        world=findings.text(keys["world"], "world") if "world" in keys else None,
        changes=_by_target(keys.get("set"), "set", _read_change, findings),
        numbers=_read_numbers(keys.get("numbers"), findings),
        standing_for=_read_duration(keys.get("standing_for"), "standing_for", timedelta(hours=1), findings),
        up_for=_read_duration(keys.get("up_for"), "up_for", timedelta(days=7), findings),
        acknowledged=_by_target(keys.get("acks"), "acks", _read_until, findings),
        flapping=_by_target(keys.get("flapping"), "flapping", _read_until, findings),
        attempts=_read_each(keys.get("attempts"), "attempts", _read_attempt, findings),
        records=_read_each(keys.get("records"), "records", lambda item, found: _read_entry(item, at, found), findings),
        offers=_read_offers(keys.get("offers"), findings),
        line=node.line,
    )


def _read_each(
    node: Node | None, what: str, reader: Callable[[Node, Findings], Value | None], findings: Findings
) -> tuple[Value, ...]:
    if node is None or node.value is None or node.value == []:
        return ()
    read = (reader(item, findings) for item in findings.items(node, what))
    return tuple(value for value in read if value is not None)


def _by_target(
    node: Node | None, what: str, reader: Callable[[Target, Node, Findings], Value | None], findings: Findings
) -> dict[Target, Value]:
    read: dict[Target, Value] = {}
    for name, item in findings.mapping(node, what).items():
        target = _read_target(name, item, what, findings)
        value = reader(target, item, findings) if target else None
        if target and value is not None:
            read[target] = value
    return read


def _read_target(name: str, node: Node, what: str, findings: Findings) -> Target | None:
    parts = name.strip().lower().split("/")
    if len(parts) == 2 and all(NAME.fullmatch(part) for part in parts):
        return Target(*parts)
    findings.error(node, f"{what}: {show(name)} is no target; write node/service, or node/all")
    return None


def _read_change(target: Target, node: Node, findings: Findings) -> str | None:
    if target.service == ALL:
        return findings.word(node, "set", NODE_CHANGES)
    return findings.text(node, "set")


def _read_until(_: Target, node: Node, findings: Findings) -> datetime | None:
    return _read_instant(node, "until", findings)


def _read_instant(node: Node, what: str, findings: Findings) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(node.value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not is_judged(moment):
        found = show(spell(node.value))
        findings.error(node, f"{what}: expected an instant such as 2026-06-03T12:01:00Z, found {found}")
        return None
    return moment.astimezone(UTC)


def _read_duration(node: Node | None, what: str, default: timedelta, findings: Findings) -> timedelta:
    if node is None:
        return default
    duration = parse_duration(to_plain(node))
    if isinstance(duration, timedelta) and timedelta() <= duration <= LONGEST:
        return duration
    findings.error(node, f"{what}: expected a duration such as 90s, 15m, 24h or 7d")
    return default


def _read_inventory(node: Node | None, findings: Findings) -> str | Mapping[Target, Mapping[str, Any]] | None:
    if node is None:
        return None
    if not isinstance(node.value, dict):
        return findings.text(node, "inventory")
    return _by_target(node, "inventory", _read_inventory_entry, findings)


def _read_inventory_entry(_: Target, node: Node, __: Findings) -> Mapping[str, Any]:
    return to_plain(node) or {}


def _read_numbers(node: Node | None, findings: Findings) -> Numbers:
    given = findings.mapping(node, "numbers", settings_of(Numbers))
    plain = {"automation": Automation.AUTO} | {name: to_plain(item) for name, item in given.items()}
    try:
        return read_as(Numbers, plain)
    except FaultsError as error:
        _note(error.faults, given, node or Node(None, 1, 1), findings)
        return Numbers(automation=Automation.AUTO)


def _read_attempt(node: Node, findings: Findings) -> CaseAttempt | None:
    keys = findings.mapping(node, "an attempt", ATTEMPT_KEYS)
    target = _read_target(spell(keys["target"].value), keys["target"], "target", findings) if "target" in keys else None
    given = [key in keys and keys[key].value is not None for key in ATTEMPT_ENDS]
    if given != sorted(given, reverse=True):
        findings.error(node, f"an attempt may leave out its end, and no more: {', '.join(ATTEMPT_ENDS)}")
    plain = {name: to_plain(item) for name, item in keys.items()} | ({"target": target} if target else {})
    try:
        attempt = _ATTEMPTS.validate_python(plain)
    except ValidationError as error:
        _note(error.errors(include_url=False), keys, node, findings)
        return None
    moments = [at for at in (attempt.started_at, attempt.ended_at, attempt.settled_at) if at is not None]
    if moments != sorted(moments):
        findings.error(node, "an attempt starts, ends and is settled in this order; these moments do not follow")
    return attempt


def _read_entry(node: Node, at: datetime | None, findings: Findings) -> tuple[datetime, Record] | None:
    keys = findings.mapping(node, "a record")
    moment = _read_instant(keys["at"], "at", findings) if "at" in keys else at
    plain = {name: to_plain(item) for name, item in keys.items() if name != "at"}
    try:
        record = read_record(plain)
    except ValidationError as error:
        _note(error.errors(include_url=False), keys, node, findings)
        return None
    return (moment, record) if moment else None


def _read_offers(node: Node | None, findings: Findings) -> tuple[Offer, ...] | None:
    if node is None:
        return None
    try:
        return _OFFERS.validate_python(to_plain(node))
    except ValidationError as error:
        _note(error.errors(include_url=False), {}, node, findings)
        return ()


def _note(faults: list[ErrorDetails], keys: Mapping[str, Node], node: Node, findings: Findings) -> None:
    """Note each fault that a model found, where its key stands."""
    for fault in faults:
        place = next((keys[str(part)] for part in fault["loc"] if str(part) in keys), node)
        where = ".".join(str(part) for part in fault["loc"])
        findings.error(place, f"{where}: {say_fault(fault)}" if where else say_fault(fault))


def _read_expectations(node: Node, findings: Findings) -> tuple[Expectation, ...]:
    found = _by_target(node, "expect", _read_expectation, findings)
    return tuple(found.values())


def _read_expectation(target: Target, node: Node, findings: Findings) -> Expectation | None:
    if node.value == "none":
        return Expectation(target=target, keys=None, line=node.line)
    keys = findings.mapping(node, "expect", EXPECTED)
    if not keys:
        findings.error(node, f"expect: name what is expected of {'/'.join(target)}, or write none for no decision")
        return None
    read = {name: to_plain(item) for name, item in keys.items()}
    if read.get("until") is not None:
        read["until"] = _read_instant(keys["until"], "until", findings)
    return Expectation(target=target, keys=read, line=node.line)
