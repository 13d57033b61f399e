"""Which backend would run something, for people: read off `executor.yaml`, where whoever asks may read it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.files.foreign import FileFaultError, read_file
from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml, to_plain
from schemas.decision import Decision
from schemas.limits import Limits
from schemas.match import match_glob


def find_backend(path: Path, decision: Decision) -> str | None:
    """Return the backend of the first step for a decision's verb and target; None where the file says nothing of it.

    The executor alone decides by this file: one with faults is passed over here.
    """
    limits = Limits()
    try:
        root = parse_yaml(read_file(path.absolute(), max_bytes=limits.max_inventory_file_bytes).data, limits)
    except (FileFaultError, YamlFaultError):
        return None
    target = f"{decision.node}/{decision.service}"
    found = (step.get("backend") for step in _steps(to_plain(root)) if _fits(step, decision, target))
    backend = next(found, None)
    return backend if isinstance(backend, str) else None


def _steps(plain: Any) -> Iterator[Mapping[str, Any]]:
    steps = plain.get("steps") if isinstance(plain, dict) else None
    yield from (step for step in steps or () if isinstance(step, dict))


def _fits(step: Mapping[str, Any], decision: Decision, target: str) -> bool:
    verbs, targets = step.get("verbs"), step.get("targets")
    if not isinstance(verbs, list) or not isinstance(targets, list):
        return False
    return decision.verb in verbs and any(match_glob(str(glob), target) for glob in targets)
