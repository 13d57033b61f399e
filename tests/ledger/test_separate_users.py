"""Three users share one ledger: each writes their own journal, all read all."""

import os
from pathlib import Path
from tempfile import gettempdir

import pytest

from flows.errors import SupervisorError
from flows.ledger.actions.journals import part_path, read_journals
from flows.ledger.actions.memory_file import Remembered, read_remembered, write_remembered
from flows.ledger.actions.places import ActionPlace
from schemas.ledger_words import Role
from schemas.memory import Memory
from tests.crash.journal_driver import append
from tests.helpers.episodes import NOON

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")
DECIDER, EXECUTOR, ANNA, MALLORY, GROUP = 54001, 54002, 54003, 54004, 54100


@pytest.fixture
def place(tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(gettempdir()) and folder != Path(gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o055)
    root = tmp_path / "actions"
    for folder in (root, root / "journal"):
        folder.mkdir()
        os.chown(folder, 0, GROUP)
        folder.chmod(0o1770)
    lock = root / "journal" / "lock"
    lock.touch()
    os.chown(lock, 0, GROUP)
    lock.chmod(0o660)
    return ActionPlace(root, decider_uids=frozenset({DECIDER}), executor_uids=frozenset({EXECUTOR}))


def be(uid, work, group=GROUP):
    """Do something as another user with a mask that shares nothing; return whether it went well."""
    child = os.fork()
    if child == 0:
        try:
            os.umask(0o077)
            os.setgroups([GROUP] if group else [])
            os.setegid(uid)
            os.seteuid(uid)
            os._exit(0 if work() is not False else 2)
        except (SupervisorError, OSError):
            os._exit(1)
        except BaseException:  # noqa: BLE001 - the child must end here, whatever it was
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_each_writes_their_own_journal_and_reads_all(place):
    said = [
        be(uid, lambda role=role: append(place.root, role, [str(role)], place))
        for uid, role in (
            (DECIDER, Role.DECIDER),
            (ANNA, Role.OPERATOR),
            (EXECUTOR, Role.EXECUTOR),
            (DECIDER, Role.DECIDER),
        )
    ]

    assert said == [0, 0, 0, 0]
    assert be(EXECUTOR, lambda: len(read_journals(place).lines) == 4 and not read_journals(place).problems) == 0
    assert [line.uid for line in read_journals(place).lines] == [DECIDER, ANNA, EXECUTOR, DECIDER]
    assert part_path(place, Role.OPERATOR, ANNA).stat().st_mode & 0o777 == 0o640


def test_nobody_writes_or_replaces_the_journal_of_another(place):
    be(EXECUTOR, lambda: append(place.root, Role.EXECUTOR, ["x"], place))
    path = part_path(place, Role.EXECUTOR, EXECUTOR)

    assert be(ANNA, lambda: path.open("ab").close()) == 1
    assert be(ANNA, path.unlink) == 1
    assert be(ANNA, lambda: path.rename(path.with_name("y"))) == 1


def test_a_role_that_is_not_theirs_is_noticed_and_breaks_the_ledger(place):
    be(MALLORY, lambda: append(place.root, Role.EXECUTOR, ["x"], ActionPlace(place.root)))

    assert "54004 is no executor here" in read_journals(place).problems[0]


def test_who_is_not_in_the_group_writes_nothing(place):
    assert be(MALLORY, lambda: append(place.root, Role.OPERATOR, ["x"], place), group=None) == 1


def test_the_executor_reads_the_deciders_memory_and_nobody_elses(place):
    memory = Remembered(as_of=NOON, world_at=NOON, memory=Memory(), episodes=())
    assert be(DECIDER, lambda: write_remembered(place, memory)) == 0
    assert be(EXECUTOR, lambda: read_remembered(place) == memory) == 0
    place.memory.unlink()
    assert be(MALLORY, lambda: write_remembered(place, memory)) == 0
    assert be(EXECUTOR, lambda: read_remembered(place)) == 1
