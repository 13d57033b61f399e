"""Selectors: what of a node's containers, projects, units and probes runs for which service of its `services.yaml`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flows.sources.formats.yaml_strict import to_plain
from flows.sources.formats.yaml_tree import Node
from flows.sources.inventory.tree_reader import describe_word
from schemas.look_words import SelectorKind

USER = re.compile(r"^([a-z]+://)[^/?#]*@")
"""User and password of an address: a probe sends none, so that none is remembered."""


def make_selector(
    node: str, service: str, kind: SelectorKind, value: str, line: int, **more: str | None
) -> dict[str, Any]:
    """Return a row of `Selector`."""
    named = {"node": node, "service": service, "kind": kind, "value": value, "part": None, "expect": None, "line": line}
    return named | more


def list_entries(tree: Node) -> Iterator[tuple[str, Node, Mapping[str, Any]]]:
    """Yield name, place and options of each entry, of every accepted form; a bad one is passed over here."""
    value = tree.value
    listed = value.get("services", tree) if isinstance(value, dict) else tree
    if isinstance(listed.value, dict):
        for name, at in listed.value.items():
            yield name, at, to_plain(at) if isinstance(at.value, dict) else {}
    elif isinstance(listed.value, list):
        for at in listed.value:
            options = to_plain(at) if isinstance(at.value, dict) else {"name": at.value}
            if isinstance(options.get("name"), str):
                yield options["name"], at, options


def list_selectors(
    options: Mapping[str, Any], runtime: Mapping[str, Any]
) -> Iterator[tuple[SelectorKind, str, str | None, str | None]]:
    """Yield kind, value, Compose service and expectation of each selector of an entry."""
    names = [options.get("container_name"), *_several(options.get("containers")), runtime.get("container")]
    for name in _texts(names, "a container's name"):
        yield SelectorKind.CONTAINER, name.lstrip("/").lower(), None, None
    part = _text(runtime.get("compose_service"), "compose_service")
    for project in _texts([runtime.get("project")], "project"):
        yield SelectorKind.PROJECT, project.lower(), part.lower() if part else None, None
    for unit in _texts(_several(runtime.get("unit")), "unit"):
        yield SelectorKind.UNIT, unit if "." in unit else f"{unit}.service", None, None
    expect = runtime.get("expect")
    for probe in _texts(_several(runtime.get("probe")), "probe"):
        yield SelectorKind.PROBE, USER.sub(r"\1", probe), None, str(expect) if expect is not None else None


def _several(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _texts(values: list[Any], what: str) -> Iterator[str]:
    for value in values:
        text = _text(value, what)
        if text:
            yield text


def _text(value: object, what: str) -> str | None:
    if value is None or isinstance(value, str):
        return value.strip() if value else None
    raise ValueError(f"{what}: expected a text, found {describe_word(value)}")


def read_least(value: object) -> int | None:
    """Return the least of an entry's replicas, None where it says nothing of them; raises `ValueError` for what is none."""
    least = value.get("min") if isinstance(value, dict) else None
    if value is None or (isinstance(least, int) and not isinstance(least, bool) and least > 0):
        return least
    raise ValueError("replicas: expected {min: N}, with N of at least 1")
