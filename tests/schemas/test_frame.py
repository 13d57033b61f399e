"""Validation: a frame that breaks its schema is refused as pandera refuses it, whichever promise it breaks."""

import importlib
import pkgutil

import polars as pl
import pytest
from pandera.errors import SchemaError, SchemaErrors

import schemas
from schemas.drift import Drift
from schemas.expressions import word
from schemas.frame import Column, Frame, _promises
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


def test_keys_that_share_a_number_by_chance_are_not_the_same(monkeypatch):
    monkeypatch.setattr("schemas.frame.hash_keys", lambda rows, _keys: pl.Series([0] * rows.height))

    assert Drift.validate(ROWS) is ROWS


def test_nan_is_a_gap():
    summary = judged(desired("piha/web"), actual("piha/web")).summary

    with pytest.raises(SchemaError):
        Summary.validate(summary.with_columns(world_age_s=pl.lit(float("nan"))))


def every_schema():
    for module in pkgutil.iter_modules(schemas.__path__):
        importlib.import_module(f"schemas.{module.name}")
    every = [schema for schema in [*Frame.__subclasses__(), AttributedContainer] if schema.__module__ != __name__]
    assert len(every) >= 50
    return every


def test_every_schema_promises_what_pandera_asks_for():
    for schema in every_schema():
        asked, promised = schema.to_schema(), _promises(schema)
        assert promised.dtypes == [(name, column.dtype.type) for name, column in asked.columns.items()]
        assert promised.filled == [name for name, column in asked.columns.items() if not column.nullable]
        together = [asked.unique] if asked.unique else []
        assert promised.keys == [[name] for name, column in asked.columns.items() if column.unique] + together


def test_a_schema_says_columns_alone_since_nothing_else_is_asked():
    for schema in every_schema():
        said = {name: vars(schema)[name] for name in vars(schema) if not name.startswith("_") and name != "Config"}
        assert said.keys() <= {*schema.__annotations__}
        assert {type(one) for one in said.values()} <= {Column}


def test_a_word_of_two_types_is_of_the_type_that_is_asked_for():
    said = pl.select(kind=word(DriftKind.OFFLINE_NODE), held_by=word(HeldBy.OFFLINE_NODE))

    assert said.schema == {"kind": pl.Enum(DriftKind), "held_by": pl.Enum(HeldBy)}
