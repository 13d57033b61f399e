"""What is known of an inventory's single files: one that says what some file said before is not parsed again."""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from hashlib import sha256
from itertools import count
from typing import NamedTuple, TypeVar

import msgspec
import polars as pl

from flows.sources.inventory.cache_file import SealedFile, frame_of_bytes
from flows.sources.inventory.files import InventoryFiles, is_compose_path, is_services_path
from flows.sources.inventory.other_files import (
    ParsedCapabilities,
    ParsedNode,
    ParsedService,
    ParsedTopology,
    parse_capabilities,
    parse_node,
    parse_service,
)
from flows.sources.inventory.pack import Pack, empty_pack, join_packs, keep_files, next_number, pack_files
from flows.sources.inventory.parse_many import parse_strictly
from flows.sources.inventory.parse_pool import File
from flows.sources.inventory.plain_files import PlainFiles
from flows.sources.inventory.plain_topology import read_topology
from flows.sources.inventory.rows import Parsers
from flows.sources.inventory.services_file import ParsedServices, parse_services
from schemas.limits import Limits
from schemas.rules import Rules

Document = TypeVar("Document", ParsedCapabilities, ParsedNode, ParsedService, ParsedTopology)
Write = Callable[[SealedFile, Mapping[str, pl.DataFrame], Mapping[str, bytes]], None]


class KnownServices(NamedTuple):
    """The files of services whose rows are known, as frames; `file` is the number that `numbers` gives a path."""

    numbers: Mapping[str, int]
    services: pl.DataFrame
    """Each with the number of its entry, which is its row of `entries`."""
    entries: pl.DataFrame
    dependencies: pl.DataFrame
    """What entries declare."""
    warnings: pl.DataFrame


class KnownFiles:
    """What is known of the files of one inventory, under some limits and rules."""

    def __init__(self, limits: Limits, rules: Rules, file: SealedFile | None, write: Write) -> None:
        """Read nothing yet; what is found is written to the file, where there is one, by `write`."""
        self._limits, self._rules, self._file, self._write = limits, rules, file, write
        self._pack: Pack | None = None
        self._documents: dict[bytes, bytes] = {}
        self._used: dict[bytes, bytes] = {}
        self._others: dict[bytes, ParsedServices] = {}
        """What files say that a pack cannot hold, for this process alone."""
        self._is_new = False
        self._taken: dict[str, bytes] = {}
        """The digest of each file that was taken."""
        self._plain: PlainFiles | None = None
        """What was learned of them, and is not in the pack yet."""
        self.digests: dict[str, bytes] = {}
        """The SHA-256 of the files of services that were looked for last, but for compose files."""

    def take(self, files: Mapping[str, bytes]) -> list[str]:
        """Learn what plain files of services say while an inventory is read, and return their paths."""
        plain = self._plain = self._plain or PlainFiles(self._limits, self._load_pack().files)
        paths = [path for path in files if is_services_path(path) and not is_compose_path(path)]
        digests = {path: sha256(files[path]).digest() for path in paths}
        self._taken |= digests
        return [path for path, digest in digests.items() if plain.learn(digest, files[path])]

    def find_same_contents(self, files: InventoryFiles) -> KnownServices:
        """Return what the inventory's files of services say; those that a pack cannot hold are left to `parsers`."""
        contents = files.contents
        found = {path: _digest(contents[path], is_compose_path(path)) for path in contents if is_services_path(path)}
        found |= {path: self._taken[path] for path in files.taken}
        self.digests = {path: digest for path, digest in found.items() if not is_compose_path(path)}
        self._others = {digest: self._others[digest] for digest in self._others.keys() & set(found.values())}
        pack = self._learn(self._load_pack(), found, contents)
        known = dict(zip(*pack.files.select("digest", "file"), strict=True))
        numbers = {path: known[digest] for path, digest in found.items() if digest in known}
        self._pack = pack = self._forget(pack, set(numbers.values()))
        return KnownServices(numbers, pack.services, pack.entries, pack.dependencies, pack.warnings)

    def parsers(self) -> Parsers:
        """Return parsers that ask first whether a file says what one said before."""
        return Parsers(
            self._parse_services,
            self._remembered("capabilities", parse_capabilities, ParsedCapabilities),
            self._remembered("node", parse_node, ParsedNode),
            self._remembered("topology", read_topology, ParsedTopology),
            self._remembered("service", parse_service, ParsedService),
        )

    def keep_contents(self) -> None:
        """Keep what the files say that were asked about since the last time, and write nothing where nothing is new."""
        is_new = self._is_new or self._used.keys() != self._documents.keys()
        self._documents, self._used, self._is_new = self._used, {}, False
        if is_new and self._file is not None:
            documents = {"digest": list(self._documents), "document": list(self._documents.values())}
            whole = self._load_pack()
            whole = whole._replace(documents=pl.DataFrame(documents, schema=whole.documents.schema))
            self._write(self._file, whole._asdict(), {})

    def _load_pack(self) -> Pack:
        if self._pack is None:
            parts = self._file.read() if self._file else None
            self._pack = _unpack(parts) if parts is not None else empty_pack()
            self._documents = dict(zip(*self._pack.documents.select("digest", "document"), strict=True))
        return self._pack

    def _learn(self, pack: Pack, found: Mapping[str, bytes], contents: Mapping[str, bytes]) -> Pack:
        """Return the pack with what new files say."""
        plain, self._plain, self._taken = self._plain, None, {}
        known = {*pack.files["digest"], *self._others}
        new = dict[bytes, str]()
        for path, digest in found.items():
            if digest not in known:
                new.setdefault(digest, path)
        if not new:
            return pack
        plain = plain or PlainFiles(self._limits, pack.files)
        held = [(digest, path) for digest, path in new.items() if path in contents]
        left = {digest: path for digest, path in held if not plain.learn(digest, contents[path])}
        learned = join_packs(pack, plain.pack())
        learned = join_packs(learned, self._parse(learned, left, contents))
        self._is_new |= learned.files.height > pack.files.height
        return learned

    def _parse(self, pack: Pack, paths: Mapping[bytes, str], contents: Mapping[str, bytes]) -> Pack:
        """Return what files say that are not plain, by digest; what a pack cannot hold is remembered here."""
        numbers = dict(zip(paths, count(next_number(pack.files)), strict=False))
        files = [File(contents[path], is_compose_path(path)) for path in paths.values()]
        part = parse_strictly(files, self._limits, self._rules, next_number(pack.files))
        self._others |= {digest: part.others[number] for digest, number in numbers.items() if number in part.others}
        return pack_files(part, {digest: number for digest, number in numbers.items() if number not in part.others})

    def _forget(self, pack: Pack, numbers: Collection[int]) -> Pack:
        """Return the pack without what the inventory does not have any more."""
        if len(numbers) == pack.files.height:
            return pack
        self._is_new = True
        return keep_files(pack, pl.Series([*numbers], dtype=pl.UInt32))

    def _parse_services(self, data: bytes, limits: Limits, rules: Rules, *, is_compose: bool) -> ParsedServices:
        known = self._others.get(_digest(data, is_compose))
        return known or parse_services(data, limits, rules, is_compose=is_compose)

    def _remembered(
        self, kind: str, parse: Callable[..., Document], document_type: type[Document]
    ) -> Callable[..., Document]:
        @cache
        def parse_or_remember(data: bytes, *more: str) -> Document:
            digest = sha256("\0".join((kind, *more, "")).encode("utf-8", "surrogateescape") + data).digest()
            document = self._documents.get(digest) or self._used.get(digest)
            if document is not None:
                self._used[digest] = document
                return msgspec.json.decode(document, type=document_type)
            parsed = parse(data, self._limits, *more)
            if not parsed.faults:
                self._used[digest] = msgspec.json.encode(parsed)
            return parsed

        return lambda data, _, *more: parse_or_remember(data, *more)


def _unpack(parts: Mapping[str, memoryview]) -> Pack:
    try:
        return Pack(**{name: frame_of_bytes(parts[name]) for name in Pack._fields})
    except (pl.exceptions.PolarsError, KeyError, OSError):
        return empty_pack()


def _digest(data: bytes, is_compose: bool) -> bytes:
    """Return what tells files apart: the same bytes are read otherwise in a compose file."""
    return sha256(b"compose\0" + data if is_compose else data).digest()
