"""Validation: a frame that breaks its schema is refused as pandera refuses it, whichever promise it breaks."""

import importlib
import pkgutil

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from pandera.errors import SchemaError, SchemaErrors
from polars.testing import assert_frame_equal

import schemas
from schemas import frame
from schemas.drift import Drift
from schemas.expressions import word
from schemas.frame import Frame, Promises, _promises, look_up, only, without
from schemas.look import AttributedContainer
from schemas.run import Summary
from schemas.words import DriftKind, HeldBy
from tests.helpers.frames import actual, desired, judged

ROWS = judged(desired("piha/web", "piha/db"), actual("vps/x", nodes=["piha"])).drift
OTHER = pl.lit("other")

BROKEN = [
    pytest.param(ROWS.drop("node"), id="a column is missing"),
    pytest.param(ROWS.with_columns(spare=OTHER), id="a column too many"),
    pytest.param(ROWS.select(pl.col("node"), pl.all().exclude("node")), id="another order"),
    pytest.param(ROWS.with_columns(pl.col("age_s").cast(pl.Float32)), id="another type"),
    pytest.param(ROWS.with_columns(pl.col("kind").cast(pl.String)), id="text in place of an enum"),
    pytest.param(ROWS.with_columns(pl.col("as_of").dt.cast_time_unit("ms")), id="milliseconds"),
    pytest.param(ROWS.with_columns(node=pl.lit(None, pl.String)), id="null where none may be"),
    pytest.param(pl.concat([ROWS, ROWS]), id="rows twice"),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_frame_that_breaks_its_schema_is_refused(broken):
    with pytest.raises(SchemaError):
        Drift.validate(broken)
    with pytest.raises(SchemaErrors):
        Drift.validate(broken, lazy=True)


@pytest.mark.parametrize("broken", BROKEN)
def test_pandera_alone_refuses_the_same(broken):
    with pytest.raises(SchemaError):
        Drift.to_schema().validate(broken)


def test_a_frame_that_keeps_to_its_schema_is_returned_as_it_is():
    assert Drift.validate(ROWS) is ROWS
    assert Drift.to_schema().validate(ROWS).equals(ROWS)


def test_nan_is_a_gap():
    summary = judged(desired("piha/web"), actual("piha/web")).summary

    with pytest.raises(SchemaError):
        Summary.validate(summary.with_columns(world_age_s=pl.lit(float("nan"))))


def test_a_schema_that_says_more_is_left_to_pandera():
    class Ages(Frame):
        """A frame with a check of its own."""

        age_s: float = pa.Field(ge=0)

    assert isinstance(_promises(Ages), Promises)
    assert not _promises(Ages).is_plain
    with pytest.raises(SchemaError):
        Ages.validate(pl.DataFrame({"age_s": [-1.0]}))


def test_a_schema_with_a_check_of_its_rows_is_left_to_pandera():
    class Stretch(Frame):
        """A frame with a check of two columns."""

        first: int
        last: int

        @pa.dataframe_check
        def ends_behind_its_beginning(cls, data):  # noqa: N805 - pandera makes it one of the class
            return data.lazyframe.select(pl.col("first") <= pl.col("last"))

    with pytest.raises(SchemaError):
        Stretch.validate(pl.DataFrame({"first": [2], "last": [1]}))


def test_every_schema_promises_what_pandera_asks_for():
    for module in pkgutil.iter_modules(schemas.__path__):
        importlib.import_module(f"schemas.{module.name}")
    every = [schema for schema in [*Frame.__subclasses__(), AttributedContainer] if schema.__module__ != __name__]

    assert len(every) >= 50
    for schema in every:
        asked, promised = schema.to_schema(), _promises(schema)
        assert promised.dtypes == [(name, column.dtype.type) for name, column in asked.columns.items()]
        assert promised.filled == [name for name, column in asked.columns.items() if not column.nullable]
        together = [asked.unique] if asked.unique else []
        assert promised.keys == [[name] for name, column in asked.columns.items() if column.unique] + together
        assert promised.is_plain


PLACES = pl.DataFrame({"node": ["b", "a", "b"], "place": [1, 2, 3]})
WORDS = pl.DataFrame({"node": ["b"], "word": ["up"]})


@pytest.mark.parametrize("rows", [PLACES, PLACES.clear()], ids=["rows", "no rows"])
@pytest.mark.parametrize("others", [WORDS, WORDS.clear()], ids=["others", "no others"])
def test_a_question_about_nothing_has_the_answer_of_a_join(rows, others):
    assert_frame_equal(only(rows, others, "node"), rows.join(others, on="node", how="semi"))
    assert_frame_equal(without(rows, others, "node"), rows.join(others, on="node", how="anti"))
    assert_frame_equal(look_up(rows, others, "node"), rows.join(others, on="node", how="left"))


TARGETS = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("xyz")), min_size=1, max_size=30)


@given(rows=TARGETS, others=TARGETS, is_sorted=st.booleans())
def test_a_join_of_large_frames_is_one_of_their_parts(rows, others, is_sorted):
    """Rows may come twice; what is looked up may not."""
    rows, others = (sorted(pairs) if is_sorted else pairs for pairs in (rows, [*dict.fromkeys(others)]))
    asked = pl.DataFrame(rows, schema=["node", "service"], orient="row").with_row_index("place")
    known = pl.DataFrame(others, schema=["node", "service"], orient="row").with_row_index("number")
    on = ["node", "service"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "LARGE", 2)
        patch.setattr(frame, "PART", 2)
        parts = frame._by_nodes(asked["node"], known["node"])
        found = [ask(asked, known, on) for ask in (only, without, look_up)]

    event(f"{len(parts)} parts")
    assert parts or not is_sorted
    assert [one["place"].to_list() for one in found] == [sorted(one["place"]) for one in found]
    for one, how in zip(found, ["semi", "anti", "left"], strict=True):
        assert_frame_equal(one, asked.join(known, on=on, how=how, maintain_order="left"))


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
        patch.setattr(frame, "LARGE", 2)
        is_taken = frame._join_runs(asked, known, on, "semi") is not None
        found = [ask(asked, known, on) for ask in (only, without, look_up)]

    event(f"runs are joined: {is_taken}")
    assert is_taken or 4 * len(runs) > asked.height or None in dict(runs)
    for one, how in zip(found, ["semi", "anti", "left"], strict=True):
        assert_frame_equal(one, asked.join(known, on=on, how=how, maintain_order="left"))


def test_a_word_of_two_types_is_of_the_type_that_is_asked_for():
    said = pl.select(kind=word(DriftKind.OFFLINE_NODE), held_by=word(HeldBy.OFFLINE_NODE))

    assert said.schema == {"kind": pl.Enum(DriftKind), "held_by": pl.Enum(HeldBy)}
