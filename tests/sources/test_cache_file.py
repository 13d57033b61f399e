"""A frame of the cache is read as it was written, whichever of its texts are numbered."""

import polars as pl
import pytest

from flows.sources.inventory.cache_file import SAMPLE_ROWS, frame_of_bytes, frame_to_bytes
from schemas.frame import RepeatedText

MANY = SAMPLE_ROWS + 1


def test_a_frame_of_many_rows_is_read_as_it_was_written():
    frame = pl.DataFrame(
        {
            "file": [f"hosts/node-{number // 100:05}/services.yaml" for number in range(MANY)],
            "key": [f"a key that comes once, {number}" for number in range(MANY)],
            "stack": [None if number % 2 else "media" for number in range(MANY)],
            "exposure": [None] * MANY,
            "role": ["database" if number % 3 else None for number in range(MANY)],
            "line": range(MANY),
        },
        schema_overrides={"exposure": pl.String, "role": RepeatedText},
    )

    assert frame_of_bytes(frame_to_bytes(frame)).equals(frame)
    assert frame_of_bytes(frame_to_bytes(frame)).schema == frame.schema


def test_rows_of_one_text_share_it():
    text = "hosts/a-node-with-a-long-name/services.yaml"
    numbered = frame_to_bytes(pl.DataFrame({"file": [text] * MANY}))

    assert numbered.count(text.encode()) == 1


@pytest.mark.parametrize("height", [0, 1])
def test_a_small_frame_is_read_as_it_was_written(height):
    frame = pl.DataFrame({"file": ["a"], "role": ["b"], "line": [1]}, schema_overrides={"role": RepeatedText}).head(
        height
    )

    assert frame_of_bytes(frame_to_bytes(frame)).equals(frame)


def test_what_is_no_frame_is_told_as_polars_tells_it():
    with pytest.raises(pl.exceptions.PolarsError):
        frame_of_bytes(b"no frame")
