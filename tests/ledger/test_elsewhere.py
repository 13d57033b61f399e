"""What other sites showed is read as it was written, by this version and by those that know texts alone."""

import base64
import io
from datetime import UTC, datetime

import msgspec
import polars as pl

from flows.files.sealed import unseal
from flows.ledger.elsewhere import FILE, Elsewhere, read_elsewhere, write_elsewhere
from schemas.shown import join_shown
from tests.helpers.frames import desired

NOON = datetime(2026, 5, 12, 12, tzinfo=UTC)


def test_what_others_show_is_kept_as_texts_and_read_as_it_was(tmp_path):
    asked = desired({"target": "piha/web", "role": "front", "stack": None})
    shown = join_shown([])
    shown = shown._replace(desired=shown.desired._replace(nodes=asked.nodes, services=asked.services))

    write_elsewhere(tmp_path / "state", Elsewhere(shown, NOON))

    kept = msgspec.json.decode(unseal((tmp_path / "state" / FILE).read_bytes()))["frames"]["desired_services"]
    types = pl.read_parquet(io.BytesIO(base64.b64decode(kept))).schema
    assert types["role"] == types["stack"] == types["file"] == pl.String
    found = read_elsewhere(tmp_path / "state")
    assert found is not None
    assert found.shown.desired.services.equals(asked.services)
    assert found.shown.desired.services.schema == asked.services.schema
