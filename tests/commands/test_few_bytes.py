"""A small world is judged in one thread; which it is shows in the size of its services."""

import os

import pytest

from flows.commands.reconcile import FEW_BYTES, _is_small
from flows.files.processes import spare_threads
from flows.settings import Settings

NAME = "POLARS_MAX_THREADS"


@pytest.mark.parametrize(("size_bytes", "is_small"), [(0, True), (FEW_BYTES - 1, True), (FEW_BYTES, False)])
def test_a_world_is_small_by_the_size_of_its_services(tmp_path, size_bytes, is_small):
    (tmp_path / "elsewhere").touch()
    os.truncate(tmp_path / "elsewhere", size_bytes)
    (tmp_path / "services.json").symlink_to("elsewhere")

    assert _is_small(Settings(world=tmp_path)) is is_small


def test_a_world_that_is_not_there_is_not_small(tmp_path):
    assert not _is_small(Settings(world=tmp_path))


def test_a_number_of_threads_that_a_person_chose_stands(monkeypatch):
    monkeypatch.setenv(NAME, "4")
    spare_threads()

    assert os.environ[NAME] == "4"
