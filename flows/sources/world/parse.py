"""The files of one world snapshot, parsed: every unreadable one is named at once."""

from collections.abc import Collection

from flows.errors import WorldUnreadableError
from flows.sources.formats.json_records import Records, parse_records
from flows.sources.formats.json_strict import JsonFaultError, JsonLimitError
from flows.sources.world.files import (
    FILES,
    REQUIRED,
    SERVICES,
    SUMMARY,
    LastingWorldFaultError,
    WorldFiles,
    file_limits,
)
from flows.sources.world.service_columns import CLAIMS, FIELDS
from schemas.limits import Limits

NO_RECORDS = Records((), True)


def parse_files(world: WorldFiles, limits: Limits, known: Collection[str] = ()) -> dict[str, Records]:
    """Return the records of each file, none for an optional one that is absent, nor for one that is known to be sound.

    Raises `WorldUnreadableError` with each required file that is absent and each file that is unreadable.
    """
    parsed: dict[str, Records] = {}
    faults: list[str] = []
    for name in FILES:
        if name in known:
            parsed[name] = NO_RECORDS
            continue
        if name not in world.contents:
            parsed[name] = NO_RECORDS
            faults += [f"{_path(world, name)}: no such file"] if name in REQUIRED else []
            continue
        try:
            fields = (*FIELDS, *CLAIMS) if name == SERVICES else ()
            parsed[name] = parse_records(world.contents[name], file_limits(name, limits), fields)
            if name == SUMMARY and not parsed[name].is_keyed:
                faults.append(f"{_path(world, name)}:1:1: expected an object, found a list")
        except JsonLimitError as error:
            raise LastingWorldFaultError(f"{_path(world, name)}: {error}") from None
        except JsonFaultError as error:
            faults.append(_place(_path(world, name), str(error)))
    if faults:
        raise WorldUnreadableError("\n".join(faults))
    return parsed


def _path(world: WorldFiles, name: str) -> str:
    return f"{world.source}/{name}" if world.source else name


def _place(path: str, problem: str) -> str:
    """Return `path:line:column: problem`, or `path: problem` where there is no line."""
    return f"{path}:{problem}" if problem[:1].isdigit() and ":" in problem[:12] else f"{path}: {problem}"
