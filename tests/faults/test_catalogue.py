"""The catalogue is whole: each entry has a case that makes it for real, or says why it has none."""

from importlib import import_module
from pathlib import Path

import pytest
import yaml

from tests.faults.cases import covered, read_catalogue

MODULES = ("test_desired", "test_actual", "test_written", "test_program", "test_outputs", "test_orchestration")
SHARED = Path(__file__).parents[3] / "shared/faults.yaml"


def test_each_entry_has_a_case_or_a_reason():
    for name in MODULES:
        import_module(f"tests.faults.{name}")
    entries = read_catalogue()

    assert set(covered) <= set(entries)
    assert {number for number, entry in entries.items() if (number in covered) == bool(entry.lacks)} == set()


@pytest.mark.skipif(not SHARED.exists(), reason="the catalogue that this one comes from is not here")
def test_no_entry_of_the_shared_catalogue_is_left_out():
    theirs = {entry["id"]: entry["area"] for entry in yaml.safe_load(SHARED.read_text(encoding="utf-8"))}
    ours = {number: entry.area for number, entry in read_catalogue().items() if entry.area != "ours"}

    assert ours == theirs
