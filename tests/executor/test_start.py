"""What the look at the machine says to a start."""

import time
from dataclasses import replace
from datetime import timedelta
from threading import Event
from types import SimpleNamespace

import pytest

from flows import act
from flows.executor.claim import Claim
from flows.executor.news import stamp_news, wait_for_news
from flows.executor.order import Preflight, Ran
from flows.executor.start import Hands
from flows.executor.work import Executor
from flows.ledger.actions.append import LedgerWriteError
from flows.ledger.actions.places import ActionPlace
from flows.settings import load_settings
from schemas.ledger_words import Result
from tests.helpers.acting_home import Home

pytestmark = pytest.mark.wide


@pytest.mark.parametrize(
    ("kinds", "is_requested", "look"),
    [
        pytest.param(("unhealthy_service",), False, Preflight.ALREADY_HEALTHY, id="it is well by now"),
        pytest.param(
            ("failed_deployment", "missing_service"), False, Preflight.ALREADY_HEALTHY, id="it is there by now"
        ),
        pytest.param(("failed_deployment",), False, Preflight.OK, id="what failed to deploy left the old one well"),
        pytest.param(("unhealthy_service",), True, Preflight.OK, id="a person means it"),
    ],
)
def test_that_it_is_well_speaks_only_against_what_makes_well(kinds, is_requested, look):
    backend = SimpleNamespace(preflight=lambda _: Preflight.ALREADY_HEALTHY)
    started = SimpleNamespace(basis=SimpleNamespace(causing_kinds=kinds))

    assert Hands(None, None)._look(backend, None, SimpleNamespace(is_requested=is_requested), started) is look


@pytest.mark.parametrize("said", [("halt",), ("hold", "piha/web", "--until", "2h")], ids=["halt", "hold"])
def test_what_is_said_while_the_machine_is_looked_at_keeps_from_starting(tmp_path, monkeypatch, said):
    home = Home(tmp_path)
    home.configure(start_grace="0s")
    home.run("act", "--once")
    home.fall_sick("piha/web")
    for _ in range(3):
        home.run("reconcile", "-q")
        home.pass_time(seconds=30)
    looked = []

    def look(*_):
        looked.append(home.run(*said, "--reason", "wait").code)
        return Preflight.OK

    monkeypatch.setattr("flows.executor.backends.script.ScriptBackend.preflight", look)
    home.run("act", "--once")

    assert looked == [0]
    assert home.calls() == home.records("started") == []


def test_who_is_not_the_last_executor_that_began_starts_nothing(tmp_path, monkeypatch):
    home = Home(tmp_path)
    home.configure(start_grace="0s")
    home.propose()
    mind = act.make_mind(load_settings({}, home.folder / "supervisor.yaml").settings)

    def look(*_):
        Claim(mind.place, mind).take()
        return Preflight.OK

    monkeypatch.setattr("flows.executor.backends.script.ScriptBackend.preflight", look)
    said = home.run("act", "--once")

    assert (said.code, home.calls(), home.records("started")) == (4, [], [])
    assert "another executor has begun since" in said.err


def test_a_machine_that_is_barred_is_an_attempt_of_which_nothing_is_sent(tmp_path, monkeypatch):
    home = Home(tmp_path)
    home.configure(start_grace="0s", max_no_effect=1)
    home.propose()
    backend = "flows.executor.backends.script.ScriptBackend"
    monkeypatch.setattr(f"{backend}.preflight", lambda *_: Preflight.BARRED)
    monkeypatch.setattr(f"{backend}.run", lambda *_: Ran(Result.DONE))
    home.run("act", "--once")
    home.pass_time(seconds=30)
    home.run("reconcile", "-q")

    assert [record["result"] for record in home.records("ended")] == ["no_effect"]
    assert [record["reason"] for record in home.records("escalated")] == ["no_effect"]
    assert "1 escalated: a person is needed for piha/web" in home.run("status", "--as-of", home.now.isoformat()).out


def test_an_executor_whose_words_could_not_be_written_goes_on_and_settles_them(tmp_path, monkeypatch):
    home = Home(tmp_path)
    home.configure(start_grace="0s")
    home.propose()
    settings = load_settings({}, home.folder / "supervisor.yaml").settings
    settings = replace(settings, watch_max_interval=timedelta(seconds=1))
    write, stop, complaints = Hands._write_ended, Event(), []

    def fail(*_):
        monkeypatch.setattr(Hands, "_write_ended", write)
        raise LedgerWriteError("no space left on device")

    def end_when_it_is_settled(*_):
        if home.records("lost"):
            stop.set()
        return True

    monkeypatch.setattr(Hands, "_write_ended", fail)
    monkeypatch.setattr(act, "sweep_outputs", end_when_it_is_settled)
    act.act_watch(settings, stop, lambda _: None, complaints.append)

    assert complaints == ["no space left on device"]
    [started], [lost] = home.records("started"), home.records("lost")
    assert (lost["intent_id"], lost["fence"] > started["fence"]) == (started["intent_id"], True)
    assert len(home.calls()) == 1


@pytest.mark.parametrize("is_waiting", [True, False])
def test_while_something_waits_to_be_started_a_run_is_news(tmp_path, monkeypatch, is_waiting):
    place, looks = ActionPlace(tmp_path), iter((False, False, True))

    def look(_):
        place.journals.mkdir(exist_ok=True)
        place.memory.write_text("a run")
        return next(looks)

    stop = SimpleNamespace(wait=look)
    wait_for_news(place, stop, time.monotonic() + 60, stamp_news(place), with_runs=is_waiting)

    assert len([*looks]) == (2 if is_waiting else 0)


def test_the_executor_knows_that_something_waits_to_be_started(tmp_path):
    home = Home(tmp_path)
    home.configure(start_grace="0s")
    home.propose()
    home.run("hold", "piha/web", "--until", "2h", "--reason", "x")
    settings = load_settings({}, home.folder / "supervisor.yaml").settings
    mind = act.make_mind(settings)
    executor = Executor(Claim(mind.place, mind))

    assert [*executor.work(act.make_workshop(settings))] == []
    assert executor.is_waiting


def test_what_is_said_while_the_executor_looks_is_news(tmp_path, monkeypatch):
    home = Home(tmp_path)
    home.configure(start_grace="0s")
    home.propose()
    settings = load_settings({}, home.folder / "supervisor.yaml").settings
    looks, stop, work = [], Event(), Executor.work

    def look(executor, workshop):
        yield from work(executor, workshop)
        looks.append(home.run("hold", "piha/db", "--until", "2h", "--reason", "x").code)
        if len(looks) == 2:
            stop.set()

    begun_s = time.monotonic()
    monkeypatch.setattr(Executor, "work", look)
    act.act_watch(settings, stop, lambda _: None, lambda _: None)

    assert looks == [0, 0]
    assert time.monotonic() - begun_s < settings.watch_max_interval.total_seconds() / 2


def test_what_the_executor_itself_says_is_no_news(tmp_path):
    place = ActionPlace(tmp_path)
    place.journals.mkdir()
    before = stamp_news(place)
    (place.journals / "executor-1.jsonl").write_text("a start")
    assert stamp_news(place) == before
    (place.journals / "operator-1.jsonl").write_text("a hold")
    assert stamp_news(place) != before
