"""The bytes of a world are kept while it is judged where somebody reads them afterwards."""

import gc

import pytest

from flows.run.cycle import run_once
from flows.run.gather import InputReader, read_inputs
from flows.sources.world import actual as world_reader
from flows.sources.world.files import WorldFiles
from tests.helpers.fleet_on_disk import BAD, NOON, WEB, reconcile
from tests.helpers.real_run import settings_of


@pytest.fixture
def folder(tmp_path):
    reconcile(tmp_path, WEB, {"a/web": BAD})
    return tmp_path


@pytest.mark.parametrize(("most", "is_kept"), [(1, False), (2**24, True)])
def test_a_run_keeps_the_bytes_of_a_world_that_is_archived(folder, most, is_kept):
    settings = settings_of(folder, archive_max_world_bytes=most)

    inputs = InputReader(settings).read_inputs(settings, NOON)

    assert bool(inputs.world_files.contents) is is_kept
    assert inputs.actual.services.height == 1


@pytest.mark.parametrize(("most", "is_kept"), [(1, False), (2**24, True)])
def test_the_bytes_of_a_large_world_are_gone_before_its_frames_are_made(folder, monkeypatch, most, is_kept):
    settings = settings_of(folder, archive_max_world_bytes=most)
    held, make = [], world_reader._to_frames

    def look(rows):
        files = (one for one in gc.get_objects() if isinstance(one, WorldFiles) and one.source == str(settings.world))
        held.extend(one for one in files if one.contents)
        return make(rows)

    monkeypatch.setattr(world_reader, "_to_frames", look)
    InputReader(settings).read_inputs(settings, NOON)

    assert bool(held) is is_kept


def test_nothing_looks_for_cycles_among_the_records_of_a_world(folder, monkeypatch):
    settings = settings_of(folder)
    is_looking, make = [], world_reader._to_frames

    def look(rows):
        is_looking.append(gc.isenabled())
        return make(rows)

    monkeypatch.setattr(world_reader, "_to_frames", look)
    read_inputs(settings, NOON)

    assert is_looking == [False]
    assert gc.isenabled()


def test_a_question_keeps_the_bytes_of_any_world(folder):
    assert read_inputs(settings_of(folder, archive_max_world_bytes=1), NOON).world_files.contents


@pytest.mark.parametrize(("most", "is_kept"), [(1, False), (2**24, True)])
def test_a_world_that_is_too_large_is_not_archived(folder, most, is_kept):
    settings = settings_of(folder, archive_max_world_bytes=most, keep_archive=True)

    run_once(settings, NOON)

    assert (settings.state_dir / "archive.sqlite").exists() is is_kept
