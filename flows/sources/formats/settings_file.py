"""A settings file: names and values, each with its line."""

from pathlib import Path
from typing import Any, NamedTuple

from flows.errors import SettingsError
from flows.files.foreign import FileFaultError, read_file
from flows.sources.formats.yaml_plain import read_plain_mapping

_MOST_BYTES = 8 * 1024 * 1024


class _SettingsBounds(NamedTuple):
    """Those of a settings file, which cannot set its own."""

    max_yaml_depth: int = 40
    max_yaml_nodes: int = 500_000
    max_faults_per_file: int = 20


def read_settings_file(file: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the values of a settings file, and the line of each of its keys; an empty file has none.

    Raises `SettingsError` with the file, the line and the problem.
    """
    try:
        data = read_file(file.resolve(), max_bytes=_MOST_BYTES).data
    except FileFaultError as error:
        raise SettingsError(f"{file}: {error.problem}") from None
    return read_plain_mapping(data) or _read_strictly(file, data)


def _read_strictly(file: Path, data: bytes) -> tuple[dict[str, Any], dict[str, int]]:
    from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml, to_plain

    try:
        root = parse_yaml(data, _SettingsBounds())
    except YamlFaultError as error:
        faults = [f"{file}:{line}:{column}: {problem}" for line, column, problem in error.faults]
        raise SettingsError("\n".join(faults)) from None
    items = root.value if root is not None and root.value is not None else {}
    if not isinstance(items, dict):
        raise SettingsError(f"{file}:1: expected settings as 'name: value'")
    return {key: to_plain(item) for key, item in items.items()}, {key: item.line for key, item in items.items()}
