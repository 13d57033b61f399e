"""Fingerprints of content: the same input has the same one on every machine, whatever its file times are."""

from collections.abc import Iterable, Mapping
from hashlib import sha256

from flows.sources.inventory.files import InventoryFiles
from flows.sources.inventory.named_contents import pack_inventory

BOM = b"\xef\xbb\xbf"


def world_fingerprint(contents: Mapping[str, bytes], digests: Mapping[str, bytes] | None = None) -> str:
    """Return the SHA-256 of a world's files, by name, as 64 hexadecimal digits; `digests` are those that are known."""
    return _digest(_measure(contents, digests or {}))


def inventory_fingerprint(files: InventoryFiles, digests: Mapping[str, bytes] | None = None) -> str:
    """Return the SHA-256 of an inventory: its files by path, its empty folders, and what could not be read.

    A byte order mark and CRLF line ends make no difference; files with one are not to be taken. `digests` are the SHA-256
    of files of which these are known, and of all that were taken.
    """
    packed = pack_inventory(files)
    known = {path: one for path, one in (digests or {}).items() if path in files.taken or is_unix(packed[path])}
    taken = ((path, size, known[path]) for path, size in files.taken.items())
    return _digest([*_measure({path: _to_unix(data) for path, data in packed.items()}, known), *taken])


def is_unix(data: bytes) -> bool:
    """Return whether the fingerprint of a file is made of its bytes as they are."""
    # To look for one byte is many times faster than to look for two.
    return b"\r" not in data and not data.startswith(BOM)


def _to_unix(data: bytes) -> bytes:
    return data if is_unix(data) else data.removeprefix(BOM).replace(b"\r\n", b"\n")


def _measure(contents: Mapping[str, bytes], digests: Mapping[str, bytes]) -> list[tuple[str, int, bytes]]:
    """Return the name, the size and the digest of each content."""
    return [(name, len(data), digests.get(name) or sha256(data).digest()) for name, data in contents.items()]


def _digest(measured: Iterable[tuple[str, int, bytes]]) -> str:
    """Hash names and digests of contents with their lengths, so that no two sets of files run together."""
    total = sha256()
    for name, size, digest in sorted(measured):
        encoded = name.encode("utf-8", "surrogateescape")
        total.update(b"%d:%s%d:" % (len(encoded), encoded, size))
        total.update(digest)
    return total.hexdigest()
