"""`supervisor policy check`: what is wrong or odd about a policy, and what it reaches."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.commands import policy
from flows.ledger.actions.append import identify, open_ledger, prepare_place
from flows.ledger.actions.places import ActionPlace
from flows.run.clock import read_now
from flows.settings import load_settings
from schemas.executor_record import Capabilities, Claimed, Offer
from schemas.ledger import write_record
from schemas.ledger_words import Role
from schemas.verb import Verb

ALL = "rules:\n  - {id: all, match: {}, mode: auto}\n"


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A lab of two services, with a policy that lets all be repaired."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "hosts" / "piha"
    folder.mkdir(parents=True)
    (folder / "services.yaml").write_text("services:\n  mosquitto: {}\n  control-plane: {}\n")
    (tmp_path / "supervisor.yaml").write_text("state_dir: state\nactions: {automation: auto}\n")
    (tmp_path / "policy.yaml").write_text(ALL)
    return tmp_path


def check(*words):
    app = typer.Typer()
    policy.register(app)
    found = CliRunner().invoke(app, ["policy", "check", *words, "--json"], standalone_mode=False)
    if found.exception:
        raise found.exception
    return found.return_value, json.loads(found.output)


def offer(*targets):
    """Let an executor say what it can do."""
    place = ActionPlace(load_settings().settings.actions_root())
    prepare_place(place)
    now = read_now(load_settings().settings)
    offers = tuple(Offer(verb=verb, target=target) for target in targets for verb in (Verb.RESTART, Verb.REDEPLOY))
    with open_ledger(place, identify(Role.EXECUTOR)) as ledger:
        for record in (Claimed(), Capabilities(offers=offers)):
            fields = write_record(record)
            ledger.append(fields.pop("kind"), now, fields)


def test_what_is_automatic_is_told_with_what_others_lack(lab):
    offer("piha/mosquitto")

    code, found = check()

    assert (code, found["v"], found["auto_now"]) == (0, 1, ["piha/mosquitto"])
    assert found["could_be"] == [
        {"target": "piha/all", "missing": ["executor_line"]},
        {"target": "piha/control-plane", "missing": ["protected", "executor_line"]},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "policy.yaml: there is no such file, so that everything is observed", id="no file"),
        pytest.param("", "it has no rules, so that", id="an empty file"),
        pytest.param(ALL, "", id="a rule"),
    ],
)
def test_a_policy_without_rules_is_said_to_do_nothing(lab, text, said):
    Path("policy.yaml").unlink() if text is None else Path("policy.yaml").write_text(text)

    code, found = check()

    assert (code, [note.count(said) for note in found["notes"]]) == (0, [1] if said else [])


def test_without_an_executor_nothing_is_automatic(lab):
    _, found = check()

    assert found["auto_now"] == []
    assert {row["target"]: row["missing"] for row in found["could_be"]} == {
        "piha/all": ["executor_running"],
        "piha/control-plane": ["protected", "executor_running"],
        "piha/mosquitto": ["executor_running"],
    }


def test_a_rule_that_only_suggests_is_no_promise(lab):
    Path("policy.yaml").write_text(ALL.replace("auto", "suggest"))

    _, found = check()

    assert (found["auto_now"], found["could_be"]) == ([], [])


def test_a_fault_is_an_exit_code_and_a_warning_where_it_is_strict(lab):
    assert check()[0] == 0
    assert check("--strict")[0] == 1

    Path("policy.yaml").write_text(ALL.replace("id:", "ids:"))
    code, found = check()

    assert code == 1
    errors = [fault for fault in found["faults"] if fault["severity"] == "error"]
    assert [(fault["line"], fault["column"]) for fault in errors] == [(2, 5), (2, 6)]
    assert errors[1]["problem"] == "unknown key ids; did you mean id"


def test_names_that_no_inventory_has_are_odd(lab):
    Path("policy.yaml").write_text(
        "rules:\n  - {id: a, match: {node: pihaa, service: [mosquitto, 'x-*']}, mode: auto}\n"
    )

    _, found = check()

    told = [fault["problem"] for fault in found["faults"]]
    assert "node: no inventory has pihaa; did you mean piha" in told
    assert not any("mosquitto" in problem or "x-*" in problem for problem in told)


def test_targets_that_no_inventory_has_are_odd_wherever_they_are_named(lab):
    Path("policy.yaml").write_text(
        "protected: [piha/control-plain, '*/observer']\ngroups: {g: {targets: [piha/mosquito]}}\n"
        "failover: {piha/mosquittoo: {to: [piha]}}\nrules: []\n"
    )

    _, found = check()

    assert [fault["problem"] for fault in found["faults"] if "inventory" in fault["problem"]] == [
        "failover: no inventory has piha/mosquittoo; did you mean piha/mosquitto",
        "protected: no inventory has piha/control-plain; did you mean piha/control-plane",
        "group g: no inventory has piha/mosquito; did you mean piha/mosquitto",
    ]


def test_bounds_that_the_clock_skips_are_named(lab):
    Path("policy.yaml").write_text("zone: Europe/Berlin\nwindows: {night: {from: '02:30', to: '05:00'}}\n" + ALL)

    _, found = check()

    assert sorted(bound["is_repeated"] for bound in found["odd_bounds"]) == [False, True]
    assert all(bound["at"].endswith("02:30") for bound in found["odd_bounds"])


def test_a_draft_is_looked_at_in_place_of_the_policy(lab):
    Path("draft.yaml").write_text("zone: nowhere\n")

    code, found = check("draft.yaml")

    assert (code, found["faults"][-1]["file"], found["faults"][-1]["line"]) == (1, "draft.yaml", 1)


def test_a_slip_in_the_file_of_operators_is_told_where_it_stands(lab):
    (lab / "operators.yaml").write_text("operators: [\n")
    (lab / "supervisor.yaml").write_text("state_dir: state\nactions: {automation: auto, operators: operators.yaml}\n")
    offer("piha/mosquitto")

    code, found = check()
    fault = next(row for row in found["faults"] if row["severity"] == "error")

    assert (code, found["auto_now"]) == (1, [])
    assert (Path(fault["file"]).name, fault["line"], fault["column"]) == ("operators.yaml", 2, 1)
