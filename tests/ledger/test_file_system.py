from pathlib import Path

import pytest

from flows.files.file_system import doubt_file_systems, find_file_system

MOUNTS = r"""21 27 0:20 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/root rw,discard
40 27 0:37 / /srv/nas rw,relatime shared:21 - nfs4 nas:/export rw,vers=4.2,addr=192.0.2.7
41 40 0:38 / /srv/nas/local rw,relatime - xfs /dev/sdb1 rw
42 27 0:39 / /mnt/two\040words rw,relatime - cifs //nas/share rw
43 27 0:40 / /mnt/hidden rw,relatime - nfs nas:/old rw
44 27 0:41 / /mnt/hidden rw,relatime - tmpfs tmpfs rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/tmp/events.log", ("/", "ext4")),
        ("/srv/nas/logs/events.log", ("/srv/nas", "nfs4")),
        ("/srv/nas/local/events.log", ("/srv/nas/local", "xfs")),
        ("/srv/nasty/events.log", ("/", "ext4")),
        ("/mnt/two words/events.log", ("/mnt/two words", "cifs")),
        ("/mnt/hidden/events.log", ("/mnt/hidden", "tmpfs")),
    ],
)
def test_a_path_is_on_the_innermost_mount_that_is_not_hidden(path, found):
    assert find_file_system(Path(path), MOUNTS) == (Path(found[0]), found[1])


def test_a_network_file_system_is_doubted(tmp_path):
    (tmp_path / "mountinfo").write_text(MOUNTS)
    paths = [Path("/srv/nas/events.log"), Path("/tmp/events.log")]
    (doubt,) = doubt_file_systems(paths, tmp_path / "mountinfo")

    assert doubt.startswith("/srv/nas/events.log: is on a network file system (nfs4 at /srv/nas)")


def test_the_file_systems_of_this_machine_are_told(tmp_path):
    mounts = Path("/proc/self/mountinfo").read_text()
    found = find_file_system(Path("/proc/self/mountinfo"), mounts)

    assert found == (Path("/proc"), "proc")
    assert list(doubt_file_systems([tmp_path])) == []


def test_a_system_that_tells_no_mounts_gives_no_doubt(tmp_path):
    assert list(doubt_file_systems([tmp_path], tmp_path / "absent")) == []
