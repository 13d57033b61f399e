"""The snapshot archive: what was read, kept once, given back as it was."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from itertools import pairwise

import pytest

from flows.errors import HistoryError
from flows.ledger.archive import FILE_NAME, INVENTORY, WORLD, from_micros, open_archive, to_micros
from flows.ledger.archive_writer import edit_archive, export_world, shrink_archive
from flows.past.archive_source import ArchiveSource
from flows.sources.inventory.files import InventoryFiles
from flows.sources.inventory.named_contents import unpack_inventory
from flows.sources.world.files import WorldFiles
from tests.helpers.frames import NOON, ago


def keep(folder, *texts: str, kind=WORLD, name="services.json"):
    """Keep snapshots of one file, a minute from each other, each in a transaction of its own; return what was kept."""
    kept = []
    for minute, text in enumerate(texts):
        moment = NOON + timedelta(minutes=minute)
        with edit_archive(folder) as archive:
            if kind == WORLD:
                kept.append(archive.add_world(WorldFiles(moment, {name: text.encode()}, ago(minutes=1))))
            else:
                kept.append(archive.add_inventory(moment, InventoryFiles({name: text.encode()})))
    return kept


def entries(folder, kind=WORLD):
    with open_archive(folder) as archive:
        return archive.list_entries(kind)


def test_a_snapshot_comes_back_as_it_was_read(tmp_path):
    keep(tmp_path, '{"a": 1}')

    with open_archive(tmp_path) as archive:
        [entry] = archive.list_entries()
        assert archive.read_contents(entry.snapshot) == {"services.json": b'{"a": 1}'}
        assert (entry.as_of, entry.files_at) == (NOON, ago(minutes=1))


def test_an_inventory_comes_back_with_its_empty_folders_and_what_could_not_be_read(tmp_path):
    files = InventoryFiles({"hosts/a/services.yaml": b"x"}, {"hosts/b": "a link"}, frozenset({"hosts/c"}))
    with edit_archive(tmp_path) as archive:
        archive.add_inventory(NOON, files)

    with open_archive(tmp_path) as archive:
        [entry] = archive.list_entries(INVENTORY)
        assert unpack_inventory(archive.read_contents(entry.snapshot))._replace(source="") == files


def test_a_file_whose_name_is_no_text_comes_back_under_that_name(tmp_path):
    contents = {os.fsdecode(b"hosts/\xff/services.yaml"): b"x", "hosts/b/services.yaml": b"x"}
    with edit_archive(tmp_path) as archive:
        archive.add_inventory(NOON, InventoryFiles(contents))

    with open_archive(tmp_path) as archive:
        [entry] = archive.list_entries(INVENTORY)
        assert archive.read_contents(entry.snapshot) == contents


def test_an_unchanged_world_adds_nothing(tmp_path):
    assert keep(tmp_path, *"aaba") == [True, False, True, True]


def test_a_content_is_kept_once(tmp_path):
    keep(tmp_path, *"aba")

    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert connection.execute("SELECT count(*) FROM content").fetchone() == (2,)


def test_inventory_and_world_are_told_apart(tmp_path):
    keep(tmp_path, "a")
    keep(tmp_path, "a", kind=INVENTORY)

    assert (len(entries(tmp_path)), len(entries(tmp_path, INVENTORY))) == (1, 1)


def test_the_inventory_of_a_moment_is_the_newest_not_after_it(tmp_path):
    keep(tmp_path, *"ab", kind=INVENTORY)

    with open_archive(tmp_path) as archive:
        assert archive.find_latest(INVENTORY, ago(seconds=1)) is None
        assert archive.find_latest(INVENTORY, NOON + timedelta(seconds=30)).as_of == NOON


def test_an_error_in_between_leaves_the_archive_as_it_was(tmp_path):
    keep(tmp_path, "a")

    with pytest.raises(ZeroDivisionError), edit_archive(tmp_path) as archive:  # noqa: PT012
        archive.add_world(WorldFiles(NOON + timedelta(minutes=9), {"services.json": b"b"}, NOON))
        raise ZeroDivisionError

    assert len(entries(tmp_path)) == 1


def test_pruning_by_age_keeps_the_newest_world_whatever_its_age(tmp_path):
    keep(tmp_path, *"abc")

    with edit_archive(tmp_path) as archive:
        assert archive.prune(before=NOON + timedelta(days=1)) == 2

    assert [entry.as_of for entry in entries(tmp_path)] == [NOON + timedelta(minutes=2)]


def test_pruning_by_size_drops_the_oldest_first(tmp_path):
    keep(tmp_path, *[os.urandom(5000).hex() for _ in range(4)])

    with edit_archive(tmp_path) as archive:
        archive.prune(max_bytes=archive.size_bytes() * 6 // 10)

    assert [entry.as_of for entry in entries(tmp_path)] == [NOON + timedelta(minutes=minute) for minute in (2, 3)]


def test_pruning_keeps_the_inventory_that_the_oldest_world_was_judged_against(tmp_path):
    keep(tmp_path, *"xyz", kind=INVENTORY)
    keep(tmp_path, *"abc")

    with edit_archive(tmp_path) as archive:
        archive.prune(before=NOON + timedelta(minutes=1))

    assert [entry.as_of for entry in entries(tmp_path, INVENTORY)] == [NOON + timedelta(minutes=m) for m in (1, 2)]


def test_what_is_pruned_gives_its_space_back(tmp_path):
    keep(tmp_path, *[os.urandom(50_000).hex() for _ in range(4)])
    before = (tmp_path / FILE_NAME).stat().st_size

    with edit_archive(tmp_path) as archive:
        archive.prune(before=NOON + timedelta(days=1))
    shrink_archive(tmp_path)

    assert (tmp_path / FILE_NAME).stat().st_size < before / 2


def test_an_exported_world_is_a_folder_named_by_its_time(tmp_path):
    keep(tmp_path, "a")

    with open_archive(tmp_path) as archive:
        folder = export_world(archive, archive.list_entries()[0], tmp_path / "out")

    assert folder.name == "2026-05-27T120000.000000Z"
    assert (folder / "services.json").read_text() == "a"
    assert (folder / "services.json").stat().st_mtime == ago(minutes=1).timestamp()


def test_a_file_name_that_leads_out_of_the_folder_is_refused(tmp_path):
    keep(tmp_path, "evil", name="../../evil")

    with open_archive(tmp_path) as archive, pytest.raises(HistoryError, match="leads out"):
        export_world(archive, archive.list_entries()[0], tmp_path / "out")


def test_a_damaged_content_is_an_error_and_not_a_world(tmp_path):
    keep(tmp_path, "a")
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE content SET data = x'00'")

    with open_archive(tmp_path) as archive, pytest.raises(HistoryError, match="damaged"):
        archive.read_contents(archive.list_entries()[0].snapshot)


def test_what_a_killed_run_left_half_written_is_undone_by_the_next_reader(tmp_path):
    keep(tmp_path / "state", "a")
    with edit_archive(tmp_path / "state") as archive:
        archive.connection.execute("PRAGMA cache_size = 1")
        archive.add_world(WorldFiles(NOON + timedelta(hours=1), {"services.json": os.urandom(500_000)}, NOON))
        shutil.copytree(tmp_path / "state", tmp_path / "killed")

    assert [entry.as_of for entry in entries(tmp_path / "killed")] == [NOON]
    assert len(entries(tmp_path / "state")) == 2


def test_a_damaged_archive_is_a_clear_error_to_a_backfill(tmp_path):
    (tmp_path / FILE_NAME).write_text("not a database, though long enough to be taken for one" * 10)

    with pytest.raises(HistoryError, match="cannot be read"):
        ArchiveSource(tmp_path).list_snapshots()


def test_an_archive_that_may_not_be_written_is_read(tmp_path):
    keep(tmp_path, "a")
    (tmp_path / FILE_NAME).chmod(0o400)
    tmp_path.chmod(0o500)

    assert len(entries(tmp_path)) == 1
    tmp_path.chmod(0o700)


def test_no_archive_and_a_file_that_is_none_are_clear_errors(tmp_path):
    with pytest.raises(HistoryError, match="no archive yet"):
        entries(tmp_path)
    (tmp_path / FILE_NAME).write_text("not a database, though long enough to be taken for one" * 10)
    with pytest.raises(HistoryError, match="cannot be read"):
        entries(tmp_path)
    with pytest.raises(HistoryError, match="cannot be opened"):
        keep(tmp_path, "a")


def test_the_archive_is_readable_by_its_owner_alone(tmp_path):
    keep(tmp_path / "state", "a")

    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_microseconds_there_and_back_are_exact():
    moments = [NOON + timedelta(microseconds=step) for step in (0, 1, 999_999)]

    assert [from_micros(to_micros(moment)) for moment in moments] == moments
    assert all(to_micros(b) > to_micros(a) for a, b in pairwise(moments))


@pytest.mark.parametrize(
    "damage",
    ["UPDATE snapshot SET as_of = as_of + 4096", "UPDATE file SET name = 'servicer.json'", "DELETE FROM file"],
)
def test_a_snapshot_that_is_not_as_it_was_written_is_an_error_and_not_another_world(tmp_path, damage):
    keep(tmp_path, "one")
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute(damage)

    with open_archive(tmp_path) as archive, pytest.raises(HistoryError, match="damaged"):
        archive.read_contents(archive.list_entries()[0].snapshot)


def test_an_archive_of_an_earlier_version_is_read_and_gets_sums_from_then_on(tmp_path):
    keep(tmp_path, "one")
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute("ALTER TABLE snapshot DROP COLUMN seal")
    with open_archive(tmp_path) as archive:
        assert archive.read_contents(1) == {"services.json": b"one"}

    keep(tmp_path, "one", "two")

    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert [row[0] is not None for row in connection.execute("SELECT seal FROM snapshot ORDER BY as_of")] == [
            False,
            True,
        ]
