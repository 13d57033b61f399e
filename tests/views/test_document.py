"""The document of a run: made column by column, it is spelt as one made row by row would be."""

import io
import json
from contextlib import redirect_stdout
from datetime import UTC

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.render import document
from flows.render.document import dump, to_json, to_ndjson
from flows.render.screen import print_pieces
from flows.run.attend import Attention
from flows.run.result import RunReport
from flows.text.rows import rows
from flows.views.decisions import RULES
from schemas.acknowledgement import Acknowledgement
from schemas.drift import EVIDENCE, Drift
from schemas.episode import Target
from schemas.frame import dtypes
from schemas.recommendation import Recommendation
from schemas.words import Outcome
from stages.acknowledge import Acknowledged
from tests.helpers import frames
from tests.helpers.frames import NOON

RUN = RunReport(NOON, Outcome.COMPLETED, frames.desired("piha/web"), frames.actual(), None)
LISTS = {"drift": "drift", "recommendations": "recommendation", "rejected": "rejected", "unread": "unread"}
HOSTILE = [
    '"',
    "\\",
    '"detail":null,',
    '\\"rule":',
    "{}",
    "\x00\x1b[31m\x7f\u2028\ud7ff\U0001f600",
    "é",
    "\n\r\t\b\f",
    "",
]
texts = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = {
    pl.String: texts,
    pl.List: st.lists(texts, max_size=3),
    pl.Float64: st.integers(0, 10**14).map(lambda count: count / 1e6)
    | st.sampled_from([0.1, 1e15, 1e-6, float("nan")]),
    pl.UInt32: st.integers(0, 2**32 - 1),
    pl.Int64: st.integers(-(2**63), 2**63 - 1),
    pl.Datetime: st.datetimes(timezones=st.just(UTC)),
}


def rows_of(schema):
    """Return rows of a frame, each column with any value of its type, or with none."""
    values = {
        name: st.sampled_from(dtype.categories.to_list()) if isinstance(dtype, pl.Enum) else VALUES[dtype.base_type()]
        for name, dtype in dtypes(schema).items()
    }
    needed = {"kind", "node", "service"}
    row = st.fixed_dictionaries(
        {name: value if name in needed else st.none() | value for name, value in values.items()}
    )
    return st.lists(row, min_size=1, max_size=4).map(lambda made: pl.DataFrame(made, dtypes(schema)))


@st.composite
def runs(draw):
    """Return a run that found anything, of which somebody acknowledged something."""
    drift, found = (
        draw(rows_of(Drift)),
        draw(rows_of(Recommendation).map(lambda made: made.unique(["node", "service"]))),
    )
    by = {
        target: Acknowledgement(
            **target._asdict(), owner=draw(texts), reason=draw(texts), acknowledged_at=NOON, until=NOON
        )
        for target in (Target(*row) for row in found.select("node", "service").iter_rows())
        if draw(st.booleans())
    }
    judgement = frames.judged(RUN.desired, RUN.actual)._replace(drift=drift, recommendations=found)
    attention = Attention(Acknowledged(found, found, by, (), ()), judgement.summary)
    return RUN._replace(judgement=judgement, attention=draw(st.none() | st.just(attention)))


def lists_row_by_row(run):
    """Return the lists of the document as plain values."""
    facts = [
        {name: value for name, value in row.items() if value is not None} for row in rows(run.judgement.drift[EVIDENCE])
    ]
    drift = rows(run.judgement.drift.drop("as_of", *EVIDENCE))
    found = rows(run.judgement.recommendations.drop("as_of"))
    return {
        "drift": [
            {**row, "evidence": {**has, "rule": RULES[row["kind"]]}} for row, has in zip(drift, facts, strict=True)
        ],
        "recommendations": [{**row, "acknowledgement": run.attention and run.attention.describe(row)} for row in found],
        "rejected": rows(run.actual.rejected.drop("as_of")),
        "unread": rows(run.unread),
    }


@pytest.fixture(autouse=True, scope="module")
def few_rows_at_a_time():
    """Let lists of a few rows have pieces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_ROWS", 2)
        yield


@given(runs())
def test_a_document_is_spelt_as_row_by_row(run):
    written = "".join(to_json(run))

    assert dump(lists_row_by_row(run), indent=2)[1:-2] in written
    assert written == dump(json.loads(written), indent=2) + "\n"


@given(runs())
def test_each_line_is_spelt_as_its_row(run):
    lines = "".join(to_ndjson(run)).splitlines()[1:]

    assert lines == [
        dump({"record": record, **row}) for name, record in LISTS.items() for row in lists_row_by_row(run)[name]
    ]


class Stream(io.StringIO):
    """A stream that says how long each text was that it was given."""

    def __init__(self):
        super().__init__()
        self.lengths = []

    def write(self, text):
        super().write(text)
        if text:  # else it is only asked whether it is a binary one
            self.lengths.append(len(text))


@pytest.mark.parametrize(("pieces", "lengths"), [(["{", "}\n"], [3]), (["x" * 700_000] * 3, [1_400_000, 700_000])])
def test_a_pipe_gets_a_short_document_in_one_write_and_a_long_one_in_several(pieces, lengths):
    with redirect_stdout(Stream()) as stream:
        print_pieces(pieces)

    assert (stream.lengths, stream.getvalue()) == (lengths, "".join(pieces))
