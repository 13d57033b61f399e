"""Parse many `services.yaml` at once: the plain shape by its recogniser, the rest by the strict reader."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flows.sources.formats.yaml_tree import Fault
from flows.sources.inventory.plain_services import PlainServices, recognise_services
from flows.sources.inventory.services_file import ParsedServices, parse_services
from schemas.limits import Limits
from schemas.words import DependencyScope


class ParsedFiles(NamedTuple):
    """What some files say, by columns; a file is the number of its place among them. One with a fault has no rows."""

    files: list[int]
    services: list[str]
    are_monitored: list[bool]
    lines: list[int]
    dependency_files: list[int]
    dependents: list[str]
    dependencies: list[str]
    scopes: list[DependencyScope]
    dependency_lines: list[int]
    warnings: list[tuple[int, Fault]]
    faulty: dict[int, ParsedServices]

    @classmethod
    def none(cls) -> "ParsedFiles":
        """Return the columns of no file."""
        return cls([], [], [], [], [], [], [], [], [], [], {})


def parse_many(files: Iterable[bytes], limits: Limits) -> ParsedFiles:
    """Return what the files say, as `parse_services` reads them, one after the other."""
    found = ParsedFiles.none()
    for number, data in enumerate(files):
        plain = recognise_services(data, limits)
        if plain is not None:
            _add(found, number, plain)
            continue
        parsed = parse_services(data, limits)
        if parsed.faults:
            found.faulty[number] = parsed
            continue
        found.warnings.extend((number, warning) for warning in parsed.warnings)
        _add(found, number, _by_columns(parsed))
    return found


def join_parsed(parts: Sequence[ParsedFiles], counts: Sequence[int]) -> ParsedFiles:
    """Return the parts as one, with files numbered through; `counts` says how many files each part is of."""
    whole = ParsedFiles.none()
    offset = 0
    for part, count in zip(parts, counts, strict=True):
        whole.files.extend(offset + number for number in part.files)
        whole.dependency_files.extend(offset + number for number in part.dependency_files)
        whole.warnings.extend((offset + number, warning) for number, warning in part.warnings)
        whole.faulty.update((offset + number, parsed) for number, parsed in part.faulty.items())
        for name in ("services", "are_monitored", "lines", "dependents", "dependencies", "scopes", "dependency_lines"):
            getattr(whole, name).extend(getattr(part, name))
        offset += count
    return whole


def _add(found: ParsedFiles, number: int, plain: PlainServices) -> None:
    found.files.extend([number] * len(plain.services))
    found.services.extend(plain.services)
    found.are_monitored.extend(plain.are_monitored)
    found.lines.extend(plain.lines)
    found.dependency_files.extend([number] * len(plain.dependencies))
    found.dependents.extend(plain.dependents)
    found.dependencies.extend(plain.dependencies)
    found.scopes.extend(plain.scopes)
    found.dependency_lines.extend(plain.dependency_lines)


def _by_columns(parsed: ParsedServices) -> PlainServices:
    return PlainServices(
        [row.service for row in parsed.services],
        [row.line for row in parsed.services],
        [row.is_monitored for row in parsed.services],
        [row.service for row in parsed.dependencies],
        [row.dependency for row in parsed.dependencies],
        [row.scope for row in parsed.dependencies],
        [row.line for row in parsed.dependencies],
    )
