"""What a line matches, what covers what, and the mode in force."""

import itertools
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from schemas.match import Comparison, Match, Subject, covers, find_mismatch
from schemas.numbers import Automation
from schemas.policy import Ceiling, Policy, find_mode, risk_of
from schemas.policy import Rule as PolicyRule
from schemas.verb import Mode, Risk
from schemas.words import Severity


def line(**keys: Any) -> Match:
    return Match(tuple((key, tuple(items) if isinstance(items, list) else (items,)) for key, items in keys.items()))


def subject(**facts: Any) -> Subject:
    return Subject(**{"node": "piha", "service": "mosquitto", "severity": Severity.ERROR, **facts})


@pytest.mark.parametrize(
    ("match", "facts", "fails"),
    [
        pytest.param({}, {}, None, id="nothing asked for matches all"),
        pytest.param({"service": ["db", "mos*"]}, {}, None, id="one item of a list is enough"),
        pytest.param({"target": "piha/*"}, {}, None, id="a target is node and service"),
        pytest.param({"service": "mosq?itto"}, {}, None, id="one letter"),
        pytest.param({"service": "mos.uitto"}, {}, "service", id="no other letter is special"),
        pytest.param({"node": "piha", "role": "*"}, {}, "role", id="a property that is not there matches nothing"),
        pytest.param({"node_role": "edge"}, {"node_role": ("core", "edge")}, None, id="any role of the node"),
        pytest.param({"drift_kind": "missing_service"}, {"drift_kind": ("a", "missing_service")}, None, id="any kind"),
        pytest.param({"severity": Comparison(">=", 2)}, {}, None, id="at least an error"),
        pytest.param({"severity": Comparison(">", 2)}, {}, "severity", id="more than an error"),
        pytest.param({"severity": "error"}, {}, None, id="a word"),
        pytest.param({"blast_radius": Comparison("<=", 5)}, {"blast_radius": 5}, None, id="a number"),
        pytest.param({"consecutive_failures": Comparison("<=", 5)}, {}, "consecutive_failures", id="no number"),
        pytest.param({"flapping": True}, {}, "flapping", id="flaps not"),
        pytest.param({"flapping": False}, {}, None, id="is not to flap"),
        pytest.param({"class": "safe"}, {}, None, id="the class of the verb"),
        pytest.param({"class": "guarded", "node": "x"}, {}, "class", id="the first key that fails is told"),
    ],
)
def test_a_line_matches_where_each_of_its_keys_holds(match, facts, fails):
    assert find_mismatch(line(**match), subject(**facts), "safe") == fails


@pytest.mark.parametrize(
    ("one", "other", "is_covered"),
    [
        pytest.param({}, {"node": "a"}, True, id="all covers anything"),
        pytest.param({"node": "a"}, {}, False, id="not the other way round"),
        pytest.param({"service": "*"}, {"service": "db-*"}, True, id="a star covers a glob"),
        pytest.param({"service": "d*"}, {"service": "db-*"}, True, id="so does its beginning"),
        pytest.param({"service": "db-*"}, {"service": "d*"}, False, id="not the longer one"),
        pytest.param({"service": "d?"}, {"service": "d?"}, True, id="an equal glob"),
        pytest.param({"service": "?"}, {"service": "*"}, False, id="another glob"),
        pytest.param({"service": "db-?"}, {"service": "db-1"}, True, id="a literal by any glob that matches it"),
        pytest.param({"service": ["a", "b"]}, {"service": ["b", "a"]}, True, id="each item by one"),
        pytest.param({"service": ["a", "b"]}, {"service": ["b", "c"]}, False, id="one item is open"),
        pytest.param({"blast_radius": Comparison("<=", 5)}, {"blast_radius": Comparison("<", 5)}, True, id="half-line"),
        pytest.param({"blast_radius": Comparison("<", 5)}, {"blast_radius": Comparison("<=", 5)}, False, id="no half"),
        pytest.param({"blast_radius": Comparison("<", 5)}, {"blast_radius": Comparison("==", 4)}, True, id="a number"),
        pytest.param({"severity": Comparison(">=", 1)}, {"severity": "error"}, True, id="a word on the half-line"),
        pytest.param({"flapping": True}, {"flapping": False}, False, id="the other truth"),
    ],
)
def test_a_line_covers_what_can_never_decide_behind_it(one, other, is_covered):
    assert covers(line(**one), line(**other)) is is_covered


globs = st.sampled_from(["*", "a*", "ab*", "?b", "ab", "b", "a?"])
numbers = st.builds(Comparison, st.sampled_from(["<", "<=", ">", ">=", "=="]), st.integers(0, 3))
lines = st.fixed_dictionaries(
    {},
    optional={
        "service": st.lists(globs, min_size=1, max_size=2),
        "blast_radius": st.lists(numbers, min_size=1, max_size=2),
        "severity": st.lists(numbers | st.sampled_from(list(Severity)), min_size=1, max_size=2),
        "flapping": st.booleans(),
    },
).map(lambda keys: line(**keys))


@given(lines, lines)
def test_whatever_a_covered_line_matches_is_matched_by_the_one_that_covers_it(one, other):
    is_covered = covers(one, other)
    event("covered" if is_covered else "not covered")
    for service, radius, severity, flapping in itertools.product(
        ["ab", "b", "a", "abc", "c"], range(5), Severity, [True, False]
    ):
        facts = subject(service=service, blast_radius=radius, severity=severity, flapping=flapping)
        if is_covered and find_mismatch(other, facts, None) is None:
            assert find_mismatch(one, facts, None) is None


ALL = Match()


@pytest.mark.parametrize(
    ("granted", "risk", "automation", "policy", "expected"),
    [
        pytest.param(Mode.AUTO, Risk.SAFE, Automation.AUTO, Policy(), (Mode.AUTO, None), id="nothing lowers it"),
        pytest.param(Mode.AUTO, Risk.DANGEROUS, Automation.AUTO, Policy(), (Mode.APPROVE, "class"), id="class"),
        pytest.param(
            Mode.AUTO, Risk.DANGEROUS, Automation.APPROVE, Policy(), (Mode.APPROVE, "class"), id="of equals the first"
        ),
        pytest.param(Mode.AUTO, Risk.SAFE, Automation.SUGGEST, Policy(), (Mode.SUGGEST, "automation"), id="automation"),
        pytest.param(
            Mode.APPROVE,
            Risk.SAFE,
            Automation.AUTO,
            Policy(ceilings=(Ceiling(match=ALL, mode=Mode.APPROVE),)),
            (Mode.APPROVE, None),
            id="what is not lower does not lower",
        ),
        pytest.param(
            Mode.AUTO,
            Risk.SAFE,
            Automation.AUTO,
            Policy(ceilings=(Ceiling(match=line(node="x"), mode=Mode.OBSERVE), Ceiling(match=ALL, mode=Mode.APPROVE))),
            (Mode.APPROVE, "ceilings[1]"),
            id="a ceiling that matches, by its place",
        ),
        pytest.param(
            Mode.AUTO,
            Risk.SAFE,
            Automation.AUTO,
            Policy(protected=("*/mosquitto",)),
            (Mode.SUGGEST, "protected"),
            id="protected",
        ),
    ],
)
def test_the_mode_in_force_is_the_lowest_and_says_what_lowered_it(granted, risk, automation, policy, expected):
    assert find_mode(granted, risk, automation, policy, subject()) == expected


def test_a_rule_raises_a_class_and_never_lowers_it():
    rule = PolicyRule(rule_id="r", match=ALL, mode=Mode.AUTO, risk=Risk.GUARDED)

    assert [risk_of(risk, rule) for risk in Risk] == [Risk.GUARDED, Risk.GUARDED, Risk.DANGEROUS]
