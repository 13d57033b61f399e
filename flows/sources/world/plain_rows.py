"""The rows of nodes, deployments and incidents field by field, for a file whose records are all plain.

Of plain records none is set aside, and no time of theirs is in doubt. What a field says is read by the functions that read it
record by record, which is the reference, but only once for each different text. Where a file has anything else, the answer is
None, and all of it is read record by record.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress, count, repeat
from operator import not_
from types import NoneType
from typing import TypeVar

from flows.sources.formats.instants import is_never, parse_instant
from flows.sources.formats.json_records import Records
from flows.sources.world.fields import (
    Record,
    TimeReader,
    check_id,
    printable,
    read_count,
    read_known_word,
    read_pressure,
    read_text,
    read_word,
)
from flows.sources.world.names import UnusableNameError, WorldNames, field_text, incident_service
from flows.sources.world.repeats import Row
from schemas.limits import Limits
from schemas.words import SeenState

DEPLOYMENT_TIMES = ("started_at", "completed_at", "timestamp", "updated_at")
ACTIVITY_TIMES = ("started_at", "last_occurrence", "timestamp", "updated_at")
KINDS = {str, bool, NoneType}
"""What a field may hold whose different values are told apart: 1 and true are one key of a dict."""

Value = TypeVar("Value")


class _NotPlainError(Exception):
    """Only who reads record by record can tell what the file comes to."""


class PlainRows:
    """Reads the records of an object, where each key that is no misfit's is there once."""

    def __init__(self, records: Records, names: WorldNames, limits: Limits) -> None:
        """Read nothing yet."""
        is_record = [type(record) is dict for _, record in records.entries]
        self.keys = [*compress((key for key, _ in records.entries), is_record)]
        self.misfits = Records([*compress(records.entries, map(not_, is_record))], records.is_keyed)
        """What is set aside in any case, as it is no object."""
        self._records = [*compress((record for _, record in records.entries), is_record)]
        self._places = [*compress(count(), is_record)]
        self._names, self._limits = names, limits

    def read_nodes(self, times: TimeReader) -> list[Row] | None:
        """Return the rows of `ActualNode`, one for each record."""
        return _list_plain(lambda: self._nodes(times))

    def read_deployments(self, times: TimeReader) -> list[Row] | None:
        """Return the rows of `Deployment`, one for each record."""
        return _list_plain(lambda: self._deployments(times))

    def read_incidents(self, times: TimeReader) -> list[Row] | None:
        """Return the rows of `Incident`, one for each record."""
        return _list_plain(lambda: self._incidents(times))

    def _nodes(self, times: TimeReader) -> Iterator[Row]:
        nodes = [self._names.read_node(key) for key in self.keys]
        if len({*nodes}) < len(nodes):
            raise _NotPlainError
        most = self._limits.max_word_length
        seen_at = self._read_moments("last_seen", times)
        return zip(
            repeat(times.as_of_us),
            nodes,
            self._read("status", lambda record, field: read_known_word(record, field, most)),
            self._read("reason_class", lambda record, field: read_text(record, field, most)),
            seen_at,
            self._tell_states("last_seen", seen_at),
            self._read_moments("online_since", times),
            self._read("disk_pressure", read_pressure),
            self._read("memory_pressure", read_pressure),
            [[] for _ in nodes],
            self.keys,
            strict=False,
        )

    def _deployments(self, times: TimeReader) -> Iterator[Row]:
        moments = [self._read_moments(field, times) for field in DEPLOYMENT_TIMES]
        return zip(
            repeat(times.as_of_us),
            self._read("node", self._read_node),
            self._read("service", lambda record, field: self._names.read_service(field_text(record, field))),
            self._read_word("status"),
            _take_first(moments),
            moments[1],
            self._places,
            map(printable, self.keys),
            strict=False,
        )

    def _incidents(self, times: TimeReader) -> Iterator[Row]:
        for key in self.keys:
            check_id(key, self._limits.max_key_length)
        moments = [self._read_moments(field, times) for field in ACTIVITY_TIMES]
        return zip(
            repeat(times.as_of_us),
            self._read("node", self._read_node),
            self._read("service", lambda record, _: incident_service(record, self._names)),
            *map(self._read_word, ("status", "severity", "trigger_type")),
            moments[0],
            _take_newest(moments),
            self._read_moments("resolved_at", times),
            [read_count(record, "occurrence_count") for record in self._records],
            self.keys,
            strict=False,
        )

    def _read(self, field: str, read: Callable[[Record, str], Value]) -> list[Value]:
        """Return what a field of each record comes to."""
        values = [record.get(field) for record in self._records]
        if not {*map(type, values)} <= KINDS:
            raise _NotPlainError
        known = {value: read({field: value}, field) for value in {*values}}
        return [known[value] for value in values]

    def _read_node(self, record: Record, field: str) -> str:
        return self._names.read_node(field_text(record, field))

    def _read_word(self, field: str) -> list[str | None]:
        return self._read(field, lambda record, name: read_word(record, name, self._limits.max_word_length))

    def _read_moments(self, field: str, times: TimeReader) -> list[int | None]:
        """Return the moment of each record, none where it says that there is none; none of them is in doubt."""
        values = [record.get(field) for record in self._records]
        if values.count(None) == len(values):
            return values
        moments = [*map(parse_instant, values, repeat(times.zone))]
        if max((at for at in moments if at is not None), default=0) > times.latest_us:
            raise _NotPlainError
        if None in moments and not all(
            is_never(value) for value, at in zip(values, moments, strict=True) if at is None
        ):
            raise _NotPlainError
        return moments

    def _tell_states(self, field: str, moments: Iterable[int | None]) -> Iterator[SeenState]:
        for record, at in zip(self._records, moments, strict=True):
            said = SeenState.NEVER if field in record else SeenState.ABSENT
            yield said if at is None else SeenState.READABLE


def _list_plain(read: Callable[[], Iterator[Row]]) -> list[Row] | None:
    try:
        return list(read())
    except (_NotPlainError, UnusableNameError):
        return None


def _take_first(columns: Sequence[list[int | None]]) -> list[int | None]:
    """Return of each row the first moment that there is."""
    found, *others = columns
    for column in others:
        if None in found:
            found = [at if at is not None else other for at, other in zip(found, column, strict=True)]
    return found


def _take_newest(columns: Sequence[Sequence[int | None]]) -> Iterator[int | None]:
    """Yield of each row the latest moment that there is."""
    for row in zip(*columns, strict=True):
        yield max((at for at in row if at is not None), default=None)
