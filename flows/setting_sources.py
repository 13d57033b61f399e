"""Where settings come from, as plain values: a file and the environment. Imports no model of them."""

import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flows.errors import SettingsError
from flows.files.own import others_in_group, trusted_owners

FILE_NAME = "supervisor.yaml"
POLICY_NAME = "policy.yaml"
ETC = Path("/etc/runtime-supervisor")
ALIASES = "node_alias_map"
ALIAS_VARIABLE = "NODE_ALIAS_MAP"
SECTIONS = ("limits", "actions", "web")
PREFIX = "SUPERVISOR_"
PATHS = ("inventory", "world", "runtime_summary", "event_log", "checkpoint", "state_dir", "metrics_file", "report_file")
SITE_PATHS = ("state_dir", "checkpoint")
ACTION_PATHS = ("policy", "actions_dir", "executor_config", "operators", "clock")


def default_state_dir() -> Path:
    """Return the folder for history, archive, cache and lock, by the XDG base directory specification."""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "runtime-supervisor"


def find_file(config: Path | None, inventory: object) -> Path | None:
    """Return the settings file: the one named, or the first that is there; none where there is none.

    One that merely lies here or in the inventory, which may be a stranger's, is ours or root's, or it is refused.
    """
    named = config or (Path(os.environ[f"{PREFIX}CONFIG"]) if os.environ.get(f"{PREFIX}CONFIG") else None)
    if named is not None:
        if named.expanduser().is_dir():
            raise SettingsError(f"{named}: a folder; name the settings file in it, such as {named / FILE_NAME}")
        if not named.expanduser().is_file():
            raise SettingsError(f"{named}: no such settings file")
        return named.expanduser()
    folders = [Path(), *([Path(str(inventory)).expanduser()] if inventory else []), ETC]
    found = next((folder / FILE_NAME for folder in folders if (folder / FILE_NAME).is_file()), None)
    if found is not None:
        _check_trust(found)
    return found


def find_settings_below() -> list[str]:
    """Return the folders of this one that have settings of their own: those that `observe --init` wrote, perhaps."""
    return sorted(file.parent.name for file in Path().glob(f"*/{FILE_NAME}") if not file.parent.name.startswith("."))


def _check_trust(file: Path) -> None:
    """Refuse a file that nobody named and that others wrote or can: it says what is written where, and who acts."""
    invited = os.environ.get("SUDO_UID", "") if os.geteuid() == 0 else ""
    trusted = trusted_owners([int(invited)] if invited.isdecimal() else [])
    for found in (file.lstat(), file.stat()):
        others = _others_who_write(found, trusted)
        if others:
            raise SettingsError(
                f"{file}: {others}, who could say by it what is written where; if you trust it, name it: --config {file}"
            )


def _others_who_write(found: os.stat_result, trusted: frozenset[int]) -> str:
    if found.st_uid not in trusted:
        return f"belongs to user {found.st_uid}"
    if stat.S_ISLNK(found.st_mode):
        return ""
    if found.st_mode & stat.S_IWOTH:
        return "can be written by every user"
    is_shared = found.st_mode & stat.S_IWGRP
    others = others_in_group(found.st_gid, trusted) if is_shared else []
    return f"can be written by others of its group ({', '.join(others)})" if others else ""


def read_file_values(file: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the file's values and the line of each key; its relative paths are relative to the file."""
    from flows.sources.formats.settings_file import read_settings_file

    values, lines = read_settings_file(file)
    _place(values, PATHS, file.parent)
    actions = values.setdefault("actions", {})
    if isinstance(actions, dict):
        actions.setdefault("policy", POLICY_NAME)
        _place(actions, ACTION_PATHS, file.parent)
    sites = values.get("sites")
    if isinstance(sites, dict):
        _place(sites, list(sites), file.parent)
        for site in sites.values():
            if isinstance(site, dict):
                _place(site, SITE_PATHS, file.parent)
                _place_history(site, file.parent)
    _place_history(values, file.parent)
    return values, lines


def _place_history(values: dict[str, Any], folder: Path) -> None:
    history = values.get("history")
    if isinstance(history, str) and "://" not in history:
        values["history"] = str(folder / Path(history).expanduser())


def _place(values: dict[str, Any], names: Iterable[str], folder: Path) -> None:
    """Take the paths of a file relative to its folder."""
    for name in names:
        if isinstance(values.get(name), str):
            values[name] = folder / Path(values[name]).expanduser()


def read_environment() -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values that the environment gives, and the variable of each; an empty variable gives none.

    `SUPERVISOR_LIMITS__RETRIES` is a key of a section. What is no JSON stays a text: each field reads or refuses it.
    """
    values: dict[str, Any] = {}
    for variable, text in sorted(os.environ.items()):  # a section's own JSON before its keys
        if variable.upper().startswith(PREFIX) and text:
            _put(values, variable[len(PREFIX) :].lower().split("__"), _read_text(text))
    variables = {name: f"{PREFIX}{name.upper()}" for name in values}
    if os.environ.get(ALIAS_VARIABLE) and ALIASES not in values:
        values[ALIASES] = os.environ[ALIAS_VARIABLE]
        variables[ALIASES] = ALIAS_VARIABLE
    return values, variables


def _put(values: dict[str, Any], keys: list[str], value: object) -> None:
    for key in keys[:-1]:
        inner = values.get(key)
        values[key] = values = inner if isinstance(inner, dict) else {}
    values[keys[-1]] = value


def _read_text(text: str) -> object:
    if text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def merge_sections(written: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of both, the latter over the former; of a section, key by key, so that one that is none is seen."""
    both = {name: (written[name], environment[name]) for name in SECTIONS if name in written and name in environment}
    merged = {
        name: {**old, **new} if isinstance(old, dict) else old
        for name, (old, new) in both.items()
        if isinstance(new, dict)
    }
    return {**written, **environment, **merged}


def find_kept(written: Mapping[str, Any], environment: Mapping[str, Any]) -> list[str]:
    """Return what the file alone says where both say something of a section: `limits.retries`, or a `limits` that is none."""
    both = [name for name in SECTIONS if name in written and isinstance(environment.get(name), dict)]
    keys = [
        f"{name}.{key}"
        for name in both
        if isinstance(written[name], dict)
        for key in written[name]
        if key not in environment[name]
    ]
    return [*(name for name in both if not isinstance(written[name], dict)), *keys]


def unquote_aliases(aliases: object) -> object:
    """Return the alias map of a one-line JSON object, around which quotes occur (CONTRACT 1.4)."""
    if not isinstance(aliases, str):
        return aliases
    try:
        return json.loads(aliases.strip().strip("'\"") or "{}")
    except ValueError:
        raise ValueError('expected a JSON object such as {"node-2":"chelsty"}') from None
