"""`supervisor doctor` names what stands in the way, and tells no secret."""

import json
from datetime import timedelta

import pytest

from flows.cli import _run
from flows.settings import load_settings
from flows.views.doctor import Word, examine
from tests.helpers.fleet_on_disk import NOON, OK, WEB, reconcile


def found(folder, **settings):
    """Return what is found with a fleet in the folder, by name."""
    reconcile(folder, WEB, {"a/web": OK}, dry_run=False)
    places = {"inventory": "", "world": "world", "event_log": "log", "checkpoint": "checkpoint", "state_dir": "state"}
    given = {name: folder / place for name, place in places.items()}
    found = examine(load_settings(given | settings), NOON + timedelta(minutes=2))
    return {finding.name: finding for finding in found if finding.group != "space"}


def test_a_fleet_that_was_judged_is_in_nobodys_way(tmp_path):
    by_name = found(tmp_path)

    assert [name for name, finding in by_name.items() if finding.word is Word.FAULT] == []
    assert by_name["last run"].said == "2 min ago, nominal"


@pytest.mark.parametrize(
    ("name", "place", "said"),
    [
        ("inventory", "nowhere", "nowhere/hosts: not there"),
        ("world", "nowhere", "nowhere: not there"),
        ("event_log", "nowhere/log", "nowhere: not there"),
    ],
)
def test_what_is_not_there_is_named_with_what_to_do(tmp_path, name, place, said):
    finding = found(tmp_path, **{name: tmp_path / place})[name]

    assert (finding.word, finding.said.endswith(said), bool(finding.advice)) == (Word.FAULT, True, True)


def test_a_run_of_the_future_says_that_the_clock_is_wrong(tmp_path):
    reconcile(tmp_path, WEB, {"a/web": OK}, as_of=NOON + timedelta(hours=1), dry_run=False)
    loaded = load_settings({"checkpoint": tmp_path / "checkpoint"})
    last = next(finding for finding in examine(loaded, NOON) if finding.name == "last run")

    assert (last.word, last.advice) == (Word.FAULT, "check the clock")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Apprise's plug-ins
def test_no_secret_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SUPERVISOR_NOTIFY_URLS", "ntfy://hush-hush/topic hush-token")
    monkeypatch.setenv("SUPERVISOR_STATE_DIR", str(tmp_path))

    assert _run(["doctor", "--json"]) == 1
    said = capsys.readouterr().out
    words = {row["name"]: row["word"] for row in json.loads(said)["findings"]}
    assert (words["address 1"], words["address 2"]) == ("ok", "fault")
    assert "hush" not in said
