"""`operators.yaml`: who may approve what."""

import os

import pytest

from flows.sources.policy.operators_file import read_operators
from schemas.operator import Operator
from schemas.verb import Risk


def read(tmp_path, text):
    file = tmp_path / "operators.yaml"
    file.write_text(text)
    return read_operators(file, {os.geteuid()}, None)


def test_an_operator_is_a_user_with_classes_and_targets(tmp_path):
    found = read(tmp_path, "operators:\n  - {name: Ada, user: 4711, classes: [safe, guarded], targets: ['piha/*']}\n")

    assert found.operators == (
        Operator(name="Ada", uid=4711, risks=frozenset({Risk.SAFE, Risk.GUARDED}), targets=("piha/*",)),
    )
    assert found.operators[0].may_approve(Risk.SAFE, "piha/mosquitto")
    assert not found.operators[0].may_approve(Risk.DANGEROUS, "piha/mosquitto")


def test_a_user_of_two_lines_is_one_operator_who_may_what_either_says(tmp_path):
    lines = (
        "{name: ada, user: 7, classes: [safe], targets: ['*/*']}",
        "{name: ada, user: 7, classes: [guarded], targets: ['vps/*']}",
    )

    (ada,) = read(tmp_path, "operators:\n" + "".join(f"- {line}\n" for line in lines)).operators

    asked = [
        (Risk.SAFE, "piha/web"),
        (Risk.GUARDED, "vps/dns"),
        (Risk.GUARDED, "piha/web"),
        (Risk.DANGEROUS, "vps/dns"),
    ]
    assert [ada.may_approve(*what) for what in asked] == [True, True, False, False]


def test_without_a_file_the_one_user_may_all_and_of_several_nobody(tmp_path):
    nothing = tmp_path / "operators.yaml"

    assert [one.uid for one in read_operators(nothing, (), 1000).operators] == [1000]
    assert read_operators(nothing, (), None).operators == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("operators:\n- {name: a, user: 1, classes: [safe]}\n", ":2:3 an operator without targets", id="absent"),
        pytest.param("operators:\n- {name: a, user: nobody-here, classes: [safe], targets: ['*']}\n", ":2:13 user: this machine has no user", id="no user"),
        pytest.param("operators:\n- {name: a, user: 1, classes: [save], targets: ['*']}\n", ":2:32 classes: save is none of", id="class"),
        pytest.param("operators: [{nam: a}]\n", ":1:14 unknown key nam; did you mean name", id="misspelt"),
    ],
)  # fmt: skip
def test_a_file_with_a_fault_makes_nobody_an_operator(tmp_path, text, expected):
    found = read(tmp_path, text)

    assert found.operators == ()
    assert any(expected in str(fault) for fault in found.faults)
