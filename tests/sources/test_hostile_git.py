"""A stranger's Git repository runs no program, reaches no network, and takes no memory or time that it should not."""

import os
import subprocess
import tracemalloc
import zlib
from datetime import timedelta
from hashlib import sha1
from pathlib import Path

import pytest

from flows.errors import HistoryError, InventoryError
from flows.sources.snapshots import git_objects
from flows.sources.snapshots.git_objects import GitObjects, OddObjectError
from flows.sources.snapshots.inventories import GitInventories
from flows.sources.snapshots.worlds import GitSource
from schemas.limits import Limits
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import commit, commit_all, inventory, world

LATER = NOON + timedelta(hours=1)
ROOMY = Limits(max_inventory_file_bytes=1024 * 1024)


@pytest.fixture
def repository(tmp_path):
    """Return a repository with an inventory and a world of noon."""
    files = inventory(piha=["web"], vps=["mail"]) | {f"world/{n}": d for n, d in world(NOON, "piha/web").items()}
    commit(tmp_path / "repo", NOON, files)
    return tmp_path / "repo"


@pytest.fixture
def trap(tmp_path):
    """Return a program, and a file that it makes when something runs it."""
    sprung = tmp_path / "sprung"
    program = tmp_path / "trap.sh"
    program.write_text(f"#!/bin/sh\ntouch {sprung}\nexit 1\n")
    program.chmod(0o755)
    return program, sprung


def configure(repository: Path, **settings: str) -> None:
    for name, value in settings.items():
        subprocess.run(["git", "-C", repository, "config", name.replace("__", "."), value], check=True)


def git(repository: Path, *arguments: str, given: bytes | None = None) -> str:
    done = subprocess.run(["git", "-C", repository, *arguments], check=True, input=given, capture_output=True)
    return done.stdout.decode().strip()


def add_object(repository: Path, kind: str, data: bytes) -> str:
    """Put an object into the store as it is, valid or not."""
    whole = f"{kind} {len(data)}".encode() + b"\0" + data
    digest = sha1(whole, usedforsecurity=False).hexdigest()
    place = repository / ".git/objects" / digest[:2] / digest[2:]
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(zlib.compress(whole))
    return digest


def put_commit(repository: Path, tree: str, *, seconds: str = str(int(LATER.timestamp())), more: str = "") -> str:
    """Put a commit on the branch, as odd as it is given."""
    parent = git(repository, "rev-parse", "HEAD")
    who = f"a <a@b.example> {seconds} +0000"
    text = f"tree {tree}\nparent {parent}\nauthor {who}\ncommitter {who}\n{more}\nodd\n"
    digest = add_object(repository, "commit", text.encode())
    (repository / ".git/refs/heads/main").write_text(f"{digest}\n")
    return digest


def tree_of(*entries: tuple[str, bytes, str]) -> bytes:
    return b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(digest) for mode, name, digest in entries)


def read_all(repository: Path, limits: Limits = ROOMY) -> list[object]:
    """Read all that can be read of a repository, as an inventory and as a world."""
    inventories, source = GitInventories(repository, limits), GitSource(repository, limits)
    try:
        version = inventories.version_at(LATER)
        return [inventories.read_version(version), *map(source.read_world, source.list_snapshots())]
    finally:
        inventories.close()
        source.close()


def test_no_signature_is_checked_whatever_the_configuration_says(repository, trap):
    program, sprung = trap
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\n"
    put_commit(repository, git(repository, "rev-parse", "HEAD^{tree}"), more=signature)
    configure(repository, log__showSignature="true", gpg__program=str(program))
    subprocess.run(["git", "-C", repository, "log"], check=True, capture_output=True)
    assert sprung.exists(), "the trap does not work"
    sprung.unlink()

    assert read_all(repository)
    assert not sprung.exists()


def test_no_object_is_fetched_for_a_partial_clone(repository, trap):
    program, sprung = trap
    blob = git(repository, "rev-parse", "HEAD:hosts/piha/services.yaml")
    (repository / ".git/objects" / blob[:2] / blob[2:]).unlink()
    configure(repository, core__repositoryFormatVersion="1", extensions__partialClone="origin")
    configure(repository, remote__origin__url="ssh://nowhere.invalid/x", remote__origin__promisor="true")
    configure(repository, core__sshCommand=str(program))
    subprocess.run(["git", "-C", repository, "cat-file", "-p", blob], check=False, capture_output=True)
    assert sprung.exists(), "the trap does not work"
    sprung.unlink()

    files = read_all(repository)[0]

    assert not sprung.exists()
    assert "is absent" in files.unreadable["hosts/piha/services.yaml"]


@pytest.mark.parametrize("setting", ["core.fsmonitor", "core.pager", "core.hooksPath", "uploadpack.packObjectsHook"])
def test_no_setting_of_the_repository_is_heard(repository, trap, setting):
    program, sprung = trap
    configure(repository, **{setting.replace(".", "__"): str(program)})

    assert read_all(repository)
    assert not sprung.exists()


def test_a_bare_repository_inside_an_inventory_is_no_repository_of_its_own(repository):
    inner = repository / "hosts/piha"
    git(repository, "init", "--quiet", "--bare", str(inner / "x"))
    for part in (inner / "x").iterdir():
        part.rename(inner / part.name)

    with GitObjects(repository / "hosts/vps") as objects:
        assert len(objects.list_commits()) == 1
        assert objects.find_prefix() == "hosts/vps"
    with GitObjects(inner / "refs") as objects:
        assert objects.find_prefix() == "hosts/piha/refs"


def test_the_environment_of_git_is_ours(repository, trap, monkeypatch):
    program, sprung = trap
    for name in ("GIT_PAGER", "GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_ASKPASS"):
        monkeypatch.setenv(name, str(program))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_TRACE", str(sprung))

    assert read_all(repository)
    assert not sprung.exists()


def test_a_large_blob_is_refused_before_any_of_it_is_read(repository):
    (repository / "hosts/vps/services.yaml").write_bytes(b"#" * 100_000_000)
    commit_all(repository, LATER)

    tracemalloc.start()
    try:
        files = read_all(repository)[0]
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert files.unreadable == {"hosts/vps/services.yaml": "100000000 bytes, over the limit of 1048576"}
    assert peak_bytes < 20_000_000


def test_one_content_named_a_thousand_times_is_held_to_the_limit_of_all(repository):
    blob = git(repository, "hash-object", "-w", "--stdin", given=b"#" * 1_000_000)
    leaf = add_object(repository, "tree", tree_of(("100644", b"services.yaml", blob)))
    hosts = add_object(repository, "tree", tree_of(*[("40000", b"n%04d" % n, leaf) for n in range(1000)]))
    put_commit(repository, add_object(repository, "tree", tree_of(("40000", b"hosts", hosts))))

    with pytest.raises(InventoryError, match="over limits.max_inventory_bytes"):
        read_all(repository, Limits(max_inventory_bytes=50_000_000))


ODD_TREES = [
    pytest.param(b"100644 no end", id="torn"),
    pytest.param(b"100644 name\0short", id="a digest cut off"),
    pytest.param(b"\0" * 30, id="an entry without mode and name"),
    pytest.param(b"40000 \xff\xfe\0" + b"\1" * 20, id="a name that is no text, of a tree that is absent"),
    pytest.param(b"100644 ../../x\0" + b"\1" * 20, id="a name with slashes"),
]


@pytest.mark.parametrize("tree", ODD_TREES)
def test_an_odd_tree_is_a_fault_of_its_folder_alone(repository, tree):
    odd = add_object(repository, "tree", tree)
    good = git(repository, "rev-parse", "HEAD:hosts/piha")
    hosts = add_object(repository, "tree", tree_of(("40000", b"odd", odd), ("40000", b"piha", good)))
    put_commit(repository, add_object(repository, "tree", tree_of(("40000", b"hosts", hosts))))

    files = read_all(repository)[0]

    assert list(files.contents) == ["hosts/piha/services.yaml"]


@pytest.mark.parametrize("tree", ODD_TREES[:3])
def test_an_odd_tree_is_a_commit_passed_over_by_name(repository, tree):
    odd = add_object(repository, "tree", tree)
    digest = put_commit(repository, add_object(repository, "tree", tree_of(("40000", b"world", odd))))
    source = GitSource(repository, ROOMY)

    assert [snapshot.as_of for snapshot in source.list_snapshots()] == [NOON]
    source.close()
    assert [digest[:12] in problem for problem in source.problems] == [True]


@pytest.mark.parametrize("seconds", ["99999999999999", "1" * 18])
def test_a_commit_of_no_time_is_passed_over_by_name(repository, seconds):
    digest = put_commit(repository, git(repository, "rev-parse", "HEAD^{tree}"), seconds=seconds)

    with GitObjects(repository) as objects:
        assert [one.committed_at for one in objects.list_commits()] == [NOON]
        assert digest[:12] in objects.problems[0]


def test_a_damaged_object_is_named_and_the_next_is_read(repository):
    with GitObjects(repository) as objects:
        bad = add_object(repository, "blob", bytes(range(256)) * 40)
        place = repository / ".git/objects" / bad[:2] / bad[2:]
        place.write_bytes(place.read_bytes()[:100])
        with pytest.raises(OddObjectError, match=bad):
            objects.read(bad, 20_000)

        assert objects.read("HEAD:hosts/piha/services.yaml", 10_000) == b"services:\n  web: {}\n"


def test_git_that_does_not_answer_is_given_up(repository, monkeypatch):
    monkeypatch.setattr(git_objects, "ANSWER_S", 0.5)
    (repository / ".git/objects/pack").mkdir(exist_ok=True)
    os.mkfifo(repository / ".git/objects/pack/pack-1.idx")
    (repository / ".git/objects/pack/pack-1.pack").write_bytes(b"")
    blob = git_hash(b"absent")

    with GitObjects(repository) as objects, pytest.raises(OddObjectError, match=blob):
        objects.read(blob, 100)


@pytest.mark.slow
def test_a_commit_that_is_too_much_for_memory_is_refused_by_name(repository):
    tree = git(repository, "rev-parse", "HEAD^{tree}")
    who = f"a <a@b.example> {int(LATER.timestamp())} +0000"
    head, filler = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n".encode(), b"x" * 1024 * 1024
    count = 1100
    packer, digest, parts = zlib.compressobj(1), sha1(usedforsecurity=False), []
    for piece in (b"commit %d\0" % (len(head) + count * len(filler)), head, *[filler] * count):
        digest.update(piece)
        parts.append(packer.compress(piece))
    place = repository / ".git/objects" / digest.hexdigest()[:2] / digest.hexdigest()[2:]
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"".join([*parts, packer.flush()]))
    (repository / ".git/refs/heads/main").write_text(f"{digest.hexdigest()}\n")

    with GitObjects(repository) as objects, pytest.raises(HistoryError, match=f"{repository}: git rev-list"):
        objects.list_commits()


def git_hash(data: bytes) -> str:
    return sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def test_branches_tags_and_ancestors_are_found_without_the_repository_s_folder(repository):
    git(repository, "tag", "first")
    commit(repository, LATER, inventory(piha=["db"]))
    git(repository, "pack-refs", "--all")
    git(repository, "checkout", "--quiet", "-b", "topic")

    with GitObjects(repository) as objects:
        assert [len(objects.list_commits(name)) for name in ("HEAD", "main", "topic", "first", "HEAD~1")] == [
            2,
            2,
            2,
            1,
            1,
        ]
        with pytest.raises(HistoryError, match="no-such"):
            objects.list_commits("no-such")
        with pytest.raises(HistoryError):
            objects.list_commits("--output=/tmp/x")


def test_a_linked_working_tree_and_a_shallow_clone_are_read(repository, tmp_path):
    commit(repository, LATER, inventory(piha=["db"]))
    git(repository, "worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repository}", "shallow")

    for place, count in ((tmp_path / "linked", 2), (tmp_path / "shallow", 1)):
        with GitObjects(place) as objects:
            assert len(objects.list_commits()) == count


def test_a_repository_of_long_digests_is_read(tmp_path):
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "--initial-branch=main", "repo")
    commit(tmp_path / "repo", NOON, inventory(piha=["web"]))
    inventories = GitInventories(tmp_path / "repo", ROOMY)

    assert list(inventories.read_version(inventories.version_at(NOON)).contents) == ["hosts/piha/services.yaml"]
    inventories.close()


def test_what_a_killed_process_left_is_removed_by_the_next(repository, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = tmp_path / f"supervisor-scratch-{gone.pid}-abc"
    alive = tmp_path / f"supervisor-scratch-{os.getpid()}-abc"
    left.mkdir()
    alive.mkdir()

    with GitObjects(repository) as objects:
        objects.list_commits()

    assert not left.exists()
    assert alive.exists()
