"""A fleet that is upgraded in the middle of an outage: nothing is lost, and nothing is told twice."""

import json
import re
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.files.sealed import unseal
from flows.ledger.history import scan_history
from tests.helpers.command_line import Said, call
from tests.helpers.examples import HOMELAB
from tests.helpers.inbox import Inbox, open_inbox

KEPT = Path(__file__).parent / "before-second-edition"
AFTER, MORNING = "2026-06-03T19:42:30Z", "2026-06-04T06:00:00Z"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""Apprise's plug-ins warn when they are loaded."""


def run(folder: Path, inbox: Inbox, world: str, at: str) -> int:
    """Reconcile where the version before left its files; return the exit code."""
    return reconcile(folder, inbox, world, at, "--quiet").code


def reconcile(folder: Path, inbox: Inbox, world: str, at: str, *more: str) -> Said:
    """Reconcile, and return what was said."""
    places = {
        "STATE_DIR": folder / "state",
        "CHECKPOINT": folder / "checkpoint.json",
        "EVENT_LOG": folder / "events.log",
    }
    inputs = {"INVENTORY": HOMELAB, "WORLD": HOMELAB / world, "NOTIFY_URLS": inbox.address}
    variables = {f"SUPERVISOR_{name}": str(value) for name, value in (places | inputs).items()}
    return call(folder, "reconcile", *more, "--as-of", at, **variables)


def events(folder: Path) -> list[tuple[str, str]]:
    """Return transition and id of each event of the log."""
    payloads = [json.loads(line)["payload"] for line in (folder / "events.log").read_text().splitlines()]
    return [(payload["transition"], payload["recommendation_id"]) for payload in payloads]


def test_an_upgrade_in_the_middle_of_an_outage_loses_nothing_and_tells_nothing_twice(tmp_path):
    folder = Path(shutil.copytree(KEPT, tmp_path / "kept"))
    before = events(folder)
    with open_inbox() as inbox:
        assert run(folder, inbox, "world", AFTER) == 2
        assert (events(folder), inbox.posts) == (before, [])
        assert run(folder, inbox, "world-nominal", MORNING) == 0
        said = "\n".join(post["title"] + post["message"] for post in inbox.posts)
    log = str(folder / "events.log")
    verified = call(
        folder, "log", "verify", SUPERVISOR_EVENT_LOG=log, SUPERVISOR_CHECKPOINT=str(folder / "checkpoint.json")
    )

    assert Counter(events(folder)) == Counter([*before, *(("resolved", name) for _, name in before)])
    assert {name for _, name in before} >= {"failover-review-saturn-all", "redeploy-solaria-whisper"}
    assert verified.code == 0
    assert "saturn resolved after" in said
    assert said.count("mosquitto on piha resolved") == 1
    assert "whisper" not in said  # it was acknowledged


def test_the_history_of_before_is_read_beside_that_of_now(tmp_path):
    folder = Path(shutil.copytree(KEPT, tmp_path / "kept"))
    with open_inbox() as inbox:
        run(folder, inbox, "world", AFTER)
    since = datetime(2026, 6, 3, tzinfo=UTC)
    drift = scan_history(folder / "state", "drift", since).collect()

    counts = dict(drift.group_by("as_of").len().sort("as_of").iter_rows())
    assert list(counts.values()) == [19, 19, 21]  # an old failure and an unexpected node are drift now
    assert drift.filter(as_of=min(counts))["cause"].null_count() == 19
    assert drift.filter(as_of=max(counts))["cause"].null_count() == 0


def test_the_archive_of_before_is_replayed(tmp_path):
    folder = Path(shutil.copytree(KEPT, tmp_path / "kept"))
    (folder / "rules.yaml").write_text("node_drift_min: 3\n")

    said = call(folder, "replay", "--rules", str(folder / "rules.yaml"), "--since", "2026-06-03")

    assert said.code == 0, said
    assert "2 " in said.out


def newer_archive(file: Path) -> None:
    with closing(sqlite3.connect(file)) as archive:
        archive.execute("PRAGMA user_version = 99")


def newer_form(file: Path) -> None:
    for copy in file.parent.glob(f"{file.name}*"):
        copy.write_bytes(re.sub(rb'"version": ?[12]', b'"version":99', unseal(copy.read_bytes()), count=1))


NEWER = {
    "checkpoint.json": (newer_form, 1),
    "state/acknowledgements.json": (newer_form, 2),
    "state/archive.sqlite": (newer_archive, 2),
    "state/notifications.json": (newer_form, 2),
}
"""What a newer supervisor may have left, and the exit code of a run: what only stands beside it does not fail it."""


@pytest.mark.parametrize("name", NEWER)
def test_what_a_newer_supervisor_wrote_is_refused_by_name_and_stays(tmp_path, name):
    folder = Path(shutil.copytree(KEPT, tmp_path / "kept"))
    make_newer, code = NEWER[name]
    make_newer(folder / name)
    before = read_all(folder)

    with open_inbox() as inbox:
        said = reconcile(folder, inbox, "world-nominal" if code == 1 else "world", AFTER)

    after = read_all(folder)
    assert said.code == code
    assert f"{folder / name}: was written by a newer supervisor: found format 99, this one reads up to" in " ".join(
        said.out.split()
    )
    assert after[folder / name] == before[folder / name]
    if code == 1:
        assert after == before


def read_all(folder: Path) -> dict[Path, bytes]:
    """Return what every file but the locks holds."""
    files = [path for path in folder.rglob("*") if path.is_file() and "lock" not in path.name]
    return {path: path.read_bytes() for path in files}


def test_a_day_that_a_newer_supervisor_wrote_to_is_read_and_not_merged(tmp_path, monkeypatch):
    folder = Path(shutil.copytree(KEPT, tmp_path / "kept"))
    with open_inbox() as inbox, monkeypatch.context() as newer:
        newer.setattr("flows.ledger.history_writer.HISTORY_VERSION", 99)
        run(folder, inbox, "world", AFTER)
    before = read_all(folder / "state/history")
    said = call(folder, "history", "compact")

    assert said.code == 1
    assert "was written by a newer supervisor: found format 99" in said.out
    assert read_all(folder / "state/history") == before
    assert call(folder, "history", "--since", "2026-06-03").code == 0
