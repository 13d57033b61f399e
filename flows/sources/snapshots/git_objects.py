"""A Git repository's objects, read from its store: no checkout, index or working tree is looked at or touched."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from flows.errors import HistoryError

_FOLDER, _LINK, _MODULE = "40000", "120000", "160000"
# A repository's own configuration can name programs to run; nothing that reads objects needs them.
_SAFE = ("--no-optional-locks", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


class Commit(NamedTuple):
    """One commit of a branch's first-parent line."""

    digest: str
    committed_at: datetime


class TreeEntry(NamedTuple):
    """One name in a tree."""

    name: str
    is_folder: bool
    is_file: bool
    digest: str


@dataclass
class GitObjects:
    """An open repository; its objects come from one `git cat-file --batch`, which runs as long as this is open."""

    repository: Path
    _batch: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> Self:
        """Return this; the process starts at the first question."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        if self._batch is not None:
            self._batch.stdin.close()  # type: ignore[union-attr]
            self._batch.stdout.close()  # type: ignore[union-attr]
            self._batch.wait()
            self._batch = None

    def list_commits(self, branch: str = "HEAD") -> list[Commit]:
        """Return the branch's commits, the oldest first, each with when it was made; merges as what they brought in.

        Raises `HistoryError` where there is no such repository or branch.
        """
        listed = self._run("log", "--first-parent", "--reverse", "--format=%H %ct", "--end-of-options", branch, "--")
        lines = (line.split() for line in listed.decode().splitlines())
        return [Commit(digest, datetime.fromtimestamp(int(seconds), UTC)) for digest, seconds in lines]

    def _run(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(
                ["git", *_SAFE, "-C", str(self.repository), *arguments], capture_output=True, check=False
            )
        except OSError as error:
            raise HistoryError(f"git cannot be run: {error.strerror}; install git") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise HistoryError(f"{self.repository}: git {arguments[0]}: {said or 'failed'}")
        return done.stdout

    def find_prefix(self) -> str:
        """Return the path of this folder within its repository, with forward slashes, and none at the end."""
        return self._run("rev-parse", "--show-prefix").decode().strip().rstrip("/")

    def read(self, name: str) -> bytes | None:
        """Return an object's content by digest or `<commit>:<path>`; None where there is none."""
        batch = self._started()
        assert batch.stdin is not None  # noqa: S101 - both are pipes
        assert batch.stdout is not None  # noqa: S101
        batch.stdin.write(name.encode() + b"\n")
        batch.stdin.flush()
        header = batch.stdout.readline().split()
        if len(header) != 3 or not header[2].isdigit():
            return None
        data = batch.stdout.read(int(header[2]) + 1)
        return data[:-1]

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._batch is None:
            self._batch = subprocess.Popen(
                ["git", *_SAFE, "-C", str(self.repository), "cat-file", "--batch"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._batch

    def list_tree(self, name: str) -> list[TreeEntry]:
        """Return the names in a tree, given by digest or `<commit>:<path>`; none where it is no tree."""
        data = self.read(name)
        if data is None:
            return []
        width = 32 if len(name.partition(":")[0]) == 64 else 20
        return list(_parse_tree(data, width))


def _parse_tree(data: bytes, width: int) -> Iterator[TreeEntry]:
    place = 0
    while place < len(data):
        end = data.index(b"\0", place)
        mode, _, name = data[place:end].decode("utf-8", "surrogateescape").partition(" ")
        digest = data[end + 1 : end + 1 + width].hex()
        yield TreeEntry(name, mode == _FOLDER, mode not in {_FOLDER, _LINK, _MODULE}, digest)
        place = end + 1 + width
