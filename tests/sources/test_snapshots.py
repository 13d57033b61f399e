"""Sources of snapshots: the same worlds from a folder, tar archives, a Git repository and the archive."""

import io
import pickle
import subprocess
import tarfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import zstandard

from flows.errors import HistoryError, SettingsError, WorldUnreadableError
from flows.ledger.archive_writer import edit_archive
from flows.past.sources import find_snapshots, open_snapshots
from flows.sources.snapshots.moment_names import parse_moment_name
from flows.sources.snapshots.tars import read_tar_worlds
from flows.sources.snapshots.worlds import FolderSource
from flows.sources.world.files import FILES, WorldFiles
from schemas.limits import Limits
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import commit, world, write

LIMITS = Limits()
MOMENTS = [NOON, NOON + timedelta(minutes=5)]
WORLDS = {moment: world(moment, "piha/web") for moment in MOMENTS}


@pytest.mark.parametrize(
    "name",
    [
        "2026-05-27T12:00:00Z",
        "2026-05-27T12-00-00Z",
        "2026-05-27T14:00:00+02:00",
        "2026-05-27T070000-0500",
        "20260527T120000Z",
        "20260527T120000.000Z",
        "20260527-1200",
        "20260527_120000",
        "202605271200",
        "2026-05-27_12-00-00",
        "2026-05-27 12.00",
        "2026-05-27 12h00",
        "world-20260527T120000",
        "2026/05/27/12-00",
        "2026-05-27/1200",
        "2026/05/27/12/00",
        "snapshot_2026-05-27T12:00:00+00:00.tar.gz",
        "1779883200",
        "1779883200000",
        "1779883200000000",
        "world-1779883200.5",
    ],
)
def test_the_usual_spellings_of_a_moment_are_read(name):
    assert parse_moment_name(name) == NOON + timedelta(seconds=0.5 if name.endswith(".5") else 0)


@pytest.mark.parametrize(
    ("name", "hour"),
    [("2026-05-27_12-00", 10), ("20260127-1200", 11), ("2026-05-27T12:00Z", 12), ("2026-10-25_02-30", 0.5)],
)
def test_a_name_without_a_zone_is_in_the_one_that_is_given(name, hour):
    moment = parse_moment_name(name, ZoneInfo("Europe/Berlin"))

    assert moment.hour + moment.minute / 60 == hour


@pytest.mark.parametrize("pack", ["folder", "tar"])
def test_a_source_can_be_in_a_zone_of_its_own(tmp_path, pack):
    folder = write(tmp_path / "kept" / f"{NOON:%Y-%m-%d}_14-00", WORLDS[NOON])
    if pack == "tar":
        with tarfile.open(tmp_path / "kept" / "worlds.tar", "w") as tar:
            tar.add(folder, arcname=folder.name)

    with open_snapshots(tmp_path / "kept", LIMITS, ZoneInfo("Europe/Berlin")) as source:
        assert [ref.as_of for ref in source.list_snapshots()] == [NOON]
        source.close()


@pytest.mark.parametrize(
    "name", ["", "world", "2026-05-27", "2026-13-45T12:00:00Z", "latest", "12345", "2026-02-30T12:00Z"]
)
def test_what_spells_no_moment_is_none(name):
    assert parse_moment_name(name) is None


def _folders(place: Path) -> Path:
    for moment, files in WORLDS.items():
        write(place / f"{moment:%Y-%m-%dT%H%M%SZ}", files)
    return place


def _tar(place: Path, compress: str = "") -> Path:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=f"w:{compress.removeprefix('.').removesuffix('zst')}") as tar:  # type: ignore[call-overload]
        for moment, files in WORLDS.items():
            for name, content in files.items():
                member = tarfile.TarInfo(f"./snapshots/{moment:%Y%m%d-%H%M%S}/{name}")
                member.size, member.mtime = len(content), int(moment.timestamp())
                tar.addfile(member, io.BytesIO(content))
    place.mkdir(parents=True)
    path = place / f"worlds.tar{compress}"
    path.write_bytes(zstandard.compress(data.getvalue()) if compress == ".zst" else data.getvalue())
    return path


def _git(place: Path) -> Path:
    for moment, files in WORLDS.items():
        commit(place, moment, {f"world/{name}": data for name, data in files.items()} | {"README": b"ours"})
    return place


def _archive(place: Path) -> Path:
    with edit_archive(place) as archive:
        for moment, files in WORLDS.items():
            archive.add_world(WorldFiles(moment, files, moment))
    return place


SOURCES = {
    "folder": _folders,
    "tar": _tar,
    "tar.gz": lambda place: _tar(place, ".gz"),
    "tar.zst": lambda place: _tar(place, ".zst"),
    "folder of tars": lambda place: _tar(place, ".zst").parent,
    "git": _git,
    "archive": _archive,
}


@pytest.fixture
def opened():
    with ExitStack() as stack:
        yield lambda place: stack.enter_context(open_snapshots(place, LIMITS))


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_each_source_has_the_same_snapshots(tmp_path, opened, make):
    source = opened(make(tmp_path / "source"))

    found = {ref.as_of: dict(source.read_world(ref).contents) for ref in source.list_snapshots()}
    source.close()

    assert found == WORLDS


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_each_source_can_be_sent_to_another_process(tmp_path, opened, make):
    source = opened(make(tmp_path / "source"))
    source.list_snapshots()
    source.close()

    sent = pickle.loads(pickle.dumps(source))

    assert [ref.as_of for ref in sent.list_snapshots()] == MOMENTS
    sent.close()


def test_a_folder_whose_name_is_no_moment_is_no_snapshot(tmp_path, opened):
    write(_folders(tmp_path) / "latest", world(NOON, "piha/other"))

    assert [ref.as_of for ref in opened(tmp_path).list_snapshots()] == MOMENTS


def test_a_world_without_a_required_file_is_unreadable(tmp_path, opened):
    write(tmp_path / "2026-05-27T1200Z", {"services.json": b"{}"})
    source = opened(tmp_path)

    with pytest.raises(WorldUnreadableError, match=r"nodes\.json"):
        source.read_world(source.list_snapshots()[0])


def test_a_commit_that_did_not_touch_the_world_is_no_snapshot(tmp_path, opened):
    commit(tmp_path, NOON, WORLDS[NOON])
    commit(tmp_path, MOMENTS[1], WORLDS[NOON] | {"README": b"more"})
    source = opened(tmp_path)

    assert [ref.as_of for ref in source.list_snapshots()] == [NOON]
    source.close()


def test_a_repository_is_read_without_its_working_tree(tmp_path, opened):
    _git(tmp_path / "full")
    subprocess.run(["git", "clone", "--quiet", "--bare", str(tmp_path / "full"), str(tmp_path / "bare")], check=True)
    source = opened(tmp_path / "bare")

    assert [ref.as_of for ref in source.list_snapshots()] == MOMENTS
    source.close()


def test_what_is_no_source_is_a_clear_error(tmp_path, opened):
    with pytest.raises(SettingsError, match="no folder, tar archive"):
        opened(tmp_path / "never")


def test_a_torn_tar_is_a_clear_error(tmp_path):
    path = _tar(tmp_path / "source", ".gz")
    path.write_bytes(path.read_bytes()[:150])

    with pytest.raises(HistoryError, match="cannot be read"):
        list(read_tar_worlds(path, LIMITS))


def test_of_a_tar_nothing_but_the_files_of_worlds_is_read(tmp_path):
    path = tmp_path / "evil.tar"
    names = ["../../2026-05-27T12:00:00Z/nodes.json", "/2026-05-27T12:00:00Z/services.json", "2026-05-27T12:00/evil.sh"]
    with tarfile.open(path, "w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo("2026-05-27T12:00:00Z/incidents.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)

    assert [sorted(found.contents) for found in read_tar_worlds(path, LIMITS)] == [["nodes.json", "services.json"]]


def test_a_moment_of_a_tar_can_be_in_its_own_name(tmp_path):
    path = tmp_path / "world-2026-05-27T12-00-00Z.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo("services.json"), io.BytesIO())

    assert [found.as_of for found in read_tar_worlds(path, LIMITS)] == [NOON]


def test_a_world_whose_files_are_apart_in_a_tar_is_one(tmp_path, opened):
    with tarfile.open(tmp_path / "worlds.tar", "w") as tar:
        for name in FILES:
            for moment in MOMENTS:
                tar.addfile(tarfile.TarInfo(f"{moment:%Y%m%dT%H%M%S}/{name}"), io.BytesIO())
    source = opened(tmp_path / "worlds.tar")

    assert [sorted(source.read_world(ref).contents) for ref in source.list_snapshots()] == [sorted(FILES)] * 2
    source.close()


def test_worlds_that_did_not_change_are_snapshots_all_the_same(tmp_path, opened):
    with tarfile.open(tmp_path / "worlds.tar", "w") as tar:
        for moment in MOMENTS:
            tar.addfile(tarfile.TarInfo(f"{moment:%Y%m%dT%H%M%S}/nodes.json"), io.BytesIO())
    source = opened(tmp_path / "worlds.tar")

    assert len(source.list_snapshots()) == 2
    source.close()


def test_an_epoch_is_in_utc():
    assert parse_moment_name("1779883200") == datetime(2026, 5, 27, 12, tzinfo=UTC)


def test_of_a_torn_tar_the_whole_worlds_count_and_the_tear_is_told(tmp_path, opened):
    path = tmp_path / "worlds.tar"
    with tarfile.open(path, "w") as tar:
        for moment in MOMENTS:
            file = tarfile.TarInfo(f"{moment:%Y%m%dT%H%M%S}/services.json")
            file.size = 5000
            tar.addfile(file, io.BytesIO(bytes(5000)))
    path.write_bytes(path.read_bytes()[:8000])
    source = opened(path)

    assert [ref.as_of for ref in source.list_snapshots()] == MOMENTS[:1]
    assert ["worlds.tar: the archive cannot be read" in problem for problem in source.problems] == [True]
    source.close()


def test_a_world_whose_name_says_no_time_is_told(tmp_path):
    write(tmp_path / f"{NOON:%Y%m%dT%H%M}", WORLDS[NOON])
    write(tmp_path / "latest", WORLDS[NOON])
    source = FolderSource(tmp_path, LIMITS)

    assert len(source.list_snapshots()) == 1
    assert source.problems == (f"1 world whose names say no time, such as {tmp_path / 'latest'}",)


def test_one_snapshot_alone_can_be_named(tmp_path):
    folder = write(tmp_path / "20260527T1200", WORLDS[NOON])

    assert [ref.as_of for ref in FolderSource(folder, LIMITS).list_snapshots()] == [NOON]


def test_a_source_without_snapshots_says_what_was_expected(tmp_path):
    write(tmp_path / "27.05.2026", WORLDS[NOON])

    with pytest.raises(SettingsError, match=r"expected folders named by their time.*\n.*27\.05\.2026"):
        find_snapshots(FolderSource(tmp_path, LIMITS), None, None)
