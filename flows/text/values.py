"""Values of settings, as they are given, read as a model of them: pydantic is imported only where one is not plain."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

from schemas.rules import Rules
from schemas.setting import Bound, Check, Read, settings_of, spell_iso

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

Model = TypeVar("Model")
_PLAIN = (Path, str, bool, int, float, timedelta)


class FaultsError(Exception):
    """What is wrong with values, fault by fault."""

    def __init__(self, faults: "list[ErrorDetails]") -> None:
        """Keep them as pydantic tells them."""
        super().__init__(faults)
        self.faults = faults


def read_as(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Return the values as the model; `FaultsError` where some of them are none of it."""
    try:
        return _read_all(model, values)
    except (LookupError, TypeError, ValueError):
        read: Model = _read_strictly(model, values)
        return read


def write_plainly(model: Any) -> dict[str, Any]:
    """Return a model's values as JSON has them."""
    kind: Any = type(model)
    values: dict[str, Any] = _adapt(kind).dump_python(model, mode="json")
    return values


def write_rules(rules: Rules) -> dict[str, Any]:
    """Return the rules' values as JSON has them, what stands in no order sorted: what a fingerprint of them is made of."""
    return {name: _write(getattr(rules, name)) for name in settings_of(Rules)}


def _write(value: object) -> object:
    if isinstance(value, timedelta):
        return spell_iso(value)
    if isinstance(value, frozenset):
        return sorted(value)
    return _write_windows(value) if isinstance(value, tuple) else value


def _write_windows(windows: tuple[object, ...]) -> list[object]:
    if not windows:
        return []
    from pydantic_core import to_jsonable_python

    return sorted(to_jsonable_python(windows), key=str)


@cache
def _adapt(model: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(model)


def _read_strictly(model: Any, values: Mapping[str, Any]) -> Any:
    from pydantic import ValidationError

    try:
        return _adapt(model).validate_python(values)
    except ValidationError as error:
        raise FaultsError(error.errors(include_url=False)) from None


def _read_all(model: type[Model], values: object) -> Model:
    """Return the values as the model; an error of another kind where it takes pydantic to read or to refuse one."""
    if not isinstance(values, dict):
        raise TypeError
    known = settings_of(model)
    return model(**{name: _read(known[name].type, value) for name, value in values.items()})


def _read(kind: Any, value: Any) -> Any:
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    base, *said = get_args(kind) if get_origin(kind) is Annotated else (kind,)
    for reader in (one for one in reversed(said) if isinstance(one, Read)):
        value = reader.function(value)
    value = _keep(base, value)
    for one in said:
        if isinstance(one, Check):
            value = one.function(value)
        elif isinstance(one, Bound) and not one.holds(value):
            raise ValueError
    return value


def _keep(base: Any, value: Any) -> Any:
    """Return a value that is of its type already; TypeError for any other, which pydantic may read nevertheless."""
    if is_dataclass(base) and isinstance(base, type):
        return _read_all(base, value)
    if base in _PLAIN and type(value) is type(base()):  # a Path is of the system's own kind
        return value
    parts = get_args(base)
    if get_origin(base) is dict and type(value) is dict:
        return {_read(parts[0], key): _read(parts[1], part) for key, part in value.items()}
    if get_origin(base) in {list, frozenset} and type(value) is get_origin(base):
        return type(value)(_read(parts[0], part) for part in value)
    raise TypeError
