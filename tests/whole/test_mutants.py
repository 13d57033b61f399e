"""The lists of deliberate faults name texts that are there: a list that is out of date breaks nothing, and shows nothing."""

from tests.mutants.__main__ import ROOT, read_mutants


def test_each_mutant_breaks_one_place_and_names_tests_that_there_are():
    stale = [
        mutant.name
        for mutant in read_mutants([])
        if (ROOT / mutant.file).read_text().count(mutant.old) != 1
        or not all((ROOT / test.partition("::")[0]).exists() for test in mutant.tests)
    ]

    assert stale == []
