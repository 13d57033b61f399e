"""Parse many `services.yaml` at once by the strict reader, into the columns that those of the plain shape have, too."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from flows.sources.formats.yaml_tree import Fault
from flows.sources.inventory.entry import Entry, EntryDependency
from flows.sources.inventory.entry_hash import NULL, hash_list
from flows.sources.inventory.parse_pool import File, parse_on_all_cores
from flows.sources.inventory.plain_services import PlainServices
from flows.sources.inventory.services_file import ParsedServices
from schemas.limits import Limits
from schemas.rules import Rules


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


def parse_strictly(files: Sequence[File], limits: Limits, rules: Rules, first: int = 0) -> ParsedFiles:
    """Return what the files say, as `parse_services` reads them, on all cores; they are numbered from `first` on."""
    found = ParsedFiles.none()
    for number, parsed in enumerate(parse_on_all_cores(files, limits, rules), first):
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
