"""The directories of actions show the ledger, and say nothing by themselves."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from flows.errors import SettingsError
from flows.files.sealed import seal, unseal
from flows.ledger.actions.memory_file import VERSION, Remembered, read_remembered, write_remembered
from flows.ledger.actions.places import ActionPlace
from flows.ledger.actions.projection import project_actions, show_actions
from schemas.attempt import Intent, IntentState
from schemas.book import Book
from schemas.episode import Target
from schemas.memory import CleanTime, Memory, Progress, SeenRow
from schemas.verb import Mode, Risk, Verb
from tests.helpers.episodes import NOON

ID = "container-restart-piha-web"
WEEK = timedelta(days=7)


@pytest.fixture
def place(tmp_path):
    place = ActionPlace(tmp_path / "actions")
    place.journals.mkdir(parents=True)
    return place


def intent(state=IntentState.PENDING, name="a", **rest):
    values = {"node": "piha", "service": "web", "verb": Verb.RESTART, "risk": Risk.SAFE, "params": {}, "number": 1}
    values |= {"intent_id": name * 64, "action_id": ID, "problem_at": NOON, "evidence_fingerprint": "e" * 64}
    values |= {"recommendation_id": "r", "rule_id": "all", "mode": Mode.APPROVE, "approvals": 1, "requested": None}
    values |= {"state": state, "created_at": NOON, "updated_at": NOON, "history": (("", "pending", NOON, "root"),)}
    return Intent(**(values | rest))


def project(place, *intents, as_of=NOON):
    book = Book(intents={row.intent_id: row for row in intents})
    known = frozenset(row.action_id for row in intents)
    return project_actions(place, show_actions(book, {}, as_of, WEEK), known)


def files(place):
    return sorted(str(path.relative_to(place.root)) for path in place.root.rglob("*.json"))


@pytest.mark.parametrize(
    ("state", "folder"),
    [
        (IntentState.PENDING, "pending"),
        (IntentState.APPROVED, "approved"),
        (IntentState.RUNNING, "running"),
        (IntentState.VERIFYING, "running"),
        (IntentState.COMPLETED, "completed"),
        (IntentState.FAILED, "failed"),
        (IntentState.CANCELLED, "cancelled"),
        (IntentState.REJECTED, "rejected"),
    ],
)
def test_an_action_is_one_file_in_the_folder_of_its_status(place, state, folder):
    project(place, intent(IntentState.PENDING))
    project(place, intent(state))

    assert files(place) == [f"{folder}/{ID}.json"]
    content = json.loads((place.root / folder / f"{ID}.json").read_text())
    assert (content["status"], content["phase"], content["action_id"]) == (folder, str(state), ID)
    assert content["transition_history"] == [
        {"from": None, "to": "pending", "timestamp": int(NOON.timestamp()), "by": "root"}
    ]


def test_what_is_only_suggested_has_no_file(place):
    project(place, intent(IntentState.SUGGESTED))

    assert files(place) == []


def test_the_latest_intent_is_the_one_that_is_shown(place):
    project(place, intent(IntentState.FAILED), intent(IntentState.APPROVED, "b", created_at=NOON + timedelta(hours=1)))

    assert files(place) == [f"approved/{ID}.json"]


def test_a_file_that_was_moved_by_hand_is_put_back_and_told(place):
    project(place, intent())
    (place.root / "pending" / f"{ID}.json").rename(place.root / "approved" / f"{ID}.json")
    [remark] = project(place, intent())

    assert files(place) == [f"pending/{ID}.json"]
    assert "by hand" in remark


def test_a_transition_is_no_remark(place):
    project(place, intent())

    assert project(place, intent(IntentState.APPROVED)) == ()


def test_files_of_others_stay(place):
    project(place, intent())
    (place.root / "pending" / "theirs.json").write_text("{}")
    project(place, intent(IntentState.REJECTED))

    assert files(place) == ["pending/theirs.json", f"rejected/{ID}.json"]


def test_what_did_not_change_is_not_written_again(place):
    project(place, intent())
    before = (place.root / "pending" / f"{ID}.json").stat().st_ino
    project(place, intent(), as_of=NOON + timedelta(minutes=1))

    assert (place.root / "pending" / f"{ID}.json").stat().st_ino == before


def test_what_ended_is_shown_for_a_week(place):
    ended = intent(IntentState.COMPLETED)
    project(place, ended, as_of=NOON + WEEK - timedelta(seconds=1))
    assert files(place) == [f"completed/{ID}.json"]
    project(place, ended, as_of=NOON + WEEK)
    assert files(place) == []


def test_the_memory_comes_back_as_it_was(place):
    web = Target("piha", "web")
    memory = Memory(
        last_run=NOON,
        node_since={"piha": NOON},
        rest={web: NOON},
        clean={web: CleanTime(0.1 + 0.2, NOON)},
        seen={web: SeenRow(3, NOON)},
        progress={"a" * 64: Progress(clean_count=2, paused_s=1e-9)},
    )
    remembered = Remembered(as_of=NOON, world_at=None, memory=memory, episodes=())
    write_remembered(place, remembered)

    assert read_remembered(place) == remembered
    assert place.memory.stat().st_mode & 0o777 == 0o640


def test_a_memory_of_somebody_else_is_not_believed(place):
    write_remembered(place, Remembered(as_of=NOON, world_at=NOON, memory=Memory(), episodes=()))

    with pytest.raises(SettingsError):
        read_remembered(replace(place, decider_uids=frozenset({54321})))
    place.memory.write_text("{")
    with pytest.raises(SettingsError, match="next run"):
        read_remembered(place)


def test_a_memory_that_a_newer_supervisor_wrote_is_refused_and_stays(place):
    write_remembered(place, Remembered(as_of=NOON, world_at=NOON, memory=Memory(), episodes=()))
    newer = unseal(place.memory.read_bytes()).replace(b'"v":%d' % VERSION, b'"v":99')
    place.memory.write_bytes(seal(newer))
    before = place.memory.read_bytes()

    with pytest.raises(SettingsError, match="newer supervisor"):
        read_remembered(place)
    assert place.memory.read_bytes() == before
