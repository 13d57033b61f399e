"""The rows of a batch of world snapshots, gathered record by record; what cannot be read is a row as well."""

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache, partial
from itertools import chain
from typing import Any, NamedTuple

import polars as pl

from flows.sources.formats.instants import to_microseconds
from flows.sources.formats.json_records import Records
from flows.sources.formats.json_strict import Unfit, describe
from flows.sources.world.fields import (
    Record,
    TimeReader,
    check_id,
    check_length,
    printable,
    read_count,
    read_known_word,
    read_pressure,
    read_status,
    read_text,
    read_word,
)
from flows.sources.world.files import (
    DEPLOYMENTS,
    INCIDENTS,
    NODES,
    SERVICES,
    SUMMARY,
    LastingWorldFaultError,
    WorldFiles,
)
from flows.sources.world.names import Target, UnusableNameError, WorldNames, field_text, incident_service
from flows.sources.world.parse import parse_files
from flows.sources.world.plain_rows import ACTIVITY_TIMES, DEPLOYMENT_TIMES, PlainRows
from flows.sources.world.repeats import Again, Moments, Repeats, Row
from flows.sources.world.service_columns import read_service_columns
from flows.sources.world.targets import claim_target, fields_of, read_key, read_named, tell_misfit
from schemas.limits import Limits
from schemas.rules import Rules


class Observed(NamedTuple):
    """One record of a node or a service that can be read, before it is known whether others are of the same target."""

    row: Row
    """Its fifth value is when it was seen, its last one the record's key."""
    spelling: tuple[str, ...]
    """How the record names its target, the node first."""


class Fresh(NamedTuple):
    """A file of which no record was set aside, nor any time in doubt."""

    name: str
    rows: range
    """The places of its rows in the batch."""
    cut: list[Row]
    """Those of its names that were cut."""


class WorldRows:
    """The rows so far, with instants in microseconds; each begins with its snapshot's `as_of`."""

    def __init__(self, names: WorldNames, limits: Limits, rules: Rules) -> None:
        """Begin with none."""
        self.snapshots: list[Row] = []
        self.nodes: list[Row] = []
        self.services: list[Row] = []
        self.service_columns: list[pl.DataFrame] = []
        """More services, by columns."""
        self.deployments: list[Row] = []
        self.incidents: list[Row] = []
        self.rejected: list[Row] = []
        self.doubtful: list[Row] = []
        self.doubtful_columns: list[pl.DataFrame] = []
        self.taken: list[Row] = []
        self._names = names
        self._limits = limits
        self._rules = rules
        self._times = TimeReader(0, rules)
        moments = Moments(rules.naive_timezone)
        # The values of no larger file are counted.
        most, most_of_others = limits.max_json_values, limits.of_other_files.max_json_values
        self.repeats = {
            NODES: Repeats(self.nodes, moments, most_of_others, moves=True),
            SERVICES: Repeats(self.services, moments, most, moves=True),
            DEPLOYMENTS: Repeats(self.deployments, moments, most_of_others, moves=False),
            INCIDENTS: Repeats(self.incidents, moments, most_of_others, moves=False),
        }
        """More rows of each file: those that say the same as earlier ones, only later."""
        rows = (self.snapshots, self.nodes, self.services, self.deployments, self.incidents, self.rejected)
        columns = (self.service_columns, self.doubtful, self.doubtful_columns, self.taken)
        self._gathered: tuple[list[Any], ...] = (*rows, *columns, *chain(*map(Repeats.gathered, self.repeats.values())))
        # A batch has the same keys in every snapshot; a bound keeps a hostile world from filling the memory.
        self._read_key = lru_cache(65_536)(partial(read_key, names))
        self._source = ""
        self._most_rejected = 0

    def add(self, world: WorldFiles) -> None:
        """Add one snapshot; raises `WorldUnreadableError` with every file that is unreadable, and then adds nothing."""
        self._times = TimeReader(to_microseconds(world.as_of), self._rules)
        again = self._find_repeats(world)
        files = parse_files(world, self._limits, again)
        counts = [*map(len, self._gathered)]
        try:
            fresh = self._add(world, files, again)
        except LastingWorldFaultError:
            for rows, count in zip(self._gathered, counts, strict=True):
                del rows[count:]
            raise
        for one in fresh:
            self.repeats[one.name].keep(world.contents[one.name], one.rows, one.cut, self._times.as_of_us)

    def _find_repeats(self, world: WorldFiles) -> dict[str, Again]:
        times, contents = self._times, world.contents
        found = {
            name: repeats.find(contents[name], times.as_of_us, times.latest_us)
            for name, repeats in self.repeats.items()
            if name in contents
        }
        return {name: again for name, again in found.items() if again}

    def _add(self, world: WorldFiles, files: Mapping[str, Records], again: Mapping[str, Again]) -> list[Fresh]:
        """Add the files; return those that may be said again."""
        self._source, self._most_rejected = world.source, len(self.rejected) + self._limits.max_rejected_records
        summary = dict(files[SUMMARY].entries)
        last_update = self._times.read(summary, "last_update", SUMMARY, "")
        refreshes = summary.get("refreshes")
        column_count = len(self.doubtful_columns)
        fresh = [self._add_file(name, files[name], again) for name in self.repeats]
        self.doubtful += self._times.doubtful
        by_columns = sum(part.height for part in self.doubtful_columns[column_count:])
        self.snapshots.append(
            (
                self._times.as_of_us,
                last_update,
                to_microseconds(world.files_at),
                len(self._times.doubtful) + by_columns,
                refreshes if isinstance(refreshes, bool) else None,
            )
        )
        return [one for one in fresh if one and one.name in world.contents]

    def _add_file(self, name: str, records: Records, again: Mapping[str, Again]) -> Fresh | None:
        repeats = self.repeats[name]
        if name in again:
            self.taken += repeats.add(again[name], self._times.as_of_us)
            return None
        # Kept with the rows, these would hold them until somebody looks for cycles.
        adders = (self._add_nodes, self._add_services, self._add_deployments, self._add_incidents)
        begin, cut_count, spoilt_count = len(repeats.rows), len(self.taken), self._count_spoilt()
        dict(zip(self.repeats, adders, strict=True))[name](records)
        is_spoilt = self._count_spoilt() > spoilt_count
        return None if is_spoilt else Fresh(name, range(begin, len(repeats.rows)), self.taken[cut_count:])

    def _count_spoilt(self) -> int:
        """Return how much there is for which a file must be read anew each time."""
        return len(self.rejected) + len(self._times.doubtful) + len(self.service_columns)

    def _add_nodes(self, records: Records) -> None:
        plain = PlainRows(records, self._names, self._limits)
        rows = plain.read_nodes(self._times) if records.is_keyed else None
        if rows is not None:
            self.nodes += rows
            self._tell_cut({*plain.keys})
            records = plain.misfits
        self._add_observed_nodes(records)

    def _add_observed_nodes(self, records: Records) -> None:
        found: dict[Target, list[Observed]] = {}
        written: set[str] = set()
        for key, record in records.entries:
            target: Target = ()
            try:
                name = key if records.is_keyed else field_text(fields_of(record), "node", "id", "name")
                target = (self._names.read_node(name),)
                written.add(name)
                row = self._read_node_row(target[0], fields_of(record), key)
            except UnusableNameError as error:
                reason = record.reason if isinstance(record, Unfit) else str(error)
                self._reject(NODES, key, reason, target)
                continue
            found.setdefault(target, []).append(Observed(row, (name,)))
        for target, observed in found.items():
            chosen, others = self._choose(NODES, target, observed)
            if chosen is not None:
                names = sorted({printable(other.spelling[0]) for other in others})
                self.nodes.append((*chosen.row[:-1], names, chosen.row[-1]))
        self._tell_cut(written)

    def _read_node_row(self, node: str, record: Record, key: str) -> Row:
        seen_at, state = self._times.read_seen(record, "last_seen", NODES, key)
        most = self._limits.max_word_length
        return (
            self._times.as_of_us,
            node,
            read_known_word(record, "status", most),
            read_text(record, "reason_class", most),
            seen_at,
            state,
            self._times.read(record, "online_since", NODES, key),
            read_pressure(record, "disk_pressure"),
            read_pressure(record, "memory_pressure"),
            key,
        )

    def _add_services(self, records: Records) -> None:
        """Add the service records: of a large file by columns, as far as they are written the usual way."""
        self._refuse_misfits(records)
        columns = read_service_columns(records, self._names, self._limits, self._times)
        if columns is not None:
            as_of = pl.lit(self._times.as_of_us, pl.Int64)
            self.service_columns.append(columns.rows.with_columns(as_of=as_of))
            self.doubtful_columns.append(columns.doubtful.with_columns(as_of=as_of))
            self._tell_cut(columns.written)
            records = columns.others
        self._add_observed_services(records)

    def _add_observed_services(self, records: Records) -> None:
        found: dict[Target, Observed] = {}
        again: dict[Target, list[Observed]] = {}
        written: set[str] = set()
        for key, record in records.entries:
            target: Target = ()
            try:
                spelling, target = self._read_key(key) if records.is_keyed else read_named(self._names, record)
                written.add(spelling[0])
                row = self._read_service_row(target, fields_of(record), key)
            except UnusableNameError as error:
                reason = record.reason if isinstance(record, Unfit) else str(error)
                self._reject(
                    SERVICES, key, reason, target or claim_target(self._names, key, record, is_keyed=records.is_keyed)
                )
                continue
            observed = Observed(row, spelling)
            first = found.setdefault(target, observed)
            if first is not observed:
                again.setdefault(target, [first]).append(observed)
        for target, observed in found.items():
            chosen = self._choose(SERVICES, target, again[target])[0] if target in again else observed
            if chosen is not None:
                self.services.append(chosen.row)
        self._tell_cut(written)

    def _read_service_row(self, target: Target, record: Record, key: str) -> Row:
        status = record.get("status")
        if not isinstance(status, str) or not status.strip():
            raise UnusableNameError(f"no usable 'status': expected a text, found {_describe_status(record)}")
        check_length(status, "status", self._limits.max_word_length)
        seen_at, state = self._times.read_seen(record, "last_seen", SERVICES, key)
        since_at = self._times.read(record, "since", SERVICES, key)
        incident_id = read_text(record, "incident_id", self._limits.max_key_length)
        return (self._times.as_of_us, *target, read_status(status), seen_at, state, since_at, incident_id, key)

    def _choose(self, file: str, target: Target, observed: list[Observed]) -> tuple[Observed | None, list[Observed]]:
        """Return the record that counts of one target, and those set aside.

        Of one spelling twice, nobody knows which holds. An exact name wins over one that was cut, then the newer one,
        then the inventory's spelling, then the first.
        """
        if len(observed) == 1:
            return observed[0], []
        times = Counter(one.spelling for one in observed)
        for one in observed:
            if times[one.spelling] > 1:
                self._reject(file, one.row[-1], f"{'/'.join(target)} comes twice", target)
        ranked = sorted((one for one in observed if times[one.spelling] == 1), key=partial(self._rank, target))
        for one in ranked[1:]:
            reason = f"another record of {'/'.join(target)} has its exact name, is newer, or is spelled as the inventory does"
            self._reject(file, one.row[-1], reason, target)
        return (ranked[0], ranked[1:]) if ranked else (None, [])

    def _rank(self, target: Target, one: Observed) -> tuple[bool, int, bool]:
        return not self._names.is_exact(one.spelling[0]), -(one.row[4] or 0), one.spelling != target

    def _tell_cut(self, written: "set[str] | frozenset[str]") -> None:
        """Keep which names were taken for a known node that they are not just so."""
        cut = sorted(name for name in written if self._names.is_cut(name))
        self.taken += [(self._times.as_of_us, printable(name), self._names.read_node(name)) for name in cut]

    def _add_deployments(self, records: Records) -> None:
        plain = PlainRows(records, self._names, self._limits)
        rows = plain.read_deployments(self._times) if records.is_keyed else None
        if rows is not None:
            self.deployments += rows
            records = plain.misfits
        self._add_each_deployment(records)

    def _add_each_deployment(self, records: Records) -> None:
        for order, (key, record) in enumerate(records.entries):
            try:
                fields = fields_of(record)
                name = key if records.is_keyed else str(fields.get("correlation_id") or fields.get("id") or key)
                node = self._names.read_node(field_text(fields, "node"))
                service = self._names.read_service(field_text(fields, "service"))
                status = read_word(fields, "status", self._limits.max_word_length)
            except UnusableNameError as error:
                self._reject(DEPLOYMENTS, key, str(error))
                continue
            times = [self._times.read(fields, field, DEPLOYMENTS, name) for field in DEPLOYMENT_TIMES]
            begun_at = next((time for time in times if time is not None), None)
            target = (self._times.as_of_us, node, service)
            self.deployments.append((*target, status, begun_at, times[1], order, printable(name)))

    def _add_incidents(self, records: Records) -> None:
        plain = PlainRows(records, self._names, self._limits)
        rows = plain.read_incidents(self._times) if records.is_keyed else None
        if rows is not None:
            self.incidents += rows
            records = plain.misfits
        self._add_each_incident(records)

    def _add_each_incident(self, records: Records) -> None:
        found: dict[str, list[tuple[str, Row, Record]]] = {}
        for key, record in records.entries:
            try:
                fields = fields_of(record)
                name = check_id(key if records.is_keyed else field_text(fields, "id"), self._limits.max_key_length)
                target = self._names.read_node(field_text(fields, "node")), incident_service(fields, self._names)
                most = self._limits.max_word_length
                words = [read_word(fields, field, most) for field in ("status", "severity", "trigger_type")]
            except UnusableNameError as error:
                self._reject(INCIDENTS, key, str(error))
                continue
            found.setdefault(name, []).append((key, (self._times.as_of_us, *target, *words), fields))
        for name, same in found.items():
            if len(same) == 1:
                self.incidents.append(self._read_incident_row(name, *same[0][1:]))
            else:
                for key, _, _ in same:
                    self._reject(INCIDENTS, key, "another incident has the same id")

    def _read_incident_row(self, name: str, begin: Row, fields: Record) -> Row:
        times = [self._times.read(fields, field, INCIDENTS, name) for field in ACTIVITY_TIMES]
        newest = max((time for time in times if time is not None), default=None)
        resolved_at = self._times.read(fields, "resolved_at", INCIDENTS, name)
        return (*begin, times[0], newest, resolved_at, read_count(fields, "occurrence_count"), name)

    def _refuse_misfits(self, records: Records) -> None:
        """Refuse a file with too many values that are no records, before anything is made of the others."""
        if len(records.entries) > self._limits.max_rejected_records:
            count = sum(type(record) is not dict for _, record in records.entries)
            if count > self._limits.max_rejected_records:
                key, record = next(entry for entry in records.entries if type(entry[1]) is not dict)
                raise self._too_many(SERVICES, key, tell_misfit(record))

    def _reject(self, file: str, key: str, reason: str, target: Target = ()) -> None:
        node, service = (*target, None, None)[:2]
        self.rejected.append((self._times.as_of_us, file, printable(key), reason, node, service))
        if len(self.rejected) > self._most_rejected:
            raise self._too_many(file, key, reason)

    def _too_many(self, file: str, key: str, reason: str) -> LastingWorldFaultError:
        path = f"{self._source}/{file}" if self._source else file
        return LastingWorldFaultError(
            f"{path}: more than {self._limits.max_rejected_records} records cannot be read, one of them"
            f" '{printable(key)}': {reason}; mend what writes them, or raise limits.max_rejected_records"
        )


def _describe_status(record: Record) -> str:
    status = record.get("status")
    return "a blank one" if isinstance(status, str) else describe(status) if "status" in record else "none"
