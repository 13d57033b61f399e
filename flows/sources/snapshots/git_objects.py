"""A Git repository's objects, read from its store: no checkout, index, configuration or working tree is looked at.

The repository may be a stranger's. Git is run by a folder of our own (`git_folder`), so that nothing in the repository
can start a program or reach the network; the size of an object is asked before the object; git has a deadline for each
answer, and a limit of memory.
"""

import os
import resource
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from flows.errors import HistoryError
from flows.files.scratch import scratch_folder
from flows.sources.snapshots.git_folder import GitFolder, find_git_folder, make_stand_in

_FOLDER, _LINK, _MODULE = "40000", "120000", "160000"
ANSWER_S = 60.0
"""The longest that git may take for one answer."""
MEMORY_BYTES = 1024**3
"""Of addresses, which a mapped pack takes as well (256 MiB at a time): five megabytes of a store can be a commit of more."""
MOST_LISTED_BYTES = 256 * 1024 * 1024
"""About three million commits."""
TREE_BYTES = 64 * 1024 * 1024


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


class OddObjectError(HistoryError):
    """One object is not what it should be; the others can be read all the same."""


@dataclass
class GitObjects:
    """An open repository; sizes and contents come from two gits, which run as long as this is open."""

    repository: Path
    problems: list[str] = field(default_factory=list)
    """What of the listed commits is passed over, and why."""
    _stack: ExitStack = field(default_factory=ExitStack, repr=False)
    _folder: GitFolder | None = None
    _environment: dict[str, str] | None = None
    _sizes: "_Answers | None" = None
    _contents: "_Answers | None" = None

    def __enter__(self) -> Self:
        """Return this; git starts at the first question."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End git."""
        self._stack.close()
        self._environment = self._sizes = self._contents = None

    def list_commits(self, branch: str = "HEAD") -> list[Commit]:
        """Return the branch's commits, the oldest first, each with when it was made; merges as what they brought in.

        A commit whose time is none is passed over, and is in `problems` then. Raises `HistoryError` where there is no
        such repository or branch.
        """
        arguments = ("rev-list", "--first-parent", "--reverse", "--timestamp", "--end-of-options", branch, "--")
        answers = self._start(*arguments)
        listed = answers.read_all(MOST_LISTED_BYTES)
        code, said = answers.end()
        if code:
            raise HistoryError(f"{self.repository}: git rev-list: {said or f'ended with {code}'}")
        self.problems = []
        return list(self._parse_commits(listed))

    def _parse_commits(self, listed: bytes) -> Iterator[Commit]:
        for line in listed.decode().splitlines():
            seconds, digest = line.split()
            try:
                yield Commit(digest, datetime.fromtimestamp(int(seconds), UTC))
            except (ValueError, OverflowError, OSError):
                self.problems.append(f"{self.repository}: commit {digest[:12]}: {seconds} is no time of a commit")

    def find_prefix(self) -> str:
        """Return the path of this folder within its repository, with forward slashes, and none at the end."""
        return self._found().prefix

    def read(self, name: str, max_bytes: int, kind: str = "blob") -> bytes | None:
        """Return an object's content by digest or `<commit>:<path>`; None where there is none.

        Raises `OddObjectError` for one that is larger, before any of it is read, that is of another kind, or damaged.
        """
        if "\n" in name or "\0" in name:
            return None
        try:
            return self._read(name, max_bytes, kind)
        except _GitEndedError:
            self._restart()
            raise OddObjectError(f"{self.repository}: object {name} is damaged, or too much for git") from None

    def _read(self, name: str, max_bytes: int, kind: str) -> bytes | None:
        if self._sizes is None:
            self._sizes = self._start("cat-file", "--batch-check")
        header = self._sizes.ask(name).split()
        if len(header) != 3 or not header[2].isdigit():
            return None
        size = int(header[2])
        if header[1].decode() != kind:
            raise OddObjectError(f"{self.repository}: object {name} is a {header[1].decode()} and no {kind}")
        if size > max_bytes:
            raise OddObjectError(f"{size} bytes, over the limit of {max_bytes}")
        if self._contents is None:
            self._contents = self._start("cat-file", "--batch")
        if self._contents.ask(name).split() != header:
            raise _GitEndedError
        return self._contents.read_exactly(size + 1)[:-1]

    def list_tree(self, name: str) -> list[TreeEntry]:
        """Return the names in a tree, given by digest or `<commit>:<path>`; none where there is no such object.

        Raises `OddObjectError` for what is no tree.
        """
        data = self.read(name, TREE_BYTES, "tree")
        if data is None:
            return []
        width = 32 if len(name.partition(":")[0]) == 64 else 20
        try:
            return list(_parse_tree(data, width))
        except ValueError:
            raise OddObjectError(f"{self.repository}: object {name} is no tree") from None

    def _found(self) -> GitFolder:
        if self._folder is None:
            self._folder = find_git_folder(self.repository)
        return self._folder

    def _start(self, *arguments: str) -> "_Answers":
        if self._environment is None:
            self._environment = make_stand_in(self._found(), self._stack.enter_context(scratch_folder()))
        answers = _Answers(arguments, self._environment)
        self._stack.callback(answers.end)
        return answers

    def _restart(self) -> None:
        for answers in (self._sizes, self._contents):
            if answers is not None:
                answers.end()
        self._sizes = self._contents = None


class _GitEndedError(Exception):
    """Git does not answer in time, or not as it should."""


class _EndOfAnswersError(_GitEndedError):
    """Git has ended."""


class _Answers:
    """A git that is asked line by line; no answer is waited for longer than `ANSWER_S`."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        command = ["git", "--no-pager", "--literal-pathspecs", *arguments]
        try:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if arguments[0] == "rev-list" else subprocess.DEVNULL,
                bufsize=0,
            )
        except OSError as error:
            raise HistoryError(f"git cannot be run: {error.strerror}; install git") from None
        # Before anything is asked, so that nothing of the repository can be too much for this machine.
        resource.prlimit(self._process.pid, resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        self._left = b""
        self._said = ""
        self._deadline = time.monotonic() + ANSWER_S

    def ask(self, question: str) -> bytes:
        """Return the first line of the answer."""
        self._deadline = time.monotonic() + ANSWER_S
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(question.encode("utf-8", "surrogateescape") + b"\n")
        except BrokenPipeError:
            raise _GitEndedError from None
        while b"\n" not in self._left:
            self._left += self._more()
        line, _, self._left = self._left.partition(b"\n")
        return line

    def read_exactly(self, count: int) -> bytes:
        """Return so many bytes of what follows."""
        parts, length = [self._left], len(self._left)
        while length < count:
            parts.append(self._more())
            length += len(parts[-1])
        data = b"".join(parts)
        self._left = data[count:]
        return data[:count]

    def read_all(self, most: int) -> bytes:
        """Return what is said until the end, in time, or raise `HistoryError`."""
        parts: list[bytes] = []
        while sum(map(len, parts)) <= most:
            try:
                parts.append(self._more())
            except _EndOfAnswersError:
                return b"".join(parts)
            except _GitEndedError:
                break
        self.end()
        raise HistoryError(f"git: its list of commits is longer than {most} bytes, or not there after {ANSWER_S:.0f} s")

    def _more(self) -> bytes:
        output = self._process.stdout
        assert output is not None  # noqa: S101 - it is a pipe
        ready, _, _ = select.select([output], [], [], max(0.0, self._deadline - time.monotonic()))
        data = os.read(output.fileno(), 1024 * 1024) if ready else None
        if data:
            return data
        raise _GitEndedError if data is None else _EndOfAnswersError

    def end(self) -> tuple[int, str]:
        """End git, once or again; return its code, and what it said."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
        if process.stderr is not None and not process.stderr.closed:
            self._said = process.stderr.read(4000).decode(errors="replace").strip()
            process.stderr.close()
        return process.wait(), self._said


def _parse_tree(data: bytes, width: int) -> Iterator[TreeEntry]:
    place = 0
    while place < len(data):
        end = data.index(b"\0", place)
        mode, _, name = data[place:end].decode("utf-8", "surrogateescape").partition(" ")
        digest = data[end + 1 : end + 1 + width].hex()
        if len(digest) != 2 * width or not name or "/" in name:
            raise ValueError
        yield TreeEntry(name, mode == _FOLDER, mode not in {_FOLDER, _LINK, _MODULE}, digest)
        place = end + 1 + width
