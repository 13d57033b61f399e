"""The unit as it is installed, under a real systemd: with the drop-in its messages arrive, and without it none leaves."""

import sys
from pathlib import Path

import pytest

from tests.helpers.examples import HOMELAB
from tests.helpers.homelab import EVENING
from tests.helpers.inbox import open_inbox
from tests.lab.places import NETWORK
from tests.lab.systemd import SystemdNode, why_no_systemd

pytestmark = pytest.mark.engine
REPOSITORY = Path(__file__).parents[2]
UNITS = REPOSITORY / "examples" / "systemd"
UNIT = "runtime-supervisor.service"
SAID = "/run/said"
HERE = f"[Service]\nUser=root\nGroup=root\nBindReadOnlyPaths={REPOSITORY}\nStandardError=truncate:{SAID}\n"
"""What differs here: the program is this folder's, which its owner alone may read."""


def run_unit(machine):
    """Start the unit, and return how it ended, and what it said."""
    machine.systemctl("daemon-reload")
    machine.systemctl("start", UNIT)
    return machine.systemctl("show", "-p", "Result", "--value", UNIT), Path(
        "/proc", str(machine.init), "root", SAID[1:]
    ).read_text()


@pytest.fixture
def machine(lab):
    if reason := why_no_systemd():
        pytest.skip(reason)
    with SystemdNode(8) as machine:
        machine.sh("umount -l /tmp")  # where this folder may be
        yield machine


def test_ntfy_takes_the_messages_of_the_unit_with_its_drop_in_and_without_it_they_wait(machine):
    etc = Path("/proc", str(machine.init), "root/etc")
    drop_ins = etc / f"systemd/system/{UNIT}.d"
    drop_ins.mkdir(parents=True)
    program = f"{Path(sys.executable).with_name('supervisor')} reconcile --as-of {EVENING} --quiet"
    text = (UNITS / UNIT).read_text()
    installed = "/opt/runtime-supervisor/.venv/bin/supervisor reconcile --quiet"
    assert installed in text
    (drop_ins.parent / UNIT).write_text(text.replace(installed, program))
    (drop_ins / "here.conf").write_text(HERE)
    (etc / "runtime-supervisor").mkdir()
    settings = f"inventory: {HOMELAB}\nworld: {HOMELAB / 'world'}\nnode_alias_map: {{node-2: chelsty-infra}}\n"
    (etc / "runtime-supervisor/supervisor.yaml").write_text(settings)
    with open_inbox(f"{NETWORK}.254") as inbox:
        address = f"{inbox.address.replace('json://', 'ntfy://')}my-lab"
        (etc / "runtime-supervisor/notify.env").write_text(f"SUPERVISOR_NOTIFY_URLS={address}\n")
        (drop_ins / "env.conf").write_text("[Service]\nEnvironmentFile=/etc/runtime-supervisor/notify.env\n")
        result, said = run_unit(machine)
        assert (result, inbox.posts) == ("success", []), said
        assert "wait for the next run" in said
        (drop_ins / "env.conf").unlink()
        (drop_ins / "notify.conf").write_text((UNITS / "notify.conf").read_text())
        assert run_unit(machine) == ("success", "")
        posts = list(inbox.posts)

    assert {post["topic"] for post in posts} == {"my-lab"}
    assert "saturn critical" in "".join(post["title"] + post["message"] for post in posts)
