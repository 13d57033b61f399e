"""A strict YAML file as a model: every fault at once, each with file, line and column, and what was meant."""

import difflib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from flows.errors import EmitError, SettingsError
from flows.files.own import open_regular, settle_path
from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml, to_plain
from flows.sources.formats.yaml_tree import Node
from flows.text.faults import say_fault
from schemas.limits import Limits

Model = TypeVar("Model", bound=BaseModel)


def read_owned_model(path: Path, model: type[Model], owners: frozenset[int]) -> Model:
    """Return the file's content as the model, where nobody but the owners can have written it.

    Raises `SettingsError` with every fault, `FileNotFoundError` where there is no such file.
    """
    return parse_model(read_owned(path, owners), path, model)


def read_owned(path: Path, owners: frozenset[int]) -> bytes:
    """Return a plain file of these owners that neither group nor others may write to."""
    if not os.path.lexists(path):
        raise FileNotFoundError(path)
    try:
        fd = open_regular(settle_path(path.absolute(), owners), os.O_RDONLY, owners)
    except EmitError as error:
        raise SettingsError(str(error)) from None
    with os.fdopen(fd, "rb") as file:
        mode = os.fstat(fd).st_mode
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise SettingsError(f"{path}: others than its owner can write to it ({stat.S_IMODE(mode):04o}); chmod go-w")
        data = file.read(Limits().max_inventory_file_bytes + 1)
    if len(data) > Limits().max_inventory_file_bytes:
        raise SettingsError(f"{path}: more than {Limits().max_inventory_file_bytes} bytes")
    return data


def parse_model(data: bytes, path: Path, model: type[Model]) -> Model:
    """Return the YAML as the model; SettingsError with every fault and its place."""
    try:
        root = parse_yaml(data, Limits())
    except YamlFaultError as error:
        faults = [f"{path}:{line}:{column}: {problem}" for line, column, problem in error.faults]
        raise SettingsError("\n".join(faults)) from None
    try:
        return TypeAdapter(model).validate_python(to_plain(root) if root else {})
    except ValidationError as error:
        found = _drop_miscounted(error.errors(include_url=False))
        raise SettingsError("\n".join(_explain(path, root, fault, model) for fault in found)) from None


def _drop_miscounted(faults: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Return the faults without lists that are too short by their faulty items alone: pydantic counts the good ones."""
    inside = {fault["loc"][:-1] for fault in faults}
    return [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in inside]


def _explain(path: Path, root: Node | None, fault: ErrorDetails, model: type[BaseModel]) -> str:
    place = _find(root, fault["loc"])
    where = f"{path}:{place.line}:{place.column}" if place else f"{path}"
    key = ".".join(str(part) for part in _real(root, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"{where}: unknown key {fault['loc'][-1]!s:.80}{_suggest(str(fault['loc'][-1]), model)}"
    return f"{where}: {f'{key}: ' if key else ''}{say_fault(fault)}"


def _suggest(key: str, model: type[BaseModel]) -> str:
    close = difflib.get_close_matches(key, {*_keys(model.model_json_schema())}, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keys(value)


def _find(root: Node | None, location: Sequence[int | str]) -> Node | None:
    """Return the deepest node on the way to a fault; pydantic's names of a union's members are no keys."""
    node = root
    for part in location:
        node = _step(node, part) or node
    return node


def _real(root: Node | None, location: Sequence[int | str]) -> Iterator[int | str]:
    node = root
    for number, part in enumerate(location):
        found = _step(node, part)
        if found is not None or number == len(location) - 1:
            yield part
        node = found or node


def _step(node: Node | None, part: int | str) -> Node | None:
    value: Any = node.value if node is not None else None
    if isinstance(value, dict):
        found: Node | None = value.get(str(part))
        return found
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        item: Node = value[part]
        return item
    return None
