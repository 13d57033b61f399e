"""`notify test` says by place which address took its message."""

import pytest

from tests.helpers.command_line import call
from tests.helpers.inbox import open_inbox

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""Apprise's plug-ins warn when they are loaded."""


def test_each_address_is_told_by_its_place(tmp_path):
    with open_inbox() as inbox:
        well = call(tmp_path, "notify", "test", SUPERVISOR_NOTIFY_URLS=inbox.address)
        ill = call(tmp_path, "notify", "test", SUPERVISOR_NOTIFY_URLS=f"{inbox.address} json://127.0.0.1:9/secret")

        assert (well.code, ill.code, len(inbox.posts)) == (0, 1, 2)
    assert "address 2 of SUPERVISOR_NOTIFY_URLS did not take it" in ill.out
    assert "secret" not in ill.out


def test_without_an_address_it_says_what_to_set(tmp_path):
    said = call(tmp_path, "notify", "test", SUPERVISOR_NOTIFY_URLS=None)

    assert said.code == 1
    assert "SUPERVISOR_NOTIFY_URLS is not set" in said.out
