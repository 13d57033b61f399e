"""Files in folders that others write to: only a regular file, unchanged and not too large, is read."""

import os
import socket
import time
from pathlib import Path

import pytest

from flows.files.foreign import (
    STABLE_READS,
    FileFaultError,
    MissingFileError,
    OpenFolders,
    UnsafeFileError,
    UnstableFileError,
    read_file,
    read_file_in,
    stamp_file,
)


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


@pytest.fixture
def change(tmp_path, monkeypatch):
    """Return what lets somebody write to the file `f` after each of the next reads: these texts, at these moments."""
    read, path = os.read, tmp_path / "f"

    def begin(*left):
        left = [*left]

        def read_and_change(descriptor, count):
            data = read(descriptor, count)
            if left:
                text, moment = left.pop(0)
                path.write_bytes(text)
                os.utime(path, (moment, moment))
            return data

        monkeypatch.setattr(os, "read", read_and_change)

    path.write_bytes(b"one")
    os.utime(path, (0, 0))
    return begin


@pytest.mark.parametrize(("text", "moment"), [(b"two", 1), (b"longer", 0), (b"s", 0), (b"", 0)])
def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path, change, text, moment):
    change((text, moment))

    content = read_file(tmp_path / "f", max_bytes=100)

    assert (content.data, content.stamp) == (text, stamp_file(tmp_path / "f"))


def test_a_file_that_changes_during_each_read_is_unstable(tmp_path, change):
    change(*[(b"%d" % number, number + 1) for number in range(STABLE_READS)])

    with pytest.raises(UnstableFileError, match="changes while it is read"):
        read_file(tmp_path / "f", max_bytes=100)


@pytest.mark.parametrize(("text", "moment"), [(b"two", 1), (b"longer", 0), (b"s", 0), (b"", 0)])
def test_of_a_tree_a_file_that_changes_while_it_is_read_has_another_stamp_afterwards(tmp_path, change, text, moment):
    change((text, moment))

    with OpenFolders(tmp_path) as folders:
        before = read_file_in(folders, "f", max_bytes=100).stamp
        after = read_file_in(folders, "f", max_bytes=100)

    assert before != after.stamp == stamp_file(tmp_path / "f")
    assert after.data == text


def test_of_a_tree_a_file_that_was_cut_and_made_whole_again_while_it_was_read_has_another_stamp(tmp_path, monkeypatch):
    """As where both fall into one tick of the clock that stamps are made by."""
    (tmp_path / "f").write_bytes(b"whole")
    texts = [b"wh", b""]
    monkeypatch.setattr(os, "read", lambda descriptor, count: texts.pop(0))

    with OpenFolders(tmp_path) as folders:
        content = read_file_in(folders, "f", max_bytes=100)

    assert content.stamp != stamp_file(tmp_path / "f")


def test_of_a_tree_each_file_is_read_whatever_was_before_it(tmp_path):
    for path in ("f", "a/f", "a/b/f", "c/f"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "link").symlink_to("a")

    with OpenFolders(tmp_path) as folders:
        for path in ("a/f", "f", "a/b/f", "a/f", "no/f", "a/f", "a/no/f", "a/f", "link/f", "c/f", "a/b/f"):
            try:
                assert read_file_in(folders, path, max_bytes=100).data == path.encode()
            except FileFaultError as error:
                assert ("no" in path) is isinstance(error, MissingFileError)  # noqa: PT017 - one of several that are right
                assert ("link" in path) is isinstance(error, UnsafeFileError)  # noqa: PT017
        for path in ("../f", "a/../f", "a/..", "", "a/"):
            with pytest.raises(UnsafeFileError, match="outside its folder"):
                read_file_in(folders, path, max_bytes=100)
