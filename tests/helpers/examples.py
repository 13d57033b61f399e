"""The examples of `examples/homelab` and what is expected of each, read from `expected/<world>.yaml`."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.helpers.own_yaml import read_yaml

HOMELAB = Path(__file__).parents[2] / "examples" / "homelab"


class ExpectedDrift(NamedTuple):
    """One row of the drift table."""

    kind: str
    node: str
    service: str
    severity: str
    held_by: str | None


class ExpectedRecommendation(NamedTuple):
    """One recommendation; its root causes are targets, sorted."""

    recommendation_id: str
    event_type: str
    severity: str
    blast_radius: int
    root_causes: list[str]


class ExpectedResolution(NamedTuple):
    """One episode of an earlier world that ends with this one."""

    recommendation_id: str
    event_type: str
    resolution: str


class Expected(NamedTuple):
    """What one world of the homelab comes to; the lists are sorted."""

    name: str
    world: Path
    as_of: datetime
    settings: dict[str, Any]
    """What differs from the homelab's own `supervisor.yaml`."""
    files: dict[str, str]
    """Files of the inventory that are otherwise at that moment, by their path."""
    outcome: str
    """`completed` or `skipped`; of a skipped one nothing follows but `unreadable_file`."""
    unreadable_file: str | None
    state: str | None
    drift: list[ExpectedDrift]
    recommendations: list[ExpectedRecommendation]
    after: str | None
    """The world whose open episodes `resolved` are."""
    resolved: list[ExpectedResolution]


def example_names() -> list[str]:
    """Return the names of the homelab's worlds."""
    return sorted(path.stem for path in (HOMELAB / "expected").glob("*.yaml"))


def load_expected(name: str) -> Expected:
    """Return what is expected of the world of that name."""
    document = read_yaml(HOMELAB / "expected" / f"{name}.yaml")
    return Expected(
        name=name,
        world=HOMELAB / name,
        as_of=datetime.fromisoformat(document["as_of"]),
        settings=document.get("settings", {}),
        files=document.get("files", {}),
        outcome=document["outcome"],
        unreadable_file=document.get("unreadable_file"),
        state=document.get("state"),
        drift=sorted(map(_drift, document.get("drift", [])), key=repr),
        recommendations=sorted(map(_recommendation, document.get("recommendations", []))),
        after=document.get("after"),
        resolved=sorted(ExpectedResolution(*line.split()) for line in document.get("resolved", [])),
    )


def inventory_of(expected: Expected, folder: Path) -> Path:
    """Return the inventory that the world is judged by: the homelab's, or a copy of it below the folder with its changes."""
    if not expected.files:
        return HOMELAB
    changed = folder / f"inventory-of-{expected.name}"
    for part in ("hosts", "inventory", "services"):
        shutil.copytree(HOMELAB / part, changed / part, dirs_exist_ok=True)
    for path, text in expected.files.items():
        (changed / path).write_text(text, encoding="utf-8")
    return changed


def _drift(line: str) -> ExpectedDrift:
    kind, target, severity, held_by = line.split()
    node, service = target.split("/")
    return ExpectedDrift(kind, node, service, severity, None if held_by == "-" else held_by)


def _recommendation(line: str) -> ExpectedRecommendation:
    recommendation_id, event_type, severity, blast_radius, causes = line.split()
    root_causes = [] if causes == "-" else sorted(causes.split(","))
    return ExpectedRecommendation(recommendation_id, event_type, severity, int(blast_radius), root_causes)
