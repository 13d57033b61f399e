"""Which node and service a record of a world is of: by its key, or by its fields."""

from typing import Any, NamedTuple

from flows.sources.formats.json_strict import Unfit, describe
from flows.sources.world.fields import Record, printable
from flows.sources.world.names import Target, UnusableNameError, WorldNames, field_text


class Named(NamedTuple):
    """Node and service of a record."""

    spelling: tuple[str, str]
    """As it writes them."""
    target: tuple[str, str]
    """As the inventory does."""


def read_key(names: WorldNames, key: str) -> Named:
    """Return the service of a record by its key `node/service`; raises `UnusableNameError`."""
    return _read_spelling(names, _split(key))


def read_named(names: WorldNames, record: Any) -> Named:
    """Return the service of a record by its fields; raises `UnusableNameError`."""
    fields = fields_of(record)
    if fields.get("node") is None and isinstance(fields.get("id"), str):
        return _read_spelling(names, _split(fields["id"]))
    return _read_spelling(names, (field_text(fields, "node"), field_text(fields, "service", "name")))


def _read_spelling(names: WorldNames, spelling: tuple[str, str]) -> Named:
    return Named(spelling, (names.read_node(spelling[0]), names.read_service(spelling[1])))


def _split(key: str) -> tuple[str, str]:
    node, slash, service = key.partition("/")
    if not slash:
        raise UnusableNameError(f"the key {printable(key)!a} is not '<node>/<service>'")
    return node, service


def fields_of(record: Any) -> Record:
    """Return a record's fields; raises `UnusableNameError` where it has none."""
    if type(record) is not dict:
        raise UnusableNameError(tell_misfit(record))
    return record


def tell_misfit(record: Any) -> str:
    """Return why a value is no record."""
    return record.reason if isinstance(record, Unfit) else f"expected an object, found {describe(record)}"


def claim_target(names: WorldNames, key: str, record: Any, *, is_keyed: bool) -> Target:
    """Return the service, or at least the node, that a record without a usable key is of, as far as that is clear."""
    record = record.value if isinstance(record, Unfit) else record
    for own_keyed in (True, False) if is_keyed else (False,):
        try:
            return (read_key(names, key) if own_keyed else read_named(names, record)).target
        except UnusableNameError:
            continue
    given = [record.get("node")] if isinstance(record, dict) else []
    for text in [key.partition("/")[0]] * (is_keyed and "/" in key) + given:
        try:
            return (names.read_node(text),) if isinstance(text, str) else ()
        except UnusableNameError:
            continue
    return ()
