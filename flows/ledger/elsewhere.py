"""What sites show, as the exchange of a fleet's sites leaves it in each site's state folder: replaced as a whole."""

import base64
import io
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import polars as pl

from flows.errors import SettingsError, say_newer
from flows.files.own import make_private_folder, open_regular, replace_file
from flows.files.sealed import seal, unseal
from schemas.actual import ObservedService
from schemas.desired import Dependency, DesiredNode, DesiredService
from schemas.drift import Drift
from schemas.frame import DataFrame, Frame, RepeatedText, dtypes, refusals
from schemas.planned import Planned
from schemas.rejected import Unread
from schemas.shown import Shown, join_shown

FILE = "elsewhere.json"
"""What a site was told of the others."""
SHOWN = "shown.json"
"""What a site told of itself, which stands for it while it cannot be read."""
MAX_BYTES = 256 * 1024 * 1024
VERSION = 1
_DESIRED: dict[str, type[Frame]] = {
    "nodes": DesiredNode, "services": DesiredService, "dependencies": Dependency, "unread": Unread,
}  # fmt: skip
_SHOWN: dict[str, type[Frame]] = {"services": ObservedService, "drift": Drift, "planned": Planned}
Rows = TypeVar("Rows", bound=Frame)


class Elsewhere(NamedTuple):
    """What sites showed, and when."""

    shown: Shown
    shown_at: datetime
    """The oldest moment that any of it was judged at."""


class _File(msgspec.Struct):
    version: int
    shown_at: datetime
    frames: dict[str, str]
    """Each frame's Parquet, in base64: a hundred thousand rows as JSON would take a gigabyte to read."""


def read_elsewhere(state_dir: Path, name: str = FILE) -> Elsewhere | None:
    """Return what the file holds; None where it is absent. Raises `SettingsError` for a broken one, or a newer one's."""
    path = state_dir / name
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
    except refusals(ValueError, msgspec.DecodeError, pl.exceptions.PolarsError, KeyError):
        raise SettingsError(
            f"{path}: is not what an exchange of sites writes; remove it, and the next writes it"
        ) from None


def _decode(path: Path, data: bytes) -> Elsewhere:
    form = msgspec.json.decode(data, type=_File)
    if form.version > VERSION:
        raise SettingsError(say_newer(path, form.version, VERSION))
    told = {name: _to_frame(form.frames[f"desired_{name}"], schema) for name, schema in _DESIRED.items()}
    shown = {name: _to_frame(form.frames[name], schema) for name, schema in _SHOWN.items()}
    part = Shown(join_shown([]).desired._replace(**told), **shown)  # type: ignore[arg-type]
    return Elsewhere(join_shown([part]), form.shown_at.astimezone(UTC))


def write_elsewhere(state_dir: Path, elsewhere: Elsewhere, name: str = FILE) -> None:
    """Replace what the file holds, durably."""
    shown = elsewhere.shown
    frames = {f"desired_{name}": getattr(shown.desired, name) for name in _DESIRED}
    frames |= {name: getattr(shown, name) for name in _SHOWN}
    form = _File(VERSION, elsewhere.shown_at.astimezone(UTC), {name: _to_text(rows) for name, rows in frames.items()})
    replace_file(make_private_folder(state_dir) / name, seal(msgspec.json.encode(form) + b"\n"))


def _to_text(frame: pl.DataFrame) -> str:
    file = io.BytesIO()
    frame.with_columns(pl.col(RepeatedText).cast(pl.String)).write_parquet(file)
    return base64.b64encode(file.getvalue()).decode()


def _to_frame(text: str, schema: type[Rows]) -> DataFrame[Rows]:
    rows = pl.read_parquet(io.BytesIO(base64.b64decode(text, validate=True)))
    repeated = [name for name, kind in dtypes(schema).items() if kind == RepeatedText]
    return schema.validate(rows.with_columns(pl.col(repeated).cast(RepeatedText)))
