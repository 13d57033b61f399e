"""The status tells what the last run left, from the checkpoint alone, and when not to believe it."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta

import pytest

from flows.ledger.emit import open_emitter
from flows.render.status import to_document, to_lines
from flows.telling.outbox import Outbox, Queued, write_outbox
from flows.views.status import read_status
from schemas.outage import Message, News
from schemas.words import Action, EventType, Outcome, Severity, State
from stages.derive import derive_state
from stages.transition import decide_transitions
from tests.helpers.episodes import DAY, NOON, judged, last_run, paths, recommended
from tests.helpers.homelab import EVENING, environment, reconcile, supervisor

TTL = timedelta(minutes=30)
ROW = {
    "recommendation_id": "redeploy-piha-web",
    "action": "redeploy",
    "node": "piha",
    "service": "web",
    "reason": "why",
}
REDEPLOY = {**ROW, "event_type": "reconcile_required", "severity": "error"}


def commit(folder, *rows, as_of=NOON, state=State.DEGRADED, outcome=Outcome.COMPLETED, recommendations=(REDEPLOY,)):
    run = last_run(as_of, state)._replace(outcome=outcome, recommendations=recommendations, world_at=as_of)
    with open_emitter(paths(folder)) as emitter:
        changes = decide_transitions(emitter.episodes, judged(*rows, as_of=as_of), reminder_interval=DAY)
        emitter.commit(changes, run)


def status(folder, after=timedelta(minutes=1)):
    return read_status(paths(folder).checkpoint, TTL, NOON + after)


def shown(folder, after=timedelta(minutes=1)):
    return re.sub(r"\x1b\[\d*m", "", "\n".join(to_lines(status(folder, after))))


@pytest.mark.parametrize(
    ("state", "outcome", "exit_code"),
    [
        (State.NOMINAL, Outcome.COMPLETED, 0),
        (State.RECONCILING, Outcome.COMPLETED, 0),
        (State.DEGRADED, Outcome.COMPLETED, 2),
        (State.UNSTABLE, Outcome.COMPLETED, 2),
        (State.DEGRADED, Outcome.PARTIAL, 1),
    ],
)
def test_the_exit_code_is_that_of_the_last_run(tmp_path, state, outcome, exit_code):
    commit(tmp_path, state=state, outcome=outcome)

    assert status(tmp_path).exit_code == exit_code


def test_without_a_run_there_is_nothing_to_believe(tmp_path):
    found = read_status(tmp_path / "nowhere" / "checkpoint.json", TTL, NOON)

    assert (found.state, found.exit_code) == (None, 3)
    assert "no run yet" in "\n".join(to_lines(found))


def test_where_no_run_came_to_a_state_none_stands_unconfirmed(tmp_path):
    with open_emitter(paths(tmp_path)) as emitter:
        emitter.note_skipped(NOON, "services.json: torn", Outcome.SKIPPED)

    assert shown(tmp_path).endswith("SKIPPED  1 min ago: services.json: torn")


def test_its_json_writes_instants_as_every_document_does(tmp_path):
    commit(tmp_path)

    assert to_document(status(tmp_path))["as_of"] == f"{NOON:%Y-%m-%dT%H:%M:%S}Z"


@pytest.mark.parametrize(("age", "is_old"), [(TTL, False), (TTL + timedelta(microseconds=1), True)])
def test_a_run_older_than_the_setting_is_stale(tmp_path, age, is_old):
    commit(tmp_path)
    found = status(tmp_path, age)

    assert (found.is_old, found.exit_code) == (is_old, 3 if is_old else 2)
    assert ("STALE" in shown(tmp_path, age)) == is_old


@pytest.mark.parametrize(("outcome", "exit_code"), [(Outcome.SKIPPED, 3), (Outcome.FAILED, 1)])
def test_an_attempt_without_conclusions_leaves_the_last_state_unconfirmed(tmp_path, outcome, exit_code):
    commit(tmp_path)
    with open_emitter(paths(tmp_path)) as emitter:
        emitter.note_skipped(NOON, "services.json: torn", outcome)

    assert status(tmp_path).exit_code == exit_code
    assert "services.json: torn" in shown(tmp_path)
    assert "DEGRADED" in shown(tmp_path)


def test_the_derivation_names_what_put_the_fleet_in_its_state(tmp_path):
    blocked = {**ROW, "recommendation_id": "blocked", "event_type": "reconcile_blocked", "severity": "warning"}
    commit(tmp_path, state=State.UNSTABLE, recommendations=(REDEPLOY, blocked))

    assert to_document(status(tmp_path))["because_of"] == ["blocked"]


def test_what_to_do_first_is_shown_where_it_is_not_what_put_the_fleet_in_its_state(tmp_path):
    waits = {**ROW, "service": "api", "event_type": "reconcile_blocked", "severity": "error"}
    commit(tmp_path, state=State.UNSTABLE, recommendations=(REDEPLOY, waits))
    lines = shown(tmp_path).splitlines()

    assert "piha/api" in lines[lines.index("unstable because of") + 1]
    assert "piha/web" in lines[lines.index("what to do first") + 1]


def test_it_says_how_much_is_as_asked(tmp_path):
    counts = {"asked_service_count": 40, "asked_node_count": 6, "well_service_count": 38, "planned_count": 1}
    run = last_run(NOON, State.DEGRADED)._replace(counts=counts)
    with open_emitter(paths(tmp_path)) as emitter:
        emitter.commit(decide_transitions(emitter.episodes, judged(as_of=NOON), reminder_interval=DAY), run)

    assert shown(tmp_path).splitlines()[1] == "38 of 40 services on 6 nodes as asked; 1 planned to be away"


def test_open_episodes_have_their_age_and_the_worst_comes_first(tmp_path):
    commit(tmp_path, recommended("web"), as_of=NOON - DAY)
    worst = recommended("all", action=Action.FAILOVER_REVIEW, severity=Severity.CRITICAL)
    commit(tmp_path, recommended("web"), worst)
    lines = shown(tmp_path).splitlines()
    episodes = lines[lines.index("2 open episodes") + 1 : -2]

    assert [line.split()[:3] for line in episodes] == [["1", "min", "critical"], ["1", "d", "error"]]
    assert lines[-1] == "next: supervisor explain piha/web"


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("event_type", [event for event in EventType if event is not EventType.RECONCILE_RESOLVED])
def test_each_recommendation_has_the_state_that_it_alone_makes(event_type, severity):
    state = derive_state(event_type, severity)

    is_unstable = event_type is EventType.RECONCILE_BLOCKED or severity is Severity.CRITICAL
    assert (state is State.UNSTABLE) == is_unstable
    assert (state is State.NOMINAL) == (severity is Severity.INFO and not is_unstable)


def test_the_command_shows_the_evening(tmp_path):
    reconcile(tmp_path)
    ran = supervisor(tmp_path, "status", "--as-of", EVENING)

    assert (ran.returncode, ran.stderr) == (2, "")
    assert ran.stdout.startswith("UNSTABLE  for 0 s")
    assert "11 open episodes" in ran.stdout
    assert json.loads(supervisor(tmp_path, "status", "--json").stdout)["is_old"] is True


def test_the_command_is_instant_and_imports_nothing_heavy(tmp_path):
    reconcile(tmp_path)
    file = tmp_path / "plain.yaml"
    file.write_text("run_ttl: 30m # plain\nlimits:\n  retries: 2\n")
    heavy = "{'polars', 'pandera', 'numpy', 'pydantic', 'prefect', 'rich', 'asyncio', 'yaml'} & set(sys.modules)"
    probe = f"import sys; from flows.cli import _run; _run(sys.argv[1:]); sys.exit(bool({heavy}))"
    asked = [sys.executable, "-c", probe, "status", "--config", str(file)]
    assert subprocess.run(asked, check=False, capture_output=True, env=environment(tmp_path)).returncode == 0

    before = os.times()
    supervisor(tmp_path, "status")
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 0.6


def test_it_says_whose_state_it_is(tmp_path):
    run = last_run(NOON, State.NOMINAL)._replace(inventory="/lab")
    with open_emitter(paths(tmp_path)) as emitter:
        emitter.commit(decide_transitions({}, judged(as_of=NOON), reminder_interval=DAY), run)

    assert f"of /lab, as of {NOON:%Y-%m-%d}" in shown(tmp_path)
    assert str(paths(tmp_path).checkpoint) in shown(tmp_path)


def test_what_waits_for_another_comes_behind_what_it_waits_for(tmp_path):
    delayed = {
        **ROW,
        "action": "delayed_deployment",
        "event_type": "reconcile_blocked",
        "severity": "error",
        "node": "a",
    }
    root = {**delayed, "action": "diagnostics", "node": "b", "blast_radius": 3}
    commit(tmp_path, state=State.UNSTABLE, recommendations=(delayed, root))

    assert [row["node"] for row in status(tmp_path).derivation()] == ["b", "a"]
    assert "explains 3 more" in shown(tmp_path)


def test_messages_that_nobody_was_sent_are_told(tmp_path):
    commit(tmp_path)
    message = Message(root=("a", "b"), news=News.OPENED, severity=Severity.ERROR, title="t", body="b")
    write_outbox(tmp_path, Outbox(queue=(Queued(message, frozenset("x")),) * 2, failed=1))
    found = read_status(paths(tmp_path).checkpoint, TTL, NOON, state_dir=tmp_path)

    assert "2 messages not sent yet, 1 of them not taken" in "\n".join(to_lines(found))
    assert to_document(found)["messages"] == {"waiting": 2, "failed": 1}
