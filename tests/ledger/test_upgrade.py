"""A fleet that is upgraded in the middle of an outage: nothing is lost, and nothing is told twice."""

import json
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.ledger.history import scan_history
from tests.helpers.command_line import call
from tests.helpers.examples import HOMELAB
from tests.helpers.inbox import Inbox, open_inbox

KEPT = Path(__file__).parent / "before-second-edition"
AFTER, MORNING = "2026-06-03T19:42:30Z", "2026-06-04T06:00:00Z"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""Apprise's plug-ins warn when they are loaded."""


def run(folder: Path, inbox: Inbox, world: str, at: str) -> int:
    """Reconcile where the version before left its files; return the exit code."""
    places = {
        "STATE_DIR": folder / "state",
        "CHECKPOINT": folder / "checkpoint.json",
        "EVENT_LOG": folder / "events.log",
    }
    inputs = {"INVENTORY": HOMELAB, "WORLD": HOMELAB / world, "NOTIFY_URLS": inbox.address}
    variables = {f"SUPERVISOR_{name}": str(value) for name, value in (places | inputs).items()}
    return call(folder, "reconcile", "--quiet", "--as-of", at, **variables).code


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
