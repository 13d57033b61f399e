"""Parse many `services.yaml` at once: the plain shape by its recogniser, the rest by the strict reader."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flows.sources.formats.yaml_tree import Fault
from flows.sources.inventory.entry_hash import EntryHashes
from flows.sources.inventory.plain_services import PlainServices, recognise_services
from flows.sources.inventory.services_file import ParsedServices, parse_services
from schemas.limits import Limits
from schemas.rules import Rules
from schemas.words import DependencyScope, RunMode

SERVICE_FIELDS = (
    *("services", "are_monitored", "runs", "are_never_restarted", "roles", "exposures", "deployment_models"),
    *("hashes", "lines"),
)
"""The columns of `ServiceRow`, in its order; of an entry, its hash."""
DEPENDENCY_FIELDS = ("dependents", "dependencies", "scopes", "are_completions", "dependency_lines")
"""The columns of `DependencyRow`, in its order."""


class ParsedFiles(NamedTuple):
    """What some files say, by columns; a file is the number of its place among them. One that is not plain has no rows."""

    files: list[int]
    services: list[str]
    are_monitored: list[bool]
    runs: list[RunMode]
    are_never_restarted: list[bool]
    roles: list[str | None]
    exposures: list[str | None]
    deployment_models: list[str | None]
    hashes: list[str]
    lines: list[int]
    dependency_files: list[int]
    dependents: list[str]
    dependencies: list[str]
    scopes: list[DependencyScope]
    are_completions: list[bool]
    dependency_lines: list[int]
    warnings: list[tuple[int, Fault]]
    entries: dict[str, str]
    """The hash of each entry that they have, by what it says as canonical JSON."""
    others: dict[int, ParsedServices]
    """The files that say more than services, dependencies and warnings, or have a fault."""

    @classmethod
    def none(cls) -> "ParsedFiles":
        """Return the columns of no file."""
        return cls._make([*([] for _ in cls._fields[:-2]), EntryHashes(), {}])


class File(NamedTuple):
    """One file to parse."""

    data: bytes
    is_compose: bool


def parse_many(files: Iterable[File], limits: Limits, rules: Rules) -> ParsedFiles:
    """Return what the files say, as `parse_services` reads them, one after the other."""
    found = ParsedFiles.none()
    for number, (data, is_compose) in enumerate(files):
        plain = recognise_services(data, limits)
        if plain is not None:
            _add_plain(found, number, plain)
            continue
        parsed = parse_services(data, limits, rules, is_compose=is_compose)
        if parsed.is_plain():
            _add_parsed(found, number, parsed)
        else:
            found.others[number] = parsed
    return found


def join_parsed(parts: Sequence[ParsedFiles], counts: Sequence[int]) -> ParsedFiles:
    """Return the parts as one, with files numbered through; `counts` says how many files each part is of."""
    whole = ParsedFiles.none()
    offset = 0
    for part, count in zip(parts, counts, strict=True):
        whole.files.extend(offset + number for number in part.files)
        whole.dependency_files.extend(offset + number for number in part.dependency_files)
        whole.warnings.extend((offset + number, warning) for number, warning in part.warnings)
        whole.entries.update(part.entries)
        whole.others.update((offset + number, parsed) for number, parsed in part.others.items())
        for name in (*SERVICE_FIELDS, *DEPENDENCY_FIELDS):
            getattr(whole, name).extend(getattr(part, name))
        offset += count
    return whole


def _add_plain(found: ParsedFiles, number: int, plain: PlainServices) -> None:
    count = len(plain.services)
    found.files.extend([number] * count)
    found.services.extend(plain.services)
    found.are_monitored.extend(plain.are_monitored)
    found.runs.extend([RunMode.SERVICE] * count)
    found.are_never_restarted.extend([False] * count)
    for column, texts in zip((found.roles, found.exposures, found.deployment_models), plain.texts, strict=True):
        column.extend(texts)
    found.hashes.extend([found.entries[entry] for entry in plain.entries])
    found.lines.extend(plain.lines)
    found.dependency_files.extend([number] * len(plain.dependencies))
    found.dependents.extend(plain.dependents)
    found.dependencies.extend(plain.dependencies)
    found.scopes.extend(plain.scopes)
    found.are_completions.extend([False] * len(plain.dependencies))
    found.dependency_lines.extend(plain.dependency_lines)


def _add_parsed(found: ParsedFiles, number: int, parsed: ParsedServices) -> None:
    found.warnings.extend((number, warning) for warning in parsed.warnings)
    found.files.extend([number] * len(parsed.services))
    found.dependency_files.extend([number] * len(parsed.dependencies))
    services = [row._replace(entry=found.entries[row.entry]) for row in parsed.services]
    for names, rows in ((SERVICE_FIELDS, services), (DEPENDENCY_FIELDS, parsed.dependencies)):
        for name, values in zip(names, zip(*rows, strict=True), strict=False):
            getattr(found, name).extend(values)
