"""The catalogue of bad inputs and faults, and the marks that tie its entries to the cases that make them for real."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.helpers.own_yaml import read_yaml

CATALOGUE = Path(__file__).with_name("catalogue.yaml")
covered: dict[str, int] = {}
"""How many cases each entry has, as far as the modules with cases are imported."""


class Entry(NamedTuple):
    """One entry of the catalogue."""

    number: str
    area: str
    given: str
    differs: str | None
    """What we do instead of what is usually asked for, and why; none where we do that."""
    lacks: str | None
    """Why there is no case for it."""


def read_catalogue() -> dict[str, Entry]:
    """Return the entries by number, in their order."""
    areas = read_yaml(CATALOGUE)
    return {
        number: _read_entry(number, area, entry) for area, entries in areas.items() for number, entry in entries.items()
    }


def _read_entry(number: str, area: str, entry: str | dict[str, str]) -> Entry:
    values = {"given": entry} if isinstance(entry, str) else entry
    return Entry(number, area, values["given"], values.get("differs"), values.get("lacks"))


def case(*numbers: str) -> pytest.MarkDecorator:
    """Mark a test, or a set of its parameters, as a case of these entries."""
    for number in numbers:
        covered[number] = covered.get(number, 0) + 1
    return pytest.mark.fault(*numbers)
