"""`supervisor policy replay`: what another policy would have asked for and started."""

import json
from collections import Counter
from datetime import timedelta

import pytest

from flows.ledger.archive_writer import edit_archive
from flows.past import policy_replay, policy_studies, policy_views
from flows.past.policy_replay import Assume
from flows.past.policy_runs import JudgedRuns
from flows.past.policy_studies import study_policies
from flows.past.sources import open_snapshots
from flows.settings import Settings
from flows.sources.policy.findings import PolicyFileError
from flows.views.policy_check import check_policy
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, world, write

pytestmark = pytest.mark.wide

STEP = timedelta(minutes=1)
AUTO = "rules: [{id: all, match: {}, mode: auto}]\n"
ASK = "rules: [{id: ask, match: {}, mode: approve}]\n"
SERVICES = ("piha/web", "piha/db", "piha/x", "vps/y")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = write(tmp_path / "home", inventory(piha=["web", "db", "x"], vps=["y"]))
    (tmp_path / "policy.yaml").write_text(ASK)
    (tmp_path / "draft.yaml").write_text(AUTO)
    return Settings(inventory=home, state_dir=tmp_path / "state")


@pytest.fixture
def past(tmp_path):
    """Return a past of three hours, a world a minute: web is down from 0:30 on for two hours, y for five minutes."""
    for number in range(180):
        moment = NOON + number * STEP
        sick = {*(["piha/web"] if 30 <= number < 150 else []), *(["vps/y"] if 60 <= number < 65 else [])}
        write(tmp_path / "kept" / f"{moment:%Y-%m-%dT%H%M%SZ}", world(moment, *SERVICES, sick=sick))
    return tmp_path / "kept"


def replay(settings, past, tmp_path, **options):
    found = study_policies(settings, tmp_path / "draft.yaml", None, None, jobs=1, source=past, **options)
    assert found.run_count == 180
    counts = {"old": Counter(), "new": Counter()}
    for key, old, new in found.rows:
        counts["old"][(key.what, key.target)] += old
        counts["new"][(key.what, key.target)] += new
    return counts


def test_a_draft_with_a_fault_is_not_replayed_as_one_that_starts_nothing(settings, past, tmp_path):
    (tmp_path / "draft.yaml").write_text(AUTO.replace("match", "macth"))

    with pytest.raises(PolicyFileError, match=r"draft.yaml:\d+:\d+ unknown key macth; did you mean match"):
        replay(settings, past, tmp_path)


def test_a_policy_in_force_with_a_fault_is_told(settings, past, tmp_path):
    (tmp_path / "policy.yaml").write_text("rulez: []\n")

    found = study_policies(settings, tmp_path / "draft.yaml", None, NOON + STEP, jobs=1, source=past)

    assert [fault.problem for fault in found.faults] == ["unknown key rulez; did you mean rules"]


def test_both_policies_are_told_side_by_side(settings, past, tmp_path):
    counts = replay(settings, past, tmp_path)

    assert (counts["old"]["asked", "piha/web"], counts["old"]["started", "piha/web"]) == (1, 0)
    assert (counts["new"]["asked", "piha/web"], counts["new"]["started", "vps/y"]) == (0, 1)
    # At 0:31, when it stood for a minute, and half an hour after that one; the next would be an hour later.
    assert counts["new"]["started", "piha/web"] == 3
    assert counts["new"]["waited:cooldown", "piha/web"] >= 1


def test_where_every_start_helps_there_is_no_second_one(settings, past, tmp_path):
    assert replay(settings, past, tmp_path, assume=Assume.HELPED)["new"]["started", "piha/web"] == 1


def test_where_people_always_say_yes_what_is_asked_starts(settings, past, tmp_path):
    counts = replay(settings, past, tmp_path, approves_all=True)

    assert counts["old"]["started", "piha/web"] == counts["old"]["asked", "piha/web"] == 3


@pytest.mark.slow
def test_a_scene_of_before_grown_older_is_the_scene_made_anew(settings, past, tmp_path, monkeypatch):
    short = study_policies(settings, tmp_path / "draft.yaml", None, None, jobs=1, source=past)
    made = []
    make = policy_replay.make_scene
    monkeypatch.setattr(policy_replay, "make_scene", lambda *given, **more: made.append(1) or make(*given, **more))
    monkeypatch.setattr(policy_views, "MOST_KNOWN", 0)
    for name in ("sign", "sign_undeployed"):
        monkeypatch.setattr(JudgedRuns, name, lambda _, as_of: (as_of,))
    whole = study_policies(settings, tmp_path / "draft.yaml", None, None, jobs=1, source=past)

    assert whole.rows == short.rows
    assert len(made) >= 180


@pytest.mark.parametrize(("assume", "approves_all"), [("recorded", False), ("recorded", True), ("helped", False)])
def test_runs_that_are_passed_over_come_to_what_deciding_each_comes_to(
    settings, past, tmp_path, monkeypatch, assume, approves_all
):
    options = {"assume": Assume(assume), "approves_all": approves_all}
    came_to = []
    make = policy_replay.replay_policies
    monkeypatch.setattr(policy_studies, "replay_policies", lambda *given: came_to.append(given[1:]) or make(*given))
    asleep = []
    fall = policy_replay.fall_asleep
    monkeypatch.setattr(policy_replay, "fall_asleep", lambda *given: asleep.append(1) or fall(*given))
    replay(settings, past, tmp_path, **options)
    assert 0 < len(asleep) < 180

    monkeypatch.setattr(policy_replay, "fall_asleep", lambda *_: None)
    replay(settings, past, tmp_path, **options)
    for fast, slow in zip(*came_to, strict=True):
        assert fast.entries == slow.entries
        assert (fast.counts, fast.memory) == (slow.counts, slow.memory)


def test_nothing_is_written(settings, past, tmp_path):
    before = sorted(path for path in tmp_path.rglob("*"))
    replay(settings, past, tmp_path)

    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_rule_that_decided_nothing_is_named(settings, past, tmp_path):
    with edit_archive(settings.state_dir) as archive, open_snapshots(past, settings.limits) as snapshots:
        for snapshot in snapshots.list_snapshots():
            archive.add_world(snapshots.read_world(snapshot), even_unchanged=True)
    rules = "rules: [{id: never, match: {node: vps, service: web}, mode: observe}, {id: y, match: {node: vps}, mode: observe}]"
    (tmp_path / "draft.yaml").write_text(rules)

    found = check_policy(settings, tmp_path / "draft.yaml", NOON + timedelta(hours=4), timedelta(hours=12))

    silent = [fault.problem for fault in found.faults if "decided nothing" in fault.problem]
    assert silent == ["the rule never decided nothing in 12h"]


def test_nothing_is_slept_through_the_end_of_a_window(settings, past, tmp_path):
    """Web is down behind a long cool-down, and the window closes before it is over."""
    window = "windows: {noon: {from: '12:00', to: '14:00'}}\n"
    rule = "rules: [{id: noon, match: {}, mode: auto, cooldown: 2h, when: {allow: [noon]}}]\n"
    (tmp_path / "draft.yaml").write_text(window + rule)

    assert replay(settings, past, tmp_path)["new"]["waited:window", "piha/web"] == 1


def test_nothing_is_slept_through_a_gap_of_the_runs(settings, tmp_path):
    """Web is down behind a long cool-down; after an hour without runs everything rests anew."""
    for minute in (*range(0, 40, 2), *range(110, 140, 2)):
        moment = NOON + minute * STEP
        write(
            tmp_path / "kept" / f"{moment:%Y-%m-%dT%H%M%SZ}",
            world(moment, *SERVICES, sick={"piha/web"} if minute else ()),
        )
    (tmp_path / "draft.yaml").write_text("rules: [{id: all, match: {}, mode: auto, cooldown: 4h}]\n")
    found = study_policies(settings, tmp_path / "draft.yaml", None, None, jobs=1, source=tmp_path / "kept")

    waited = {key.target: new for key, _, new in found.rows if key.what == "waited:start_grace"}
    assert waited == {"piha/web": 2}


def test_deployments_that_fail_in_a_row_are_counted_in_each_run(settings, tmp_path):
    """The same drift stands and the same is recommended, but one rule waits for the second failure."""
    for minute in range(0, 20, 2):
        moment = NOON + minute * STEP
        begun = [NOON + place * STEP for place in (1, 9) if place < minute]
        failed = {"node": "piha", "service": "web", "status": "failed"}
        rows = {f"d{place}": {**failed, "completed_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"} for place, at in enumerate(begun)}
        files = world(moment, *SERVICES) | {"deployments.json": json.dumps(rows).encode()}
        write(tmp_path / "kept" / f"{moment:%Y-%m-%dT%H%M%SZ}", files)
    twice = "rules: [{id: twice, match: {consecutive_failures: '>=2'}, mode: approve}]\n"
    (tmp_path / "draft.yaml").write_text(twice)
    found = study_policies(settings, tmp_path / "draft.yaml", None, None, jobs=1, source=tmp_path / "kept")

    assert {(key.rule_id, key.target): new for key, _, new in found.rows if key.what == "asked"}[
        "twice", "piha/web"
    ] == 1


def test_nothing_is_slept_through_the_end_of_a_rest(settings, tmp_path):
    """Web alone is down, and nothing else happens that would wake anybody when its cool-down is over."""
    for number in range(24):
        moment = NOON + number * 2 * STEP
        sick = {"piha/web"} if number else set()
        write(tmp_path / "kept" / f"{moment:%Y-%m-%dT%H%M%SZ}", world(moment, *SERVICES, sick=sick))
    (tmp_path / "draft.yaml").write_text("rules: [{id: all, match: {}, mode: auto, cooldown: 20m}]\n")
    found = study_policies(settings, tmp_path / "draft.yaml", None, None, jobs=1, source=tmp_path / "kept")

    started = {key.target: new for key, _, new in found.rows if key.what == "started"}
    assert started["piha/web"] >= 2


def test_nothing_is_slept_through_the_end_of_a_freeze_that_no_search_reaches(settings, past, tmp_path, monkeypatch):
    """`next_allowed` looks 35 days ahead, here five minutes: a freeze that has no end in them ends all the same."""
    for module in ("schemas.schedule", "flows.past.policy_sleep"):
        monkeypatch.setattr(f"{module}.SEARCH", timedelta(minutes=5))
    window = "windows: {long: {from: '11:00', to: '14:03'}}\nfreeze: [long]\n"
    (tmp_path / "draft.yaml").write_text(window + AUTO)

    assert replay(settings, past, tmp_path)["new"]["started", "piha/web"] >= 1


def test_nothing_is_slept_through_the_end_of_where_a_service_moved_to(settings, tmp_path):
    """Piha is gone for good, web runs on vps by somebody's hand, and dies there: nothing that drifts says so."""
    for minute in range(0, 120, 2):
        moment = NOON + minute * STEP
        files = world(moment, "vps/y", "vps/web", sick={"vps/web"} if minute >= 90 else ())
        gone = world(moment, *SERVICES[:3], silent_s=minute * 60)
        for name in ("services.json", "nodes.json"):
            files[name] = json.dumps(json.loads(files[name]) | json.loads(gone[name])).encode()
        write(tmp_path / "kept" / f"{moment:%Y-%m-%dT%H%M%SZ}", files)
    (tmp_path / "draft.yaml").write_text("failover: {piha/web: {to: [vps]}}\n" + ASK)
    found = study_policies(settings, tmp_path / "draft.yaml", None, None, jobs=1, source=tmp_path / "kept")

    assert {key.target: new for key, _, new in found.rows if key.what == "asked"}["piha/web"] == 1


@pytest.mark.parametrize(
    "unmonitored",
    [{"hosts/vps/services.yaml": b"services: {web: {monitor: false}}"}, {"hosts/vps/node.yaml": b"monitor: false"}],
    ids=["the service", "its node"],
)
def test_nothing_is_slept_through_the_recovery_of_another_instance_that_nobody_monitors(
    settings, tmp_path, unmonitored
):
    """How it is with what is not monitored is no drift, but a rule may ask for it."""
    write(settings.inventory, inventory(piha=["web", "db", "x"], vps=["web"]) | unmonitored)
    for minute in range(0, 60, 2):
        moment = NOON + minute * STEP
        sick = {*(["piha/web"] if minute else []), *(["vps/web"] if minute < 40 else [])}
        write(tmp_path / "kept" / f"{moment:%Y-%m-%dT%H%M%SZ}", world(moment, *SERVICES, "vps/web", sick=sick))
    rule = "rules: [{id: all, match: {}, mode: auto, needs: [other_instance_healthy]}]\n"
    (tmp_path / "draft.yaml").write_text(rule)
    found = study_policies(settings, tmp_path / "draft.yaml", None, None, jobs=1, source=tmp_path / "kept")

    assert {key.target: new for key, _, new in found.rows if key.what == "started"} == {"piha/web": 1}
