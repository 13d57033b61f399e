"""A world that anybody could have written is told, and believed all the same."""

import os
from pathlib import Path

import pytest

from flows.run.gather import read_inputs
from flows.settings import Settings
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, world, write

STRANGER = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = write(tmp_path / "home", inventory(piha=["web"]))
    write(tmp_path / "world", world(NOON, "piha/web"))
    return Settings(inventory=home, world=tmp_path / "world", state_dir=tmp_path / "state")


def notes(settings: Settings) -> list[str]:
    return [note for note in read_inputs(settings, NOON).notes if str(settings.world) in note]


def test_a_world_of_one_owner_is_nothing_to_tell(settings):
    assert notes(settings) == []


def test_a_file_and_a_folder_that_everybody_can_write_are_told(settings):
    (settings.world / "services.json").chmod(0o666)
    assert ["services.json: every user can write it" in note for note in notes(settings)] == [True]
    settings.world.chmod(0o777)
    assert "every user can put another world here" in notes(settings)[0]
    settings.world.chmod(0o1777)
    assert len(notes(settings)) == 1


@as_root
def test_a_file_of_somebody_else_is_told_and_one_of_the_observer_is_not(settings):
    os.chown(settings.world / "nodes.json", STRANGER, STRANGER)
    assert [f"nodes.json: belongs to user {STRANGER}" in note for note in notes(settings)] == [True]

    os.chown(settings.world, STRANGER, STRANGER)
    assert notes(settings) == []
