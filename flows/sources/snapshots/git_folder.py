"""A Git repository seen through a folder of our own, so that nothing of its configuration is ever read.

A repository's configuration names programs: a pager, a signer, a file system monitor, a transport for objects that are
absent. Git reads it from the repository's folder and nowhere else; what we show git is another folder, that has the
branches, and a pointer to the objects.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from flows.errors import HistoryError
from flows.files.foreign import FileFaultError, MissingFileError, read_file
from flows.sources.snapshots.git_owners import check_stores, follow

MOST_REFS = 100_000
_REF_BYTES = 4096
_LIST_BYTES = 64 * 1024 * 1024
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"refs/(?!.*(?:\.\.|//|/\.|@\{|\.lock(?:/|$)))[^\x00-\x20\x7f~^:?*\[\\]+(?<![/.])")
_CONFIG = """[core]
\trepositoryFormatVersion = 1
\tbare = true
\tcommitGraph = false
\tpackedGitWindowSize = 32m
\tpackedGitLimit = 256m
\tdeltaBaseCacheLimit = 32m
[extensions]
\tobjectFormat = {}
"""
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


class GitFolder(NamedTuple):
    """Where the parts of a repository are."""

    own: Path
    """HEAD is here; of a linked working tree it is not the same as `common`."""
    common: Path
    """Branches and objects are here."""
    prefix: str
    """The path of the folder that was asked about within the working tree, with forward slashes."""


def find_git_folder(folder: Path) -> GitFolder:
    """Return the repository that a folder is in, or is; raises `HistoryError` where there is none.

    A bare repository counts where it is named, never where a folder lies within one: it could have come in a commit.
    A folder above belongs to the user of the folder, to root or to us, or is not looked at. Where it is elsewhere, it is
    its own user's there as well.
    """
    folder = folder.resolve()
    if _is_repository(folder):
        return _open(folder, "")
    trusted = {0, os.geteuid(), *({folder.stat().st_uid} if folder.exists() else ())}
    for parent in (folder, *folder.parents):
        found = _dot_git(parent, trusted)
        if found is not None:
            prefix = folder.relative_to(parent).as_posix()
            return _open(found, "" if prefix == "." else prefix)
    raise HistoryError(f"{folder}: is in no Git repository")


def _is_repository(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and ((folder / "objects").is_dir() or (folder / "commondir").is_file())


def _dot_git(parent: Path, trusted: set[int]) -> Path | None:
    place = parent / ".git"
    if not os.path.lexists(place) or place.lstat().st_uid not in trusted:
        return None
    owner = place.lstat().st_uid
    if place.is_file() and not place.is_symlink():
        named = _read_text(place).strip().removeprefix("gitdir:").strip()
        place = parent / named
    return follow(place, owner) if _is_repository(place) else None


def _open(own: Path, prefix: str) -> GitFolder:
    owner = own.stat().st_uid
    pointer = own / "commondir"
    common = follow(own / _read_text(pointer).strip(), owner) if pointer.is_file() else own
    owner = common.stat().st_uid
    check_stores(common / "objects", owner)
    if os.path.lexists(common / "refs"):
        follow(common / "refs", owner)
    return GitFolder(own, common, prefix)


def _read_text(path: Path, max_bytes: int = _REF_BYTES) -> str:
    try:
        return read_file(path, max_bytes=max_bytes).data.decode("utf-8", "replace")
    except MissingFileError:
        return ""
    except FileFaultError as error:
        raise HistoryError(str(error)) from None


def make_stand_in(folder: GitFolder, place: Path) -> dict[str, str]:
    """Make a Git folder of our own in an empty folder, and return the environment in which git reads by it."""
    if (folder.common / "reftable").is_dir():
        raise HistoryError(f"{folder.common}: keeps its branches as a reftable, which is not read; clone it as files")
    (place / "refs").mkdir()
    (place / "objects").mkdir()
    (place / "HEAD").write_text(_head(folder))
    (place / "packed-refs").write_text("".join(f"{digest} {name}\n" for name, digest in sorted(_refs(folder).items())))
    (place / "shallow").write_text("".join(f"{line}\n" for line in _digests(folder.common / "shallow")))
    is_long = re.search(r"(?im)^\s*objectformat\s*=\s*\"?sha256", _read_text(folder.common / "config", _LIST_BYTES))
    (place / "config").write_text(_CONFIG.format("sha256" if is_long else "sha1"))
    if not (place / "shallow").stat().st_size:
        (place / "shallow").unlink()
    return {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        "GIT_DIR": str(place),
        "GIT_OBJECT_DIRECTORY": str(folder.common / "objects"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _digests(path: Path) -> list[str]:
    return [line for line in _read_text(path, _LIST_BYTES).split() if _DIGEST.fullmatch(line)]


def _head(folder: GitFolder) -> str:
    text = _read_text(folder.own / "HEAD").strip()
    if _DIGEST.fullmatch(text) or _REF.fullmatch(text.removeprefix("ref:").strip()):
        return f"{text}\n"
    raise HistoryError(f"{folder.own / 'HEAD'}: names no branch and no commit")


def _refs(folder: GitFolder) -> dict[str, str]:
    """Return the digest of each branch and tag; one in a file of its own counts more than one in the list."""
    found: dict[str, str] = {}
    for line in _read_text(folder.common / "packed-refs", _LIST_BYTES).splitlines():
        digest, _, name = line.partition(" ")
        _add_ref(found, name, digest)
    for path in _loose_refs(folder.common):
        name = path.relative_to(folder.common).as_posix()
        text = _read_text(path).strip()
        if text.startswith("ref:"):
            text = _read_text(folder.common / name.rpartition("/")[0] / text.rpartition("/")[2]).strip()
        _add_ref(found, name, text)
    return found


def _add_ref(found: dict[str, str], name: str, digest: str) -> None:
    if _REF.fullmatch(name) and _DIGEST.fullmatch(digest):
        found[name] = digest


def _loose_refs(common: Path) -> Iterator[Path]:
    seen = 0
    for folder, _, files in os.walk(common / "refs"):
        seen += len(files)
        if seen > MOST_REFS:
            raise HistoryError(f"{common}: more than {MOST_REFS} branches and tags")
        for name in files:
            path = Path(folder) / name
            if not path.is_symlink():
                yield path
