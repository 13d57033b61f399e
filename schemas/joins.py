"""Joins that keep the order of the rows: about nothing they cost nothing, and of large frames they are made in parts."""

import operator
from functools import reduce
from itertools import pairwise
from typing import Literal

import polars as pl

LARGE = 100_000
"""Rows from which two frames are joined in parts."""
PART = 25_000
"""Rows of a part, of which what a join looks up stays at hand."""
NODE = frozenset({"as_of", "node"})
"""What all rows of a node share, which mostly stand together."""


def only(rows: pl.DataFrame, others: pl.DataFrame, on: str | list[str]) -> pl.DataFrame:
    """Return the rows that have a key of the others, in their order.

    Most questions of a judgement are about nothing, and cost nothing so.
    """
    return _join(rows, others, on, "semi") if rows.height and others.height else rows.clear()


def without(rows: pl.DataFrame, others: pl.DataFrame, on: str | list[str]) -> pl.DataFrame:
    """Return the rows that have no key of the others, in their order."""
    return _join(rows, others, on, "anti") if rows.height and others.height else rows


def look_up(rows: pl.DataFrame, others: pl.DataFrame, on: str | list[str]) -> pl.DataFrame:
    """Return the rows in their order with what the others say of their keys, null where they say nothing.

    But for the keys, the two have no column in common.
    """
    if rows.height and others.height:
        return _join(rows, others, on, "left")
    keys = [on] if isinstance(on, str) else on
    return rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in others.schema.items() if name not in keys)


def _join(
    rows: pl.DataFrame, others: pl.DataFrame, on: str | list[str], how: Literal["semi", "anti", "left"]
) -> pl.DataFrame:
    """Join in the order of the rows.

    Polars keeps a table of the others: of many, that takes several times what looking through them takes. Those that no
    few rows ask about are left out of it first, and of two large frames the nodes are joined a few at a time.
    """
    keys = [on] if isinstance(on, str) else on
    is_of_nodes = rows.height >= LARGE and NODE.issuperset(keys)
    if is_of_nodes and (joined := _join_runs(rows, others, keys, how)) is not None:
        return joined
    if others.height >= LARGE and how != "left":
        others = _only_keys(others, keys)
    if others.height >= LARGE and rows.height < others.height // 4:
        others = _join(others, rows, keys, "semi")
    elif others.height >= LARGE and rows.height >= LARGE and "node" in keys:
        parts = _by_nodes(rows["node"], others["node"])
        if parts:
            pairs = [(rows.slice(*mine), others.slice(*theirs)) for mine, theirs in parts]
            return _join_parts(rows, pairs, keys, how)
    elif rows.height >= LARGE and how == "semi":
        rows = rows.filter(hash_keys(rows, keys).is_in(hash_keys(others, keys).unique().implode()))
    elif rows.height >= LARGE:
        return _join_parts(rows, [(part, others) for part in rows.iter_slices(PART * 4)], keys, how)
    return rows.join(others, on=keys, how=how, maintain_order="left")


def hash_keys(rows: pl.DataFrame, keys: list[str]) -> pl.Series:
    """Return a number that equal keys share, and hardly any others: most of many rows are left out by that alone."""
    return rows.select(reduce(operator.xor, (pl.col(key).hash(seed) for seed, key in enumerate(keys)))).to_series()


def are_among(rows: pl.DataFrame, others: pl.DataFrame, keys: list[str]) -> pl.Series:
    """Return of each row whether one of the others has its keys, as far as a number of them tells: for counts, no more.

    The first key is the node.
    """
    asked, known = (hash_keys(frame, keys) for frame in (rows, others))
    parts = _by_nodes(rows[keys[0]], others[keys[0]]) or [((0, rows.height), (0, others.height))]
    return pl.concat(asked.slice(*mine).is_in(known.slice(*theirs).implode()) for mine, theirs in parts)


def _only_keys(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Return the keys of rows, of those of a node that stand together once."""
    asked = rows.select(keys)
    return asked.filter(_begins_run(asked, keys)) if NODE.issuperset(keys) else asked


def _begins_run(rows: pl.DataFrame, keys: list[str]) -> pl.Series:
    """Return of each row whether it has another key than the one before, as it has where one of both is null."""
    return rows.select(
        pl.any_horizontal((pl.col(keys) != pl.col(keys).shift()).fill_null(True)).alias("begins")
    ).to_series()


def _join_runs(
    rows: pl.DataFrame, others: pl.DataFrame, keys: list[str], how: Literal["semi", "anti", "left"]
) -> pl.DataFrame | None:
    """Join as `_join` does, with one look for each run of rows of one node; None where it would be no gain, or cannot be."""
    is_first = _begins_run(rows, keys)
    firsts = rows.select(keys).filter(is_first).with_row_index("run")
    if firsts.height > rows.height // 4:
        return None
    run = is_first.cast(pl.UInt32).cum_sum() - 1
    found = firsts.join(others, on=keys, how=how, maintain_order="left")
    if how == "left":
        said = found.drop("run", *keys)
        return rows.hstack(said[run]) if found.height == firsts.height else None
    if found.height == firsts.height:
        return rows
    is_kept = pl.Series([False], dtype=pl.Boolean).new_from_index(0, firsts.height).scatter(found["run"], True)
    return rows.filter(is_kept.gather(run))


def _join_parts(
    rows: pl.DataFrame,
    pairs: list[tuple[pl.DataFrame, pl.DataFrame]],
    keys: list[str],
    how: Literal["semi", "anti", "left"],
) -> pl.DataFrame:
    """Return the parts of the rows joined, in one piece, of which what follows takes several times less than of many."""
    if how == "left":
        said = pl.concat(
            (
                mine.select(keys).join(theirs, on=keys, how=how, maintain_order="left").drop(keys)
                for mine, theirs in pairs
            ),
            rechunk=True,
        )
        if said.height == rows.height:
            return rows.hstack(said)
    return pl.concat(
        (mine.join(theirs, on=keys, how=how, maintain_order="left") for mine, theirs in pairs), rechunk=True
    )


def _by_nodes(*columns: pl.Series) -> list[tuple[tuple[int, int], ...]]:
    """Return the place and the length that the same nodes have in each column, part by part; none unless all are sorted."""
    if any(column.null_count() or not column.is_sorted() for column in columns):
        return []
    firsts = columns[0].gather_every(PART, PART).unique().sort()
    cuts = ([0, *column.search_sorted(firsts, side="left"), column.len()] for column in columns)
    return list(zip(*([(at, end - at) for at, end in pairwise(cut)] for cut in cuts), strict=True))
