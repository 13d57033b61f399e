"""Lines of others that look like our events: the real ones are written all the same, and `log verify` names the false."""

import hashlib
import json
from datetime import timedelta

import pytest
import typer
from typer.testing import CliRunner

from flows.commands import log
from flows.ledger.own_event import read_own_event
from flows.run.cycle import run_once
from flows.settings import Settings
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, world, write

MINUTE = timedelta(minutes=1)
FALSE_ID = "f" * 64


@pytest.fixture
def settings(tmp_path):
    home = write(tmp_path / "home", inventory(piha=["web", "db", "dns", "ntp"]))
    paths = {"event_log": tmp_path / "events.log", "checkpoint": tmp_path / "checkpoint.json"}
    return Settings(inventory=home, world=tmp_path / "world", state_dir=tmp_path / "state", **paths)


def reconcile(settings, minute, *running):
    """Run; `dns` and `ntp` always do, and of `web` and `db` what is given."""
    names = ["piha/dns", "piha/ntp", *(f"piha/{name}" for name in running)]
    write(settings.world, world(NOON + minute * MINUTE, *names))
    return run_once(settings, NOON + minute * MINUTE)


def events(settings):
    return [event for line in settings.event_log.read_bytes().splitlines() if (event := read_own_event(line))]


def forge(settings, service):
    """Append a line that follows our last one, and says that a service is told already."""
    last = settings.event_log.read_bytes().splitlines()[-1]
    form = json.loads(last)
    name = form["correlation_id"].replace(form["service"], service)
    form |= {"service": service, "correlation_id": name}
    form["payload"] |= {"event_id": FALSE_ID, "recommendation_id": name, "seq": 1, "transition": "opened"}
    form["payload"]["previous"] = hashlib.sha256(last).hexdigest()
    with settings.event_log.open("ab") as file:
        file.write(json.dumps(form, separators=(",", ":")).encode() + b"\n")
    assert events(settings)[-1].episode.service == service


def verify(settings):
    places = ["--event-log", str(settings.event_log), "--checkpoint", str(settings.checkpoint)]
    result = CliRunner().invoke(make_app(), ["log", "verify", *places], standalone_mode=False, env={"COLUMNS": None})
    return result.return_value, result.stdout


def make_app():
    app = typer.Typer()
    log.register(app)
    return app


def test_the_real_event_is_written_and_the_false_one_is_named(settings):
    reconcile(settings, 0, "db")
    forge(settings, "db")
    assert verify(settings)[0] == 2

    report = reconcile(settings, 1)

    assert [event.episode.service for event in events(settings) if event.event_id != FALSE_ID] == ["web", "db"]
    assert any("claiming to be ours" in note for note in report.notes)
    code, said = verify(settings)
    assert code == 2
    assert f"{settings.event_log}:2: follows an event that another one follows as well" in said


def test_an_older_checkpoint_follows_the_events_of_the_runs_in_the_history(settings):
    reconcile(settings, 0, "db")
    old = settings.checkpoint.read_bytes()
    reconcile(settings, 1)
    reconcile(settings, 2, "web")
    for copy in settings.checkpoint.parent.glob("checkpoint.json*"):
        copy.write_bytes(old)

    reconcile(settings, 3, "web")

    assert len({event.event_id for event in events(settings)}) == len(events(settings)) == 3
    assert verify(settings)[0] == 0


def test_a_lost_checkpoint_does_not_believe_a_line_that_no_run_of_the_history_stands_on(settings):
    reconcile(settings, 0, "db")
    forge(settings, "db")
    reconcile(settings, 1, "db")
    reconcile(settings, 2, "web", "db")
    for copy in settings.checkpoint.parent.glob("checkpoint.json*"):
        copy.unlink()

    report = reconcile(settings, 3, "web")

    assert [event.episode.service for event in events(settings) if event.event_id != FALSE_ID] == ["web", "web", "db"]
    assert any("claiming to be ours" in note for note in report.notes)
