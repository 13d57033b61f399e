"""The rows of a batch of world snapshots, gathered record by record; what cannot be read is a row as well."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from flows.sources.formats.instants import parse_instant, to_microseconds
from flows.sources.formats.json_records import Records
from flows.sources.formats.json_strict import Unfit, describe
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
from flows.sources.world.service_columns import read_service_columns
from schemas.limits import Limits

SHOWN_KEY = 255
DEPLOYMENT_TIMES = ("started_at", "completed_at", "timestamp", "updated_at")
Record = Mapping[str, Any]
Row = tuple[Any, ...]


class WorldRows:
    """The rows so far, with instants in microseconds; each begins with its snapshot's `as_of`."""

    def __init__(self, names: WorldNames, limits: Limits) -> None:
        """Begin with none."""
        self.snapshots: list[Row] = []
        self.nodes: list[Row] = []
        self.services: list[Row] = []
        self.service_columns: list[pl.DataFrame] = []
        """More services, by columns."""
        self.deployments: list[Row] = []
        self.incidents: list[Row] = []
        self.rejected: list[Row] = []
        self._names = names
        self._limits = limits
        self._as_of = 0
        self._unreadable_count = 0
        self._source = ""
        self._most_rejected = 0

    def add(self, world: WorldFiles) -> None:
        """Add one snapshot; raises `WorldUnreadableError` with every file that is unreadable, and then adds nothing."""
        files = parse_files(world, self._limits)
        counts = [len(rows) for rows in self._gathered()]
        try:
            self._add(world, files)
        except LastingWorldFaultError:
            for rows, count in zip(self._gathered(), counts, strict=True):
                del rows[count:]
            raise

    def _gathered(self) -> tuple[list[Any], ...]:
        rows = (self.snapshots, self.nodes, self.services, self.deployments, self.incidents, self.rejected)
        return (*rows, self.service_columns)

    def _add(self, world: WorldFiles, files: Mapping[str, Records]) -> None:
        self._as_of = to_microseconds(world.as_of)
        self._unreadable_count = 0
        self._source, self._most_rejected = world.source, len(self.rejected) + self._limits.max_rejected_records
        last_update = self._read_summary(files[SUMMARY])
        self._add_observations(NODES, files[NODES], self.nodes, self._node_of)
        self._add_services(files[SERVICES])
        self._add_deployments(files[DEPLOYMENTS])
        self._add_incidents(files[INCIDENTS])
        files_at = to_microseconds(world.files_at)
        self.snapshots.append((self._as_of, last_update, files_at, self._unreadable_count))

    def _read_summary(self, records: Records) -> int | None:
        for key, value in records.entries:
            if key == "last_update":
                return self._instant(value)
        return None

    def _add_services(self, records: Records) -> None:
        """Add the service records: of a large file by columns, as far as they are written the usual way."""
        self._refuse_misfits(records)
        columns = read_service_columns(records, self._names, self._limits)
        if columns is not None:
            self.service_columns.append(columns.rows.with_columns(as_of=pl.lit(self._as_of, pl.Int64)))
            self._unreadable_count += columns.unreadable_count
            records = columns.others
        self._add_observations(SERVICES, records, self.services, self._service_of)

    def _refuse_misfits(self, records: Records) -> None:
        """Refuse a file with too many values that are no records, before anything is made of the others."""
        if len(records.entries) > self._limits.max_rejected_records:
            count = sum(type(record) is not dict for _, record in records.entries)
            if count > self._limits.max_rejected_records:
                key, record = next(entry for entry in records.entries if type(entry[1]) is not dict)
                raise self._too_many(SERVICES, key, _misfit(record))

    def _too_many(self, file: str, key: str, reason: str) -> LastingWorldFaultError:
        path = f"{self._source}/{file}" if self._source else file
        return LastingWorldFaultError(
            f"{path}: more than {self._limits.max_rejected_records} records cannot be read, one of them"
            f" '{_printable(key)}': {reason}; mend what writes them, or raise limits.max_rejected_records"
        )

    def _add_observations(
        self, file: str, records: Records, rows: list[Row], target_of: Callable[[str, Any, bool], Target]
    ) -> None:
        """Add the node or service records of a file, one for each target."""
        found: dict[Target, Row] = {}
        rivals: dict[Target, list[Row]] = {}
        for key, record in records.entries:
            try:
                target = target_of(key, record, records.is_keyed)
            except UnusableNameError as error:
                reason = record.reason if isinstance(record, Unfit) else str(error)
                self._reject(file, key, reason, self._claim(file, record))
                continue
            if type(record) is not dict:
                self._reject(file, key, _misfit(record), target)
                continue
            seen_at = self._instant(record.get("last_seen"))
            try:
                row = (self._as_of, *target, self._word(record, "status"), seen_at, key)
            except UnusableNameError as error:
                self._reject(file, key, str(error), target)
                continue
            if target in found:
                rivals.setdefault(target, [found[target]]).append(row)
            found[target] = row
        for target, rows_of_one in rivals.items():
            found[target] = self._choose(file, target, rows_of_one, is_keyed=records.is_keyed)
        rows += found.values()

    def _node_of(self, key: str, record: Any, is_keyed: bool) -> Target:
        if is_keyed:
            return (self._names.read_node(key),)
        return (self._names.read_node(field_text(_fields(record), "node", "id", "name")),)

    def _service_of(self, key: str, record: Any, is_keyed: bool) -> Target:
        if is_keyed:
            return self._names.read_target(key)
        fields = _fields(record)
        if fields.get("node") is None and isinstance(fields.get("id"), str):
            return self._names.read_target(fields["id"])
        node = self._names.read_node(field_text(fields, "node"))
        return node, self._names.read_service(field_text(fields, "service", "name"))

    def _claim(self, file: str, record: Any) -> Target:
        """Return the service that a record without a usable key is of by its fields, so that it is not called missing."""
        try:
            return self._service_of("", record, False) if file == SERVICES else ()
        except UnusableNameError:
            return ()

    def _choose(self, file: str, target: Target, rows: list[Row], *, is_keyed: bool) -> Row:
        """Return the newest of several records of one target; the others are set aside."""
        canonical = "/".join(target)

        def rank(row: Row) -> tuple[Any, ...]:
            *_, status, seen_at, key = row
            place = (key != canonical, key) if is_keyed else (status or "", int(key))
            return -(seen_at or 0), place

        first, *others = sorted(rows, key=rank)
        for row in others:
            reason = f"another record of {canonical} is newer, or spelled as the inventory does"
            self._reject(file, row[-1], reason, target)
        return first

    def _add_deployments(self, records: Records) -> None:
        for order, (key, record) in enumerate(records.entries):
            try:
                fields = _fields(record)
                name = key if records.is_keyed else str(fields.get("correlation_id") or fields.get("id") or key)
                node = self._names.read_node(field_text(fields, "node"))
                service = self._names.read_service(field_text(fields, "service"))
                status = self._word(fields, "status")
            except UnusableNameError as error:
                self._reject(DEPLOYMENTS, key, str(error))
                continue
            begun_at = self._begin(fields)
            self.deployments.append((self._as_of, node, service, status, begun_at, order, _printable(name)))

    def _begin(self, fields: Record) -> int | None:
        """Return the first readable time; one that is there and unreadable before it counts as such."""
        for name in DEPLOYMENT_TIMES:
            if (instant := self._instant(fields.get(name))) is not None:
                return instant
        return None

    def _add_incidents(self, records: Records) -> None:
        rows: dict[str, list[tuple[str, Row]]] = {}
        for key, record in records.entries:
            try:
                fields = _fields(record)
                name = self._checked_id(key if records.is_keyed else field_text(fields, "id"))
                node = self._names.read_node(field_text(fields, "node"))
                service = incident_service(fields, self._names)
                words = [self._word(fields, field) for field in ("status", "severity", "trigger_type")]
            except UnusableNameError as error:
                self._reject(INCIDENTS, key, str(error))
                continue
            row = (self._as_of, node, service, *words, fields.get("started_at"), name)
            rows.setdefault(name, []).append((key, row))
        for same in rows.values():
            if len(same) == 1:
                row = same[0][1]
                self.incidents.append((*row[:-2], self._instant(row[-2]), row[-1]))
            else:
                for key, _ in same:
                    self._reject(INCIDENTS, key, "another incident has the same id")

    def _checked_id(self, text: str) -> str:
        if not text or not text.isprintable() or len(text) > self._limits.max_key_length:
            raise UnusableNameError(f"an id has 1 to {self._limits.max_key_length} printable characters")
        return text

    def _instant(self, value: object) -> int | None:
        instant = parse_instant(value)
        self._unreadable_count += instant is None and value is not None
        return instant

    def _reject(self, file: str, key: str, reason: str, target: Target = ()) -> None:
        node, service = (*target, None, None)[:2]
        self.rejected.append((self._as_of, file, _printable(key), reason, node, service))
        if len(self.rejected) > self._most_rejected:
            raise self._too_many(file, key, reason)

    def _word(self, record: Record, field: str) -> str | None:
        """Return a word as the rules compare it; what is no text stays visible as its JSON."""
        value = record.get(field)
        if value is None:
            return None
        text = value if isinstance(value, str) else _to_json(value)
        if len(text) > self._limits.max_word_length:
            most = self._limits.max_word_length
            raise UnusableNameError(f"'{field}' has {len(text)} characters; at most {most} are allowed")
        return text.strip().lower() if isinstance(value, str) else text


def _fields(record: Any) -> Record:
    if type(record) is not dict:
        raise UnusableNameError(_misfit(record))
    return record


def _misfit(record: Any) -> str:
    return record.reason if isinstance(record, Unfit) else f"expected an object, found {describe(record)}"


def _to_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _printable(key: str) -> str:
    shown = key[:SHOWN_KEY]
    shown = shown if shown.isprintable() else ascii(shown)[1:-1]
    return shown if len(key) <= SHOWN_KEY else f"{shown}…"
