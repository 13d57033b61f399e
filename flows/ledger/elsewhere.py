"""What other sites showed, as the exchange of a fleet's sites leaves it in each site's state folder: replaced as a whole."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import polars as pl
import polars.selectors as cs
from pandera.typing.polars import DataFrame

from flows.errors import SettingsError, say_newer
from flows.files.own import make_private_folder, open_regular, replace_file
from flows.files.sealed import seal, unseal
from schemas.actual import ObservedService
from schemas.desired import Dependency, DesiredNode, DesiredService
from schemas.drift import Drift
from schemas.frame import Frame, dtypes
from schemas.planned import Planned
from schemas.rejected import Unread
from schemas.shown import Shown, join_shown

FILE = "elsewhere.json"
MAX_BYTES = 256 * 1024 * 1024
VERSION = 1
_DESIRED: dict[str, type[Frame]] = {
    "nodes": DesiredNode, "services": DesiredService, "dependencies": Dependency, "unread": Unread,
}  # fmt: skip
_SHOWN: dict[str, type[Frame]] = {"services": ObservedService, "drift": Drift, "planned": Planned}
Rows = TypeVar("Rows", bound=Frame)


class Elsewhere(NamedTuple):
    """What other sites showed, and when."""

    shown: Shown
    shown_at: datetime
    """The oldest moment that any of it was judged at."""


class _File(msgspec.Struct):
    version: int
    shown_at: datetime
    desired: dict[str, list[dict[str, Any]]]
    shown: dict[str, list[dict[str, Any]]]


def read_elsewhere(state_dir: Path) -> Elsewhere | None:
    """Return what the file holds; None where it is absent. Raises `SettingsError` for a broken one, or a newer one's."""
    path = state_dir / FILE
    try:
        fd = open_regular(path, os.O_RDONLY, frozenset({os.geteuid(), 0}))
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    try:
        if len(data) > MAX_BYTES:
            raise ValueError
        return _decode(path, unseal(data))
    except (ValueError, msgspec.DecodeError, pl.exceptions.PolarsError, KeyError):
        raise SettingsError(
            f"{path}: is not what an exchange of sites writes; remove it, and the next writes it"
        ) from None


def _decode(path: Path, data: bytes) -> Elsewhere:
    form = msgspec.json.decode(data, type=_File)
    if form.version > VERSION:
        raise SettingsError(say_newer(path, form.version, VERSION))
    told = {name: _to_frame(form.desired[name], schema) for name, schema in _DESIRED.items()}
    shown = {name: _to_frame(form.shown[name], schema) for name, schema in _SHOWN.items()}
    whole = join_shown([])
    part = Shown(whole.desired._replace(**told), **shown)  # type: ignore[arg-type]
    return Elsewhere(join_shown([part]), form.shown_at.astimezone(UTC))


def write_elsewhere(state_dir: Path, elsewhere: Elsewhere) -> None:
    """Replace what the file holds, durably."""
    shown = elsewhere.shown
    form = {
        "version": VERSION,
        "shown_at": elsewhere.shown_at.astimezone(UTC).isoformat(),
        "desired": {name: _to_rows(getattr(shown.desired, name)) for name in _DESIRED},
        "shown": {name: _to_rows(getattr(shown, name)) for name in _SHOWN},
    }
    replace_file(make_private_folder(state_dir) / FILE, seal(json.dumps(form).encode() + b"\n"))


def _to_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as JSON has them: moments as microseconds of 1970."""
    return frame.with_columns(cs.datetime().dt.epoch("us")).to_dicts()


def _to_frame(rows: list[dict[str, Any]], schema: type[Rows]) -> DataFrame[Rows]:
    types = dtypes(schema)
    moments = [name for name, kind in types.items() if isinstance(kind, pl.Datetime)]
    plain = {name: pl.Int64() if name in moments else kind for name, kind in types.items()}
    frame = pl.DataFrame(rows, schema=plain, orient="row")
    return schema.validate(frame.with_columns(pl.col(name).cast(types[name]) for name in moments))
