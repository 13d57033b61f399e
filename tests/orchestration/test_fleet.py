"""The generated fleets: the same bytes for the same seed, and of every kind of finding something."""

import tarfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fleet import AS_OF, write_fleet
from benchmarks.peers.plain import judge
from flows.past.invented import PACKS, evolve, write_archive
from schemas.words import DriftKind

NAMES = {"piha": ["mosquitto", "zigbee2mqtt"], "vps": ["outline"]}


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield from ((str(path.relative_to(folder)), path.read_bytes()) for path in folder.rglob("*.*") if path.is_file())


def outcome(folder: Path, **options: Any) -> dict[str, Any]:
    fleet = write_fleet(folder, nodes=150, services=20, **options)
    return judge(fleet.inventory, fleet.world, fleet.as_of, fleet.rules, "c")


def test_the_same_seed_gives_the_same_fleet(tmp_path: Path) -> None:
    for place in ("one", "other"):
        write_fleet(tmp_path / place, nodes=8, services=15, seed=3)

    assert dict(contents(tmp_path / "one")) == dict(contents(tmp_path / "other"))


@pytest.mark.slow
def test_a_nominal_fleet_has_no_drift(tmp_path: Path) -> None:
    assert outcome(tmp_path, state="nominal")["drift"] == []


def test_a_drifting_fleet_has_every_finding_about_nodes_and_services(tmp_path: Path) -> None:
    judged = outcome(tmp_path)

    assert {row["kind"] for row in judged["drift"]} == set(DriftKind) - {
        DriftKind.STALE_WORLD,
        DriftKind.OBSERVER_SUSPECT,
    }
    assert {row["node"] for row in judged["drift"]}.isdisjoint({"fleet"})
    assert max(row["blast_radius"] for row in judged["recommendations"]) >= 15


@pytest.mark.parametrize("pack", sorted(set(PACKS) - {"folders", "tar.zst"}))
def test_an_archive_has_a_file_for_each_day(tmp_path: Path, pack: str) -> None:
    write_archive(tmp_path, NAMES, count=290, seed=1, pack=pack)

    assert sorted(path.name for path in tmp_path.iterdir()) == [f"2025-05-01{PACKS[pack]}", f"2025-05-02{PACKS[pack]}"]
    with tarfile.open(tmp_path / f"2025-05-02{PACKS[pack]}") as tar:
        assert tar.getnames()[:2] == ["2025-05-02T00-00-00Z/nodes.json", "2025-05-02T00-00-00Z/services.json"]


def test_an_archive_has_a_folder_for_each_snapshot(tmp_path: Path) -> None:
    write_archive(tmp_path, NAMES, count=2, seed=1)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["2025-05-01T00-00-00Z", "2025-05-01T00-05-00Z"]


def test_outages_of_the_past_begin_and_end() -> None:
    services = [snapshot.files["services.json"] for snapshot in evolve(NAMES, 6000, seed=1)]
    is_broken = [b"zigbee2mqtt" not in text or b"unhealthy" in text or b"exited" in text for text in services]

    assert sum(is_broken) < len(is_broken) / 10
    assert sum(before and not after for before, after in pairwise(is_broken)) >= 2


def test_the_moment_to_judge_at_is_the_worlds(tmp_path: Path) -> None:
    assert write_fleet(tmp_path, nodes=1, services=1).as_of == AS_OF
