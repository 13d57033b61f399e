"""Each line of the second edition of the rules has what holds it: the table names it, and what it names is there."""

import re
from pathlib import Path

import pytest

from tests.helpers.coverage import LINES, TOLD
from tests.helpers.own_yaml import read_yaml

TESTS = Path(__file__).parents[1]
TABLE = read_yaml(Path(__file__).with_name("second_edition.yaml"))
CASES = {case["name"] for case in read_yaml(TESTS / "whole/field/cases.yaml")}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["line"])
def test_a_line_of_the_rules_is_held_by_what_is_there(row):
    named = [name.partition("::") for name in row.get("tests", [])]
    absent = [name for file, _, name in named if f"def test_{name}(" not in (TESTS / file).read_text()]

    assert named or row.get("field")
    assert absent == []
    assert set(row.get("field", [])) <= CASES
    assert set(row.get("fleets", {})) <= {*LINES, *TOLD}


def test_each_finding_of_the_field_is_a_case_or_a_test_of_what_is_shown():
    shown = re.findall(r"^def test_(f\d+)_", (TESTS / "whole/field/test_field_surfaces.py").read_text(), re.MULTILINE)
    known = {*(f"E{number}" for number in range(1, 14)), *(f"F{number}" for number in range(1, 25))}

    assert {name.split()[0] for name in CASES} | {name.upper() for name in shown} == known


def test_every_line_that_random_fleets_reach_is_in_the_table():
    assert {line for row in TABLE for line in row.get("fleets", {})} >= set(LINES)
