"""Joins: whatever the number of rows, what comes out is what polars joins, in the order of the rows."""

import polars as pl
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from schemas import joins
from schemas.joins import are_among, look_up, only, without

PLACES = pl.DataFrame({"node": ["b", "a", "b"], "place": [1, 2, 3]})
WORDS = pl.DataFrame({"node": ["b"], "word": ["up"]})


@pytest.mark.parametrize("rows", [PLACES, PLACES.clear()], ids=["rows", "no rows"])
@pytest.mark.parametrize("others", [WORDS, WORDS.clear()], ids=["others", "no others"])
def test_a_question_about_nothing_has_the_answer_of_a_join(rows, others):
    assert_frame_equal(only(rows, others, "node"), rows.join(others, on="node", how="semi"))
    assert_frame_equal(without(rows, others, "node"), rows.join(others, on="node", how="anti"))
    assert_frame_equal(look_up(rows, others, "node"), rows.join(others, on="node", how="left"))


TARGETS = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("xyz")), min_size=1, max_size=30)


def test_keys_that_share_a_number_are_told_apart(monkeypatch):
    monkeypatch.setattr(joins, "LARGE", 2)
    monkeypatch.setattr(joins, "hash_keys", lambda rows, keys: rows[keys[0]].hash())
    asked = pl.DataFrame({"node": ["a", "a", "b"], "service": ["x", "y", "x"]})

    assert only(asked, asked.head(1), ["node", "service"]).rows() == [("a", "x")]


@given(rows=TARGETS, others=TARGETS, is_sorted=st.booleans())
def test_a_join_of_large_frames_is_one_of_their_parts(rows, others, is_sorted):
    """Rows may come twice; what is looked up may not."""
    rows, others = (sorted(pairs) if is_sorted else pairs for pairs in (rows, [*dict.fromkeys(others)]))
    asked = pl.DataFrame(rows, schema=["node", "service"], orient="row").with_row_index("place")
    known = pl.DataFrame(others, schema=["node", "service"], orient="row").with_row_index("number")
    on = ["node", "service"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joins, "LARGE", 2)
        patch.setattr(joins, "PART", 2)
        parts = joins._by_nodes(asked["node"], known["node"])
        found = [ask(asked, known, on) for ask in (only, without, look_up)]
        is_among = are_among(asked, known, on)

    event(f"{len(parts)} parts")
    assert parts or not is_sorted
    assert [one["place"].to_list() for one in found] == [sorted(one["place"]) for one in found]
    for one, how in zip(found, ["semi", "anti", "left"], strict=True):
        assert_frame_equal(one, asked.join(known, on=on, how=how, maintain_order="left"))
    assert_frame_equal(asked.filter(is_among), found[0])


RUNS = st.lists(st.tuples(st.sampled_from([*"abcde", None]), st.integers(1, 12)), min_size=1, max_size=5)
NODES = st.lists(st.sampled_from([*"abcde", None]), min_size=1, max_size=4)


@given(runs=RUNS, others=NODES, on=st.sampled_from([["node"], ["as_of", "node"]]))
def test_a_join_by_node_is_one_of_runs_of_rows(runs, others, on):
    """What is looked up may come twice, and no node is like another that is not known."""
    asked = pl.DataFrame({"node": [node for node, count in runs for _ in range(count)]}, schema={"node": pl.String})
    asked = asked.with_row_index("place").with_columns(as_of=pl.lit(1))
    known = pl.DataFrame({"node": others}, schema={"node": pl.String}).with_row_index("number")
    known = known.with_columns(as_of=pl.lit(1)).select(*on, "number")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joins, "LARGE", 2)
        is_taken = joins._join_runs(asked, known, on, "semi") is not None
        found = [ask(asked, known, on) for ask in (only, without, look_up)]
        left = [only(asked.head(1), pl.concat([known] * 9), on), without(asked.head(1), pl.concat([known] * 9), on)]

    event(f"runs are joined: {is_taken}")
    assert is_taken or 4 * len(runs) > asked.height or None in dict(runs)
    for one, how in zip(found, ["semi", "anti", "left"], strict=True):
        assert_frame_equal(one, asked.join(known, on=on, how=how, maintain_order="left"))
    for one, how in zip(left, ["semi", "anti"], strict=True):
        assert_frame_equal(one, asked.head(1).join(known, on=on, how=how, maintain_order="left"))
