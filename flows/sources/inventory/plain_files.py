"""The plain files of services, learned one after the other: they cost so little that one process reads them all."""

from collections.abc import Mapping

import polars as pl

from flows.sources.fingerprint import is_unix
from flows.sources.inventory.pack import Pack, empty_pack, join_packs, next_number, pack_files
from flows.sources.inventory.parse_many import ParsedFiles
from flows.sources.inventory.plain_services import PlainReader
from schemas.limits import Limits

MOST_ENTRIES = 65_536
"""About so many different entries are held as objects at most."""


class PlainFiles:
    """What plain files say; of those that say the same, one is read."""

    def __init__(self, limits: Limits, known: pl.DataFrame) -> None:
        """Begin with the files of a pack, which need not be read."""
        self._limits = limits
        self._known = frozenset(known["digest"])
        self._new: dict[bytes, int] = {}
        self._refused: set[bytes] = set()
        self._next = next_number(known)
        self._pack = empty_pack()
        self._begin()

    def learn(self, digest: bytes, data: bytes) -> bool:
        """Learn what a file says that has this digest; return False where its bytes are needed, since it is not plain."""
        if digest in self._new:
            return True
        if digest in self._known:
            return is_unix(data)  # no other is plain, but the strict reader may know it
        read = self._reader.read(data) if digest not in self._refused else None
        if read is None:
            self._refused.add(digest)
            return False
        number = self._new[digest] = self._next + len(self._new)
        self._found.add(number, read)
        if len(self._reader.entries) > MOST_ENTRIES:
            self._end({})
            self._begin()
        return True

    def pack(self) -> Pack:
        """Return what was learned."""
        self._end(self._new)
        return self._pack

    def _begin(self) -> None:
        self._reader, self._found = PlainReader(self._limits), ParsedFiles.none()

    def _end(self, numbers: Mapping[bytes, int]) -> None:
        part = self._found._replace(entries=self._reader.entries, heights=self._reader.heights)
        self._pack = join_packs(self._pack, pack_files(part, numbers))
