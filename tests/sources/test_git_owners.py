"""A stranger's Git repository leads to nothing that its owner may not read: we would read it with our rights."""

import os
import subprocess
from pathlib import Path

import pytest

from flows.errors import HistoryError
from flows.sources.snapshots.git_objects import GitObjects
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import commit, inventory

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs files of another user")
STRANGER = 65_534


@pytest.fixture
def ours(tmp_path):
    """Return a repository that nobody but us may read."""
    commit(tmp_path / "ours", NOON, inventory(piha=["web"]))
    (tmp_path / "ours").chmod(0o700)
    return tmp_path / "ours" / ".git"


def git_file(git: Path, ours: Path) -> None:
    git.write_text(f"gitdir: {ours}\n")


def link(git: Path, ours: Path) -> None:
    git.symlink_to(ours)


def common_folder(git: Path, ours: Path) -> None:
    git.mkdir()
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "commondir").write_text(f"{ours}\n")


def with_objects(git: Path, ours: Path) -> Path:
    """Make a repository whose branch is ours; return where its objects would be."""
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_bytes((ours / "refs" / "heads" / "main").read_bytes())
    return git / "objects"


def objects_by_a_link(git: Path, ours: Path) -> None:
    with_objects(git, ours).symlink_to(ours / "objects")


def objects_by_many_links(git: Path, ours: Path) -> None:
    objects = with_objects(git, ours)
    objects.mkdir()
    for part in (ours / "objects").iterdir():
        (objects / part.name).symlink_to(part)


def alternates(git: Path, ours: Path, named: str = "{}") -> None:
    info = with_objects(git, ours) / "info"
    info.mkdir(parents=True)
    (info / "alternates").write_text(f"# ours\n{named.format(ours / 'objects')}\n")


def alternates_of_alternates(git: Path, ours: Path) -> None:
    between = git.parent / "between"
    (between / "info").mkdir(parents=True)
    (between / "info" / "alternates").write_text(f"{ours / 'objects'}\n")
    alternates(git, ours, str(between))


def alternates_in_quotes(git: Path, ours: Path) -> None:
    alternates(git, ours, '"{}"')


def refs_by_a_link(git: Path, ours: Path) -> None:
    with_objects(git, ours).mkdir()
    subprocess.run(["rm", "-r", git / "refs"], check=True)
    (git / "refs").symlink_to(ours / "refs")


@pytest.mark.parametrize(
    "lead",
    [
        git_file,
        link,
        common_folder,
        objects_by_a_link,
        objects_by_many_links,
        alternates,
        alternates_of_alternates,
        alternates_in_quotes,
        refs_by_a_link,
    ],
)
def test_what_a_stranger_s_repository_names_of_another_user_is_not_read(tmp_path, ours, lead):
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    lead(stranger / ".git", ours)
    subprocess.run(["chown", "-RhP", str(STRANGER), stranger], check=True)

    with GitObjects(stranger) as objects, pytest.raises(HistoryError, match="not read"):
        objects.list_commits()


@pytest.mark.parametrize("lead", [git_file, link, common_folder, objects_by_a_link, alternates])
def test_what_we_name_ourselves_is_read(tmp_path, ours, lead):
    (tmp_path / "mine").mkdir()
    lead(tmp_path / "mine" / ".git", ours)

    with GitObjects(tmp_path / "mine") as objects:
        assert len(objects.list_commits()) == 1


def test_what_a_stranger_names_of_their_own_is_read(tmp_path, ours):
    (tmp_path / "linked").mkdir()
    git_file(tmp_path / "linked" / ".git", ours)
    subprocess.run(["chown", "-RhP", str(STRANGER), tmp_path / "linked", ours.parent], check=True)

    with GitObjects(tmp_path / "linked") as objects:
        assert len(objects.list_commits()) == 1
