"""The file of acknowledgements: it keeps what was said, for its owner alone, and one that is broken is named."""

from datetime import timedelta

import pytest

from flows.errors import SettingsError
from flows.ledger.acknowledgements import FILE, change_acknowledgements, read_acknowledgements
from schemas.acknowledgement import Acknowledgement
from tests.helpers.frames import NOON

ACK = Acknowledgement(
    node="piha", service="web", owner="anna", reason="known", acknowledged_at=NOON, until=NOON + timedelta(hours=1)
)


def test_the_file_keeps_what_was_said_by_target(tmp_path):
    rows = [ACK._replace(node="vps"), ACK]
    change_acknowledgements(tmp_path / "state", lambda _: rows, 1)

    assert read_acknowledgements(tmp_path / "state") == (ACK, rows[0])
    assert (tmp_path / "state" / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{", '{"version": 2, "acknowledgements": []}', '{"version": 1}'])
def test_a_broken_file_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / FILE).write_text(content)

    with pytest.raises(SettingsError, match=FILE):
        read_acknowledgements(tmp_path)
