"""What is known of one inventory: in this process, and in a folder for the next one.

Two questions are asked of it. Do all files have the stamps that they had, as Git's index asks (device, inode, size, and
the times of the last write and of the last change, to the nanosecond)? Then the desired state is the one that they came
to. Does a file say what some file said before? Then it is not parsed again. It holds nothing that cannot be had again:
what is missing, spoiled or not ours to write is a slower run, and no fault.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import pandera.errors
import polars as pl

from flows.errors import InventoryError
from flows.sources.fingerprint import inventory_fingerprint
from flows.sources.inventory.cache_file import SealedFile, frame_of_bytes, frame_to_bytes
from flows.sources.inventory.files import (
    InventoryFiles,
    InventoryLook,
    is_compose_path,
    is_services_path,
    list_inventory,
)
from flows.sources.inventory.other_files import (
    ParsedCapabilities,
    ParsedNode,
    ParsedService,
    ParsedTopology,
    parse_capabilities,
    parse_node,
    parse_service,
    parse_topology,
)
from flows.sources.inventory.pack import Pack, empty_pack, join_packs, keep_files, pack_files
from flows.sources.inventory.parse_many import parse_many
from flows.sources.inventory.parse_pool import File
from flows.sources.inventory.rows import Parsers
from flows.sources.inventory.services_file import ParsedServices, parse_services
from schemas.desired import (
    ContainerName,
    Dependency,
    Desired,
    DesiredNode,
    DesiredService,
    ListedService,
    MaintenanceWindow,
)
from schemas.limits import Limits
from schemas.rejected import Unread
from schemas.rules import Rules

BESIDE_ROWS = 200_000
"""Fewer rows are written before a thread has begun."""
Document = TypeVar("Document", ParsedCapabilities, ParsedNode, ParsedService, ParsedTopology)
RULES = Rules()
_DESIRED = dict(
    zip(
        Desired._fields,
        (DesiredNode, DesiredService, Dependency, Unread, ListedService, ContainerName, MaintenanceWindow),
        strict=True,
    )
)


class KeptInventory(NamedTuple):
    """The desired state, its fingerprint, and how to have the files that it was read from."""

    desired: Desired
    fingerprint: str
    read_files: Callable[[], InventoryFiles]
    """Raises `InventoryError` where they are not those any more."""


class KnownServices(NamedTuple):
    """The files of services whose rows are known, as frames; `file` is the number that `numbers` gives a path."""

    numbers: Mapping[str, int]
    services: pl.DataFrame
    """Each with the number of its entry, which is its row of `entries`."""
    entries: pl.DataFrame
    dependencies: pl.DataFrame
    """What entries declare."""
    warnings: pl.DataFrame


class InventoryCache:
    """What is known of one inventory under some limits and rules; other ones find nothing in the same folder."""

    def __init__(
        self,
        inventory: Path,
        limits: Limits,
        rules: Rules = RULES,
        folder: Path | None = None,
        *,
        is_writable: bool = True,
    ) -> None:
        """Read nothing yet. The folder is this user's alone; without one, what is known ends with the process."""
        self.inventory, self.limits, self.rules = inventory, limits, rules
        self._seen_file, self._pack_file = (
            SealedFile(folder, inventory, ending, limits, rules, is_writable=is_writable) if folder else None
            for ending in ("seen", "pack")
        )
        self._look = b""
        self._kept: KeptInventory | None = None
        self._pack: Pack | None = None
        self._documents: dict[bytes, bytes] = {}
        self._used: dict[bytes, bytes] = {}
        self._others: dict[bytes, ParsedServices] = {}
        """What files say that a pack cannot hold, for this process alone."""
        self._is_new = False
        self.digests: dict[str, bytes] = {}
        """The SHA-256 of the files of services that were looked for last, but for compose files."""
        self._threads: ThreadPoolExecutor | None = None
        self._is_writing_beside = False

    @contextmanager
    def writing_beside(self) -> Iterator[None]:
        """Let a thread write what is much of what is found in this block to the folder; it is there when the block ends."""
        with ThreadPoolExecutor(1) as threads:
            self._threads, self._is_writing_beside = threads, False
            try:
                yield
            finally:
                self._threads = None

    def find_same_stamps(self, look_now: Callable[[], InventoryLook]) -> KeptInventory | None:
        """Return what the inventory came to, where it looks as it did then; without anything known it is not looked at."""
        if self._kept is None:
            self._look, self._kept = self._load_seen()
        if self._kept is not None and self._look != _digest_look(look_now()):
            self._kept = None
        return self._kept

    def keep_stamps(self, look: InventoryLook, kept: KeptInventory) -> None:
        """Keep what an inventory that looks so came to."""
        self._look, self._kept = _digest_look(look), kept
        if self._seen_file is not None:
            more = {"look": self._look, "fingerprint": kept.fingerprint.encode()}
            self._write(self._seen_file, kept.desired._asdict(), more)

    def find_same_contents(self, contents: Mapping[str, bytes]) -> KnownServices:
        """Return what the inventory's files of services say; those that a pack cannot hold are left to `parsers`."""
        found = {path: _digest(contents[path], is_compose_path(path)) for path in contents if is_services_path(path)}
        wanted = pl.DataFrame(
            {"path": list(found), "digest": list(found.values())}, schema={"path": pl.String, "digest": pl.Binary}
        )
        self.digests = {path: digest for path, digest in found.items() if not is_compose_path(path)}
        pack = self._learn(self._load_pack(), wanted, contents)
        known = wanted.join(pack.files, on="digest")
        self._pack = pack = self._forget(pack, known)
        numbers = dict(zip(known["path"], known["file"], strict=True))
        return KnownServices(numbers, pack.services, pack.entries, pack.dependencies, pack.warnings)

    def parsers(self) -> Parsers:
        """Return parsers that ask first whether a file says what one said before."""
        return Parsers(
            self._parse_services,
            self._remembered("capabilities", parse_capabilities, ParsedCapabilities),
            self._remembered("node", parse_node, ParsedNode),
            self._remembered("topology", parse_topology, ParsedTopology),
            self._remembered("service", parse_service, ParsedService),
        )

    def keep_contents(self) -> None:
        """Keep what the files say that were asked about since the last time, and write nothing where nothing is new."""
        is_new = self._is_new or self._used.keys() != self._documents.keys()
        self._documents, self._used, self._is_new = self._used, {}, False
        if is_new and self._pack_file is not None:
            documents = {"digest": list(self._documents), "document": list(self._documents.values())}
            whole = self._load_pack()
            whole = whole._replace(documents=pl.DataFrame(documents, schema=whole.documents.schema))
            self._write(self._pack_file, whole._asdict(), {})

    def read_again(self, fingerprint: str) -> InventoryFiles:
        """Return the files that had this fingerprint; raises `InventoryError` where they are not those any more."""
        files = list_inventory(self.inventory, self.limits)
        if inventory_fingerprint(files) != fingerprint:
            raise InventoryError(f"{self.inventory}: changed during the run")
        return files

    def _write(self, file: SealedFile, frames: Mapping[str, pl.DataFrame], more: Mapping[str, bytes]) -> None:
        if not file.is_writable:
            return
        write = partial(_write_frames, file, frames, more)
        is_large = sum(frame.height for frame in frames.values()) > BESIDE_ROWS
        # One after the other: each write sweeps away what of this process it finds begun.
        if self._threads is not None and (is_large or self._is_writing_beside):
            try:
                self._threads.submit(write)
            except RuntimeError:  # no thread can be had
                write()
            else:
                self._is_writing_beside = True
        else:
            write()

    def _load_seen(self) -> tuple[bytes, KeptInventory | None]:
        parts = self._seen_file.read() if self._seen_file else None
        if parts is None:
            return b"", None
        try:
            frames = [schema.validate(frame_of_bytes(parts[name]), lazy=True) for name, schema in _DESIRED.items()]
        except (pl.exceptions.PolarsError, pandera.errors.SchemaErrors, KeyError, OSError):
            return b"", None
        fingerprint = bytes(parts["fingerprint"]).decode()
        kept = KeptInventory(Desired._make(frames), fingerprint, partial(self.read_again, fingerprint))
        return bytes(parts["look"]), kept

    def _load_pack(self) -> Pack:
        if self._pack is None:
            parts = self._pack_file.read() if self._pack_file else None
            self._pack = _unpack(parts) if parts is not None else empty_pack()
            self._documents = dict(zip(*self._pack.documents.select("digest", "document"), strict=True))
        return self._pack

    def _learn(self, pack: Pack, wanted: pl.DataFrame, contents: Mapping[str, bytes]) -> Pack:
        """Return the pack with what new files say."""
        new = wanted.join(pack.files, on="digest", how="anti").unique("digest", maintain_order=True)
        new = new.filter(~pl.col("digest").is_in(list(self._others)))
        if not new.height:
            return pack
        first = max(pack.files["file"], default=-1) + 1
        new = new.with_row_index("file", first)
        files = [File(contents[path], is_compose_path(path)) for path in new["path"]]
        for part in parse_many(files, self.limits, self.rules, first):
            self._others.update((new["digest"][number - first], other) for number, other in part.others.items())
            pack = join_packs(pack, pack_files(part))
        good = new.filter(~pl.col("digest").is_in(list(self._others))).select(pack.files.columns)
        self._is_new |= good.height > 0
        return pack._replace(files=pl.concat([pack.files, good]))

    def _forget(self, pack: Pack, known: pl.DataFrame) -> Pack:
        """Return the pack without what the inventory does not have any more."""
        if known["file"].n_unique() == pack.files.height:
            return pack
        self._is_new = True
        return keep_files(pack, known["file"])

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
            parsed = parse(data, self.limits, *more)
            if not parsed.faults:
                self._used[digest] = msgspec.json.encode(parsed)
            return parsed

        return lambda data, _, *more: parse_or_remember(data, *more)


def _write_frames(file: SealedFile, frames: Mapping[str, pl.DataFrame], more: Mapping[str, bytes]) -> None:
    file.write({**{name: frame_to_bytes(frame) for name, frame in frames.items()}, **more})


def _unpack(parts: Mapping[str, memoryview]) -> Pack:
    try:
        return Pack(**{name: frame_of_bytes(parts[name]) for name in Pack._fields})
    except (pl.exceptions.PolarsError, KeyError, OSError):
        return empty_pack()


def _digest(data: bytes, is_compose: bool) -> bytes:
    """Return what tells files apart: the same bytes are read otherwise in a compose file."""
    return sha256(b"compose\0" + data if is_compose else data).digest()


def _digest_look(look: InventoryLook) -> bytes:
    """Return the same for two looks between which nothing changed."""
    parts = (
        sorted(look.stamps.items()),
        sorted(look.unreadable.items()),
        sorted(look.folders),
        sorted(look.near_misses),
        sorted(look.marks),
    )
    return sha256(repr(parts).encode("utf-8", "surrogateescape")).digest()
