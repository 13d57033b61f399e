"""What was learned of an inventory's files, by their content: in this process, and in the cache where there is one."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import NamedTuple, TypeVar

import msgspec
import polars as pl

from flows.sources.inventory.content_cache import Pack, ParseCache, empty_pack
from flows.sources.inventory.files import is_compose_path, is_services_path
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
from flows.sources.inventory.parse_many import File, ParsedFiles
from flows.sources.inventory.parse_pool import parse_on_all_cores
from flows.sources.inventory.rows import Parsers
from flows.sources.inventory.services_file import ParsedServices, parse_services
from schemas.limits import Limits
from schemas.rules import Rules

Document = TypeVar("Document", ParsedCapabilities, ParsedNode, ParsedService, ParsedTopology)
RULES = Rules()


class KnownServices(NamedTuple):
    """The files of services whose rows are known, as frames; `file` is the number that `numbers` gives a path."""

    numbers: Mapping[str, int]
    services: pl.DataFrame
    dependencies: pl.DataFrame
    warnings: pl.DataFrame
    entries: pl.DataFrame
    """What entries say as canonical JSON, by their hash."""


class InventoryMemory:
    """Remembers what files say, so that only what is new is parsed; one object serves one inventory, run after run."""

    def __init__(self, limits: Limits, cache: ParseCache | None = None, rules: Rules = RULES) -> None:
        """Begin with what the cache holds, which is of the same limits and rules."""
        self.limits = limits
        self.rules = rules
        self._cache = cache
        self._pack = cache.load() if cache else empty_pack()
        self._documents = dict(zip(*self._pack.documents.select("digest", "document"), strict=True))
        self._used: dict[bytes, bytes] = {}
        self._others: dict[bytes, ParsedServices] = {}
        """What files say that a pack cannot hold, for this process alone."""
        self._is_new = False

    def learn(self, contents: Mapping[str, bytes]) -> KnownServices:
        """Return what the inventory's files of services say; those that a pack cannot hold are left to `parsers`."""
        paths = [path for path in contents if is_services_path(path)]
        wanted = pl.DataFrame(
            {"path": paths, "digest": [_digest(contents[path], is_compose_path(path)) for path in paths]},
            schema={"path": pl.String, "digest": pl.Binary},
        )
        self._parse_new(wanted, contents)
        known = wanted.join(self._pack.files, on="digest")
        self._forget(known)
        numbers = dict(zip(known["path"], known["file"], strict=True))
        return KnownServices(
            numbers, self._pack.services, self._pack.dependencies, self._pack.warnings, self._pack.entries
        )

    def parsers(self) -> Parsers:
        """Return parsers that ask the memory first."""
        return Parsers(
            self._parse_services,
            self._remembered("capabilities", parse_capabilities, ParsedCapabilities),
            self._remembered("node", parse_node, ParsedNode),
            self._remembered("topology", parse_topology, ParsedTopology),
            self._remembered("service", parse_service, ParsedService),
        )

    def keep(self) -> None:
        """Write what is new to the cache, and nothing where nothing is; a cache that cannot be written is no fault."""
        is_new = self._is_new or self._used.keys() != self._documents.keys()
        self._documents, self._used, self._is_new = self._used, {}, False
        if is_new and self._cache is not None:
            documents = {"digest": list(self._documents), "document": list(self._documents.values())}
            frame = pl.DataFrame(documents, schema=self._pack.documents.schema)
            self._cache.save(self._pack._replace(documents=frame))

    def _parse_new(self, wanted: pl.DataFrame, contents: Mapping[str, bytes]) -> None:
        new = wanted.join(self._pack.files, on="digest", how="anti").unique("digest", maintain_order=True)
        new = new.filter(~pl.col("digest").is_in(list(self._others)))
        if not new.height:
            return
        digests = new["digest"].to_list()
        files = [File(contents[path], is_compose_path(path)) for path in new["path"]]
        parsed = parse_on_all_cores(files, self.limits, self.rules)
        self._others.update((digests[number], other) for number, other in parsed.others.items())
        first = max(self._pack.files["file"], default=-1) + 1
        added = _to_frames(parsed, digests, first)
        self._is_new |= added.files.height > 0
        both = Pack(*(pl.concat(pair) for pair in zip(self._pack, added, strict=True)))
        self._pack = both._replace(entries=both.entries.unique("entry_hash"))

    def _forget(self, known: pl.DataFrame) -> None:
        """Drop what the inventory does not have any more."""
        if known["file"].n_unique() == self._pack.files.height:
            return
        self._is_new = True
        frames = {
            name: getattr(self._pack, name).join(known, on="file", how="semi", maintain_order="left")
            for name in ("files", "services", "dependencies", "warnings")
        }
        entries = self._pack.entries.join(frames["services"], on="entry_hash", how="semi")
        self._pack = self._pack._replace(**frames, entries=entries)

    def _parse_services(self, data: bytes, limits: Limits, rules: Rules, *, is_compose: bool) -> ParsedServices:
        known = self._others.get(_digest(data, is_compose))
        return known or parse_services(data, limits, rules, is_compose=is_compose)

    def _remembered(
        self, kind: str, parse: Callable[..., Document], document_type: type[Document]
    ) -> Callable[..., Document]:
        def parse_or_remember(data: bytes, limits: Limits, *more: str) -> Document:
            digest = sha256("\0".join((kind, *more, "")).encode("utf-8", "surrogateescape") + data).digest()
            document = self._documents.get(digest) or self._used.get(digest)
            if document is not None:
                self._used[digest] = document
                return msgspec.json.decode(document, type=document_type)
            parsed = parse(data, limits, *more)
            if not parsed.faults:
                self._used[digest] = msgspec.json.encode(parsed)
            return parsed

        return parse_or_remember


def _digest(data: bytes, is_compose: bool) -> bytes:
    """Return what tells files apart: the same bytes are read otherwise in a compose file."""
    return sha256(b"compose\0" + data if is_compose else data).digest()


def _to_frames(parsed: ParsedFiles, digests: list[bytes], first: int) -> Pack:
    """Return the columns as a pack whose files are numbered from `first` on."""
    schemas = empty_pack()
    good = [number for number in range(len(digests)) if number not in parsed.others]
    frames = {
        "files": {"digest": [digests[number] for number in good], "file": good},
        "services": {
            "file": parsed.files,
            "service": parsed.services,
            "is_monitored": parsed.are_monitored,
            "run": parsed.runs,
            "is_never_restarted": parsed.are_never_restarted,
            "role": parsed.roles,
            "exposure": parsed.exposures,
            "deployment_model": parsed.deployment_models,
            "entry_hash": parsed.hashes,
            "line": parsed.lines,
        },
        "dependencies": {
            "file": parsed.dependency_files,
            "service": parsed.dependents,
            "dependency": parsed.dependencies,
            "scope": parsed.scopes,
            "is_completion": parsed.are_completions,
            "line": parsed.dependency_lines,
        },
        "warnings": {
            "file": [number for number, _ in parsed.warnings],
            "line": [warning.line for _, warning in parsed.warnings],
            "column": [warning.column for _, warning in parsed.warnings],
            "problem": [warning.problem for _, warning in parsed.warnings],
        },
    }
    numbered = {
        name: pl.DataFrame(columns, schema=getattr(schemas, name).schema).with_columns(pl.col("file") + first)
        for name, columns in frames.items()
    }
    entries = pl.DataFrame(
        list(parsed.entries.items()), schema={"entry": pl.String, "entry_hash": pl.String}, orient="row"
    )
    return Pack(**numbered, entries=entries, documents=schemas.documents)
