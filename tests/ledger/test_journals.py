"""The journals on disk: one chain for each role and user, together the numbers from 1 on."""

import os
import threading

import pytest

from flows.ledger.actions import append as append_module
from flows.ledger.actions import journals as journals_module
from flows.ledger.actions.append import LedgerWriteError, identify, open_ledger
from flows.ledger.actions.journals import LedgerBrokenError, part_path, read_journals
from flows.ledger.actions.places import ActionPlace
from schemas.canonical import hash_canonical, write_canonical
from schemas.ledger_words import Role
from tests.crash.journal_driver import append

UID = os.geteuid()


@pytest.fixture
def place(tmp_path):
    return ActionPlace(tmp_path / "actions")


def reasons(place):
    return [line.record["reason"] for line in read_journals(place).lines]


def write(place, *roles):
    for number, role in enumerate(roles):
        append(place.root, role, [str(number)])


def test_no_folder_is_an_empty_ledger(place):
    assert read_journals(place).lines == read_journals(place).problems == ()


def test_records_of_all_roles_are_read_in_the_order_of_their_numbers(place):
    write(place, Role.DECIDER, Role.OPERATOR, Role.EXECUTOR, Role.DECIDER)

    assert reasons(place) == ["0", "1", "2", "3"]
    assert [line.n for line in read_journals(place).lines] == [1, 2, 3, 4]


def test_a_record_says_who_wrote_it_and_follows_the_one_before_it(place):
    write(place, Role.DECIDER, Role.DECIDER)
    first, second = read_journals(place).lines

    assert first.record["by"]["uid"] == UID
    assert (first.record["prev"], second.record["prev"]) == ("0" * 64, first.digest)
    assert part_path(place, Role.DECIDER, UID).read_bytes().split(b"\n")[0] == write_canonical(first.record).encode()


def test_canonical_json_hashes_as_the_specification_says():
    evidence = ["evidence/1", "container_restart", "reconcile_required", ["unhealthy_service"]]
    evidence += [["unhealthy-service-piha-mosquitto"], [], "d" * 64, "e" * 64]
    intent = ["intent/1", "restart", "piha", "mosquitto", {}, "2026-06-03T19:42:00Z", 1, hash_canonical(evidence)]

    assert hash_canonical(evidence) == "cfa755c691f661f52df25cb94d571e91b0d585afddf3de583fc62942e86f380b"
    assert hash_canonical(intent) == "4345d6c09ad89cd569b831f4e063659a5dc218f5425d0d60a107228f2024aa6a"


def test_a_torn_last_line_is_left_out_and_cut_by_its_owner(place):
    write(place, Role.DECIDER, Role.OPERATOR)
    path = part_path(place, Role.DECIDER, UID)
    path.write_bytes(path.read_bytes() + b'{"at":"20')

    assert read_journals(place).problems == ()
    append(place.root, Role.OPERATOR, ["other"])
    assert path.read_bytes().endswith(b'{"at":"20')
    append(place.root, Role.DECIDER, ["next"])
    assert reasons(place) == ["0", "1", "other", "next"]
    assert path.with_name(f"{path.name}.torn").read_bytes() == b'{"at":"20\n'


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(
            lambda text: text.replace(b'"reason":"1"', b'"reason":"2"'), "does not follow", id="a byte changed"
        ),
        pytest.param(lambda text: text[text.index(b"\n") + 1 :], "does not follow", id="the first line removed"),
        pytest.param(lambda text: b"".join(text.splitlines(keepends=True)[:-1]), "is missing", id="a line lost"),
        pytest.param(lambda text: text.replace(b'"v":1', b'"v":2', 1), "newer", id="another version"),
        pytest.param(lambda text: b"hello\n" + text, "no record of this", id="no JSON"),
    ],
)
def test_a_changed_journal_breaks_the_ledger_and_is_not_written_to(place, spoil, says):
    write(place, Role.DECIDER, Role.DECIDER, Role.DECIDER, Role.OPERATOR)
    path = part_path(place, Role.DECIDER, UID)
    path.write_bytes(spoil(path.read_bytes()))
    before = path.read_bytes()

    assert any(says in problem for problem in read_journals(place).problems)
    with pytest.raises(LedgerBrokenError, match="actions verify"):
        append(place.root, Role.OPERATOR, ["x"])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: data.replace(b'"reason":"1"', b'"reason":"3"'), id="its content"),
        pytest.param(lambda data: data[:-1] + b"*", id="its end"),
        pytest.param(lambda data: data.replace(b"a reason", b"a\0reason"), id="a blank that became NUL"),
    ],
)
def test_a_change_of_the_last_line_breaks_the_ledger_though_no_line_follows_it(place, spoil):
    append(place.root, Role.DECIDER, ["a reason"])
    write(place, Role.DECIDER, Role.DECIDER)
    path = part_path(place, Role.DECIDER, UID)
    path.write_bytes(spoil(path.read_bytes()))

    assert "change" in read_journals(place).problems[0]


def test_a_record_of_a_version_that_did_not_seal_is_read(place):
    write(place, Role.DECIDER)
    path = part_path(place, Role.DECIDER, UID)
    record = dict(read_journals(place).lines[0].record)
    del record["seal"]
    path.write_bytes(write_canonical(record).encode() + b"\n")

    assert reasons(place) == ["0"]


def test_a_number_that_stands_twice_breaks_the_ledger(place):
    write(place, Role.DECIDER)
    other = ActionPlace(place.root.with_name("other"))
    write(other, Role.OPERATOR)
    part_path(other, Role.OPERATOR, UID).rename(part_path(place, Role.OPERATOR, UID))

    assert "twice" in read_journals(place).problems[0]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.rename(path.with_name(f"decider-{UID + 7}.jsonl")), id="of another user's name"),
        pytest.param(lambda path: os.link(path, path.with_name("more")), id="two names"),
        pytest.param(lambda path: (path.rename(path.with_name("x")), path.symlink_to("x")), id="a link"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), id="a folder"),
        pytest.param(lambda path: path.with_name("stranger.jsonl").write_text(""), id="a stranger's file"),
        pytest.param(lambda path: path.rename(path.with_name(f"decider-{UID}.2.jsonl")), id="its first part is gone"),
    ],
)
def test_a_journal_that_is_not_what_its_name_says_breaks_the_ledger(place, spoil):
    write(place, Role.DECIDER)
    spoil(part_path(place, Role.DECIDER, UID))

    assert read_journals(place).problems


@pytest.mark.skipif(UID != 0, reason="only root can give files away")
def test_a_journal_of_another_owner_breaks_the_ledger(place):
    write(place, Role.DECIDER)
    os.chown(part_path(place, Role.DECIDER, UID), 12345, -1)

    assert "12345" in read_journals(place).problems[0]


def test_a_role_that_this_user_does_not_have_breaks_the_ledger(place):
    write(place, Role.DECIDER)

    assert "is no decider here" in read_journals(ActionPlace(place.root, decider_uids=frozenset({UID + 1}))).problems[0]


def test_a_full_part_is_followed_by_another(place, monkeypatch):
    monkeypatch.setattr(append_module, "MAX_PART", 600)
    write(place, *[Role.DECIDER] * 7)

    assert part_path(place, Role.DECIDER, UID, 2).exists()
    assert reasons(place) == [str(number) for number in range(7)]


def test_a_line_that_is_too_long_is_refused(place):
    with pytest.raises(LedgerWriteError, match="1048576"):
        append(place.root, Role.EXECUTOR, ["x" * (1 << 20)])
    assert reasons(place) == []


def test_a_network_file_system_breaks_the_ledger(place, monkeypatch):
    monkeypatch.setattr(journals_module, "doubt_file_systems", lambda paths: [f"{path}: is on nfs" for path in paths])

    assert "nfs" in read_journals(place).problems[0]


def test_who_waits_too_long_for_the_lock_says_which(place):
    with open_ledger(place, identify(Role.DECIDER)), pytest.raises(LedgerWriteError, match="journal/lock"):  # noqa: SIM117
        with open_ledger(place, identify(Role.OPERATOR), timeout_s=0.05):
            pass


def test_many_who_append_at_once_leave_every_number_once(place):
    def work(role):
        for number in range(15):
            append(place.root, role, [f"{role}{number}"])
            assert read_journals(place).problems == ()

    threads = [threading.Thread(target=work, args=(role,)) for role in Role]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(reasons(place)) == sorted(f"{role}{number}" for role in Role for number in range(15))


def test_a_journal_that_a_newer_supervisor_went_on_with_is_refused_by_name_and_stays(place, monkeypatch):
    write(place, Role.DECIDER)
    with monkeypatch.context() as newer:
        newer.setattr(append_module, "VERSION", 2)
        write(place, Role.DECIDER)
    part = part_path(place, Role.DECIDER, UID)
    before = part.read_bytes()

    with pytest.raises(
        LedgerBrokenError, match=r"2: was written by a newer supervisor: found format 2, this one reads up to 1"
    ):
        write(place, Role.DECIDER)
    assert part.read_bytes() == before
