"""What files of an inventory say, as frames: of many files at once, and with a number for each file in place of its path."""

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any, NamedTuple

import polars as pl

from flows.sources.inventory.entry import Entry
from flows.sources.inventory.parse_many import ParsedFiles
from flows.sources.inventory.services_file import TEXTS
from schemas.frame import RepeatedText
from schemas.words import DependencyScope, RunMode

_SCHEMAS: dict[str, dict[str, Any]] = {
    "files": {"digest": pl.Binary, "file": pl.UInt32},
    "services": {"file": pl.UInt32, "service": pl.String, "number": pl.UInt32, "line": pl.Int32},
    "entries": {
        "is_monitored": pl.Boolean,
        "run": pl.Enum(RunMode),
        "is_never_restarted": pl.Boolean,
        "role": pl.String,
        "exposure": pl.String,
        "deployment_model": pl.String,
        "entry": pl.String,
        "entry_hash": pl.String,
    },
    "dependencies": {
        "number": pl.UInt32,
        "dependency": pl.String,
        "scope": pl.Enum(DependencyScope),
        "is_completion": pl.Boolean,
        "offset": pl.Int32,
    },
    "warnings": {"file": pl.UInt32, "line": pl.Int32, "column": pl.Int32, "problem": pl.String},
    "documents": {"digest": pl.Binary, "document": pl.Binary},
}


class Pack(NamedTuple):
    """What files say, by content: frames that share the number of a file. Files that say more, or have a fault, are not in it."""

    files: pl.DataFrame
    services: pl.DataFrame
    """Each with the number of its entry, which is its row of `entries`."""
    entries: pl.DataFrame
    dependencies: pl.DataFrame
    """What entries declare, with the lines from the service's name to it."""
    warnings: pl.DataFrame
    documents: pl.DataFrame
    """What the other, smaller files say: a JSON document each, by the digest of their content and kind."""


def add_entries(services: pl.DataFrame, entries: pl.DataFrame) -> pl.DataFrame:
    """Return services with what their entries say, but for the whole of it, in the types of `DesiredService`."""
    # Texts that come often are numbered while they are few: to repeat a number costs less than to repeat a text.
    typed = entries.drop("entry").with_columns(pl.col(*TEXTS, "entry_hash").cast(RepeatedText))
    return pl.concat([services.drop("number"), typed[services["number"]]], how="horizontal")


def add_dependencies(services: pl.DataFrame, dependencies: pl.DataFrame) -> pl.DataFrame:
    """Return the dependencies of services, each with its own line."""
    declared = services.join(dependencies, on="number", maintain_order="left_right")
    return declared.with_columns(pl.col("line") + pl.col("offset")).drop("number", "offset")


def empty_pack() -> Pack:
    """Return the pack of no file."""
    return Pack(**{name: pl.DataFrame(schema=schema) for name, schema in _SCHEMAS.items()})


def join_packs(one: Pack, other: Pack) -> Pack:
    """Return both as one; files have different numbers in them."""
    behind = pl.col("number") + one.entries.height
    services, dependencies = (frame.with_columns(behind) for frame in (other.services, other.dependencies))
    other = other._replace(services=services, dependencies=dependencies)
    return Pack(*(pl.concat(pair) for pair in zip(one, other, strict=True)))


def keep_files(pack: Pack, files: pl.Series) -> Pack:
    """Return the pack with what some of its files say, by number."""
    is_kept = pl.col("file").is_in(files.implode())
    kept, services, warnings = (frame.filter(is_kept) for frame in (pack.files, pack.services, pack.warnings))
    numbers = services["number"].unique().sort().alias("before").to_frame().with_row_index("number")
    services, dependencies = (
        frame.rename({"number": "before"}).join(numbers, on="before", maintain_order="left").select(frame.columns)
        for frame in (services, pack.dependencies)
    )
    return Pack(kept, services, pack.entries[numbers["before"]], dependencies, warnings, pack.documents)


def next_number(files: pl.DataFrame) -> int:
    """Return the first number that no file of a pack has."""
    return max(files["file"], default=-1) + 1


def pack_files(part: ParsedFiles, numbers: Mapping[bytes, int]) -> Pack:
    """Return what parsed files say; the numbers are those of the files with each digest."""
    *said, declared = zip(*part.entries, strict=True) if part.entries else [()] * len(Entry._fields)
    declaring = [number for number, its in enumerate(declared) for _ in its]
    places, faults = zip(*part.warnings, strict=True) if part.warnings else ((), ())
    columns: dict[str, Sequence[Sequence[Any]]] = {
        "files": [list(numbers), list(numbers.values())],
        "entries": said,
        "dependencies": [declaring, *zip(*chain.from_iterable(declared), strict=True)],
        "warnings": [places, *zip(*faults, strict=True)],
    }
    frames = {
        name: pl.DataFrame(dict(zip_longest(_SCHEMAS[name], values, fillvalue=())), schema=_SCHEMAS[name])
        for name, values in columns.items()
    }
    # Put in order while they are few: the dependencies of all services are nearly in order, then.
    frames["dependencies"] = frames["dependencies"].sort("number", "dependency", maintain_order=True)
    return empty_pack()._replace(services=_place_services(part), **frames)


def _place_services(part: ParsedFiles) -> pl.DataFrame:
    """Return the services of parsed files, each with its line: that of its file's first, and all that lies between."""
    numbers, heights = pl.Series(part.numbers, dtype=pl.UInt32), pl.Series(part.heights, dtype=pl.Int32)
    before = heights[numbers].cum_sum().shift(1, fill_value=0)
    files = pl.DataFrame(
        {"file": part.files, "count": part.counts, "line": part.first_lines},
        schema={"file": pl.UInt32, "count": pl.UInt32, "line": pl.Int32},
    )
    begins = files["count"].cum_sum().shift(1, fill_value=0)
    files = files.with_columns(pl.col("line") - before[begins])
    places = files.select(pl.col("file", "line").repeat_by("count").explode())
    return places.select(
        "file",
        service=pl.Series(part.services, dtype=pl.String),
        number=numbers,
        line=pl.col("line") + before,
    )
