"""`notify test` says by place which address took its message."""

import shutil
import subprocess

import pytest

from tests.helpers.command_line import call
from tests.helpers.homelab import EVENING, environment
from tests.helpers.inbox import open_inbox
from tests.helpers.program import SUPERVISOR

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


CLOSED = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
"""What of a unit's restrictions can be had without systemd: no capabilities, and none to be gained."""
WITHOUT_NETWORK = ["unshare", "--map-root-user", "--user", "--net"]


def has_namespaces() -> bool:
    """Return whether this machine lets us be without a network."""
    tools = all(map(shutil.which, ("setpriv", "unshare")))
    return tools and subprocess.run([*WITHOUT_NETWORK, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not has_namespaces(), reason="needs setpriv and network namespaces")
def test_ntfy_takes_the_messages_of_a_closed_run_and_without_network_they_wait_and_that_is_said(tmp_path):
    command = [*CLOSED, *SUPERVISOR, "reconcile", "--quiet", "--as-of", EVENING]
    with open_inbox() as inbox:
        address = f"{inbox.address.replace('json://', 'ntfy://')}my-lab"
        told = environment(tmp_path, SUPERVISOR_NOTIFY_URLS=address)
        cut = subprocess.run([*WITHOUT_NETWORK, *command], env=told, capture_output=True, text=True, check=False)
        assert not inbox.posts
        went = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
        posts = list(inbox.posts)

    assert "for the next run: address 1 of SUPERVISOR_NOTIFY_URLS did not take them" in cut.stderr
    assert "next run" not in went.stderr
    assert {post["topic"] for post in posts} == {"my-lab"}
    assert "saturn critical" in "".join(post["title"] + post["message"] for post in posts)
