"""Parse many `services.yaml` at once: the plain shape by its recogniser, the rest by the strict reader."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from flows.sources.formats.yaml_tree import Fault
from flows.sources.inventory.entry import Entry, EntryDependency
from flows.sources.inventory.entry_hash import NULL, hash_list
from flows.sources.inventory.parse_pool import File, parse_on_all_cores
from flows.sources.inventory.plain_services import PlainReader, PlainServices
from flows.sources.inventory.services_file import ParsedServices
from schemas.limits import Limits
from schemas.rules import Rules

MOST_ENTRIES = 65_536
"""About so many different entries are held in memory at most; files that have more come in several parts."""


class ParsedFiles(NamedTuple):
    """What some files say, by columns. A file is its number; one that says more than this, or has no service, has no rows."""

    files: list[int]
    counts: list[int]
    """How many services each of the files has."""
    first_lines: list[int]
    """Where the first of them stands."""
    services: list[str]
    """Those of one file after the other."""
    numbers: list[int]
    """The place of each service's entry in `entries`."""
    entries: list[Entry]
    heights: list[int]
    """Lines from a service with this entry to the next one of its file."""
    warnings: list[tuple[int, Fault]]
    others: dict[int, ParsedServices]
    """The files that say more than services, dependencies and warnings, or have a fault."""

    @classmethod
    def none(cls) -> "ParsedFiles":
        """Return the columns of no file."""
        return cls([], [], [], [], [], [], [], [], {})

    def add(self, file: int, read: PlainServices) -> None:
        """Add the services of a file; their entries are there."""
        self.files.append(file)
        self.counts.append(len(read.services))
        self.first_lines.append(read.first_line)
        self.services.extend(read.services)
        self.numbers.extend(read.numbers)


def parse_many(files: Iterable[File], limits: Limits, rules: Rules, first: int = 0) -> Iterator[ParsedFiles]:
    """Yield what the files say, as `parse_services` reads them, in parts; they are numbered from `first` on.

    The plain ones cost so little that they are read here, one after the other; the rest are parsed on all cores.
    """
    plain, found, left = PlainReader(limits), ParsedFiles.none(), {}
    for number, file in enumerate(files, first):
        read = plain.read(file.data)
        if read is None:
            left[number] = file
            continue
        found.add(number, read)
        if len(plain.entries) > MOST_ENTRIES:
            yield found._replace(entries=plain.entries, heights=plain.heights)
            plain, found = PlainReader(limits), ParsedFiles.none()
    yield found._replace(entries=plain.entries, heights=plain.heights)
    yield _gather(zip(left, parse_on_all_cores([*left.values()], limits, rules), strict=True))


def _gather(files: Iterable[tuple[int, ParsedServices]]) -> ParsedFiles:
    found = ParsedFiles.none()
    for number, parsed in files:
        if not parsed.is_plain():
            found.others[number] = parsed
            continue
        found.warnings.extend((number, warning) for warning in parsed.warnings)
        if not parsed.services:
            continue
        entries = list_entries(parsed)
        numbers = [*range(len(found.entries), len(found.entries) + len(entries))]
        found.entries.extend(entries)
        names, lines = [row.service for row in parsed.services], [row.line for row in parsed.services]
        found.heights.extend([*(after - line for line, after in pairwise(lines)), 0])
        found.add(number, PlainServices(names, numbers, lines[0]))
    return found


def list_entries(parsed: ParsedServices) -> list[Entry]:
    """Return the entry of each service of a file that the strict reader read."""
    lines = {row.service: row.line for row in parsed.services}
    declared: dict[str, list[EntryDependency]] = defaultdict(list)
    for service, dependency, scope, is_completion, line in parsed.dependencies:
        declared[service].append(EntryDependency(dependency, scope, is_completion, line - lines[service]))
    return [Entry(*row[1:-1], hash_list(row.entry, NULL), tuple(declared[row.service])) for row in parsed.services]
