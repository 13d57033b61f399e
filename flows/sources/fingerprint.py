"""Fingerprints of content: the same input has the same one on every machine, whatever its file times are."""

from collections.abc import Mapping
from hashlib import sha256

from flows.sources.inventory.files import InventoryFiles
from flows.sources.inventory.named_contents import pack_inventory

BOM = b"\xef\xbb\xbf"


def world_fingerprint(contents: Mapping[str, bytes], digests: Mapping[str, bytes] | None = None) -> str:
    """Return the SHA-256 of a world's files, by name, as 64 hexadecimal digits; `digests` are those that are known."""
    return _digest(contents, digests or {})


def inventory_fingerprint(files: InventoryFiles, digests: Mapping[str, bytes] | None = None) -> str:
    """Return the SHA-256 of an inventory: its files by path, its empty folders, and what could not be read.

    A byte order mark and CRLF line ends make no difference. `digests` are the SHA-256 of files of which these are known.
    """
    packed = pack_inventory(files)
    plain = {path: _unix(data) for path, data in packed.items()}
    known = {path: digest for path, digest in (digests or {}).items() if len(plain[path]) == len(packed[path])}
    return _digest(plain, known)


def _unix(data: bytes) -> bytes:
    plain = data.removeprefix(BOM)
    # To look for one byte is many times faster than to look for two.
    return plain.replace(b"\r\n", b"\n") if b"\r" in plain else plain


def _digest(contents: Mapping[str, bytes], digests: Mapping[str, bytes]) -> str:
    """Hash names and contents with their lengths, so that no two sets of files run together."""
    total = sha256()
    for name in sorted(contents):
        encoded = name.encode("utf-8", "surrogateescape")
        total.update(b"%d:%s%d:" % (len(encoded), encoded, len(contents[name])))
        total.update(digests.get(name) or sha256(contents[name]).digest())
    return total.hexdigest()
