"""ACTIONS 17, 29b: a replay with the recorded policy is what was decided live, until the first real start."""

import json
import shutil

from flows.ledger.actions.append import identify, open_ledger, prepare_place
from flows.ledger.actions.places import ActionPlace
from flows.past import policy_studies
from flows.settings import load_settings
from schemas.executor_record import Capabilities, Claimed, Offer
from schemas.ledger import write_record
from schemas.ledger_words import Role
from schemas.verb import TRAITS
from tests.helpers.acting_home import Home

TOLD = ("intent_id", "action_id", "verb", "class", "mode", "number", "problem_at", "evidence_fingerprint", "rule_id")


def test_29b_a_replay_by_the_recorded_policy_is_what_was_decided_live(tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    say_what_can_be_done(home)
    for minute in range(6):
        home.pass_time(minutes=1)
        if minute == 1:
            home.fall_sick("piha/web")
        if minute == 3:
            home.fall_sick("vps/dns")
        shutil.copytree(home.folder / "world", tmp_path / "kept" / f"{home.now:%Y-%m-%dT%H%M%SZ}")
        assert home.run("reconcile").code in {0, 2}
    live = home.records("proposed")
    assert [(row["node"], row["service"]) for row in live] == [("piha", "web"), ("vps", "dns")]

    (told,) = replay(home, tmp_path / "kept", monkeypatch)
    assert [{name: row[name] for name in TOLD} for row in told] == [{name: row[name] for name in TOLD} for row in live]
    assert [row["at"] for row in told] == [row["at"] for row in live]


def test_a_replay_begins_by_the_clock_that_is_set(tmp_path):
    home = Home(tmp_path)
    settings = json.loads((tmp_path / "supervisor.yaml").read_text())
    home.write("supervisor.yaml", json.dumps(settings | {"keep_archive": True}))
    home.run("reconcile")
    home.pass_time(minutes=2)
    home.run("reconcile")

    found = home.run("policy", "replay", "--policy", str(tmp_path / "policy.yaml"), "--from", "1m", "--json", "-j", "1")

    assert (found.code, found.json["runs"]) == (0, 1)


def say_what_can_be_done(home):
    """Let an executor say that it offers all that a replay takes for offered, and then stay away."""
    place = ActionPlace(home.actions)
    prepare_place(place)
    targets = [(node, name) for node, services in home.nodes.items() for name in (*services, "all")]
    offers = tuple(
        Offer(verb=verb, target=f"{node}/{name}", reports_deployments=True)
        for node, name in targets
        for verb, trait in TRAITS.items()
        if trait.is_of_node == (name == "all")
    )
    with open_ledger(place, identify(Role.EXECUTOR)) as ledger:
        for record in (Claimed(), Capabilities(offers=offers)):
            fields = write_record(record)
            ledger.append(str(fields.pop("kind")), home.now, fields)


def replay(home, kept, monkeypatch):
    """Return what the simulated decider proposed, as its journal would have it."""
    monkeypatch.chdir(home.folder)
    simulated = []
    make = policy_studies.replay_policies
    monkeypatch.setattr(policy_studies, "replay_policies", lambda *given: simulated.append(given[2]) or make(*given))
    settings = load_settings(config=home.folder / "supervisor.yaml").settings
    policy_studies.study_policies(settings, home.folder / "policy.yaml", None, None, jobs=1, source=kept)
    return [
        [
            write_record(entry.record) | {"at": f"{entry.at:%Y-%m-%dT%H:%M:%SZ}"}
            for entry in simulation.entries
            if entry.record.kind == "proposed"
        ]
        for simulation in simulated
    ]
