"""Files in folders that others write to: only a regular file, unchanged and not too large, is read."""

import os
import socket
import time
from pathlib import Path

import pytest

from flows.files.foreign import FileFaultError, MissingFileError, UnsafeFileError, read_file, stamp_file


def refused(path, root=None, max_bytes=1000):
    begun = time.monotonic()
    with pytest.raises(UnsafeFileError) as raised:
        read_file(path, max_bytes=max_bytes, root=root)
    assert time.monotonic() - begun < 1
    return raised.value.problem


def test_a_regular_file_is_read_with_its_time(tmp_path):
    (tmp_path / "f").write_bytes(b"text")
    os.utime(tmp_path / "f", (1_700_000_000, 1_700_000_000))

    content = read_file(Path("f"), max_bytes=4, root=tmp_path)

    assert (content.data, content.modified_at.timestamp()) == (b"text", 1_700_000_000)
    assert content.stamp == stamp_file(tmp_path / "f")


def test_an_absent_file_or_folder_is_missing(tmp_path):
    for path in (tmp_path / "f", tmp_path / "no" / "f"):
        with pytest.raises(MissingFileError, match="no such file"):
            read_file(path, max_bytes=1)


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "f")

    assert refused(tmp_path / "f") == "not a regular file but a named pipe"


def test_a_folder_a_socket_and_a_device_are_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        assert "not a regular file" in refused(tmp_path / "s")
    assert refused(tmp_path) == "not a regular file but a folder"
    assert refused(Path("/dev/zero")) == "not a regular file but a device"


def test_a_link_is_refused_wherever_it_is_below_the_root(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_text("secret")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "file").symlink_to("real/f")
    (tmp_path / "loop").symlink_to("loop")

    for path in (Path("folder/f"), Path("file"), Path("loop")):
        assert "symbolic link" in refused(path, root=tmp_path)


def test_the_root_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_text("text")
    (tmp_path / "link").symlink_to("real")

    assert read_file(Path("f"), max_bytes=9, root=tmp_path / "link").data == b"text"


@pytest.mark.parametrize("path", ["../f", "a/../../f", "/etc/passwd"])
def test_a_path_does_not_leave_its_root(tmp_path, path):
    assert refused(Path(path), root=tmp_path) == "outside its folder"


def test_a_file_above_the_limit_is_refused_without_reading_it(tmp_path):
    with (tmp_path / "f").open("wb") as file:
        file.truncate(2**40)

    assert refused(tmp_path / "f") == f"{2**40} bytes, over the limit of 1000; make it smaller"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_named(tmp_path):
    (tmp_path / "f").write_text("text")
    (tmp_path / "f").chmod(0)

    assert "permission denied" in refused(tmp_path / "f")


def test_a_file_of_the_kernel_that_grows_while_it_is_read_is_bounded():
    with pytest.raises(FileFaultError):
        read_file(Path("/proc/self/maps"), max_bytes=10)
