"""What files of an inventory say, as frames: of many files at once, and with a number for each file in place of its path."""

from typing import Any, NamedTuple

import polars as pl

from flows.sources.inventory.parse_many import ParsedFiles
from schemas.words import DependencyScope, RunMode

_SCHEMAS: dict[str, dict[str, Any]] = {
    "files": {"digest": pl.Binary, "file": pl.UInt32},
    "services": {
        "file": pl.UInt32,
        "service": pl.String,
        "is_monitored": pl.Boolean,
        "run": pl.Enum(RunMode),
        "is_never_restarted": pl.Boolean,
        "role": pl.String,
        "exposure": pl.String,
        "deployment_model": pl.String,
        "entry_hash": pl.String,
        "line": pl.Int32,
    },
    "dependencies": {
        "file": pl.UInt32,
        "service": pl.String,
        "dependency": pl.String,
        "scope": pl.Enum(DependencyScope),
        "is_completion": pl.Boolean,
        "line": pl.Int32,
    },
    "warnings": {"file": pl.UInt32, "line": pl.Int32, "column": pl.Int32, "problem": pl.String},
    "entries": {"entry": pl.String, "entry_hash": pl.String},
    "documents": {"digest": pl.Binary, "document": pl.Binary},
}


class Pack(NamedTuple):
    """What files say, by content: frames that share the number of a file. Files that say more, or have a fault, are not in it."""

    files: pl.DataFrame
    services: pl.DataFrame
    dependencies: pl.DataFrame
    warnings: pl.DataFrame
    entries: pl.DataFrame
    """Entries of services as canonical JSON, each once."""
    documents: pl.DataFrame
    """What the other, smaller files say: a JSON document each, by the digest of their content and kind."""


def empty_pack() -> Pack:
    """Return the pack of no file."""
    return Pack(**{name: pl.DataFrame(schema=schema) for name, schema in _SCHEMAS.items()})


def pack_files(parsed: ParsedFiles, digests: list[bytes], first: int) -> Pack:
    """Return what parsed files say, by the digest of each, numbered from `first` on."""
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
    texts = {"entry": list(parsed.entries.keys()), "entry_hash": list(parsed.entries.values())}
    entries = pl.DataFrame(texts, schema=schemas.entries.schema)
    return Pack(**numbered, entries=entries, documents=schemas.documents)
