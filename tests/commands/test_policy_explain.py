"""`supervisor policy explain`: what would be done for a target, and all that it lacks."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.commands import policy
from flows.errors import SupervisorError
from tests.commands.test_policy_check import offer

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
POLICY = """\
ceilings:
  - {match: {node: saturn}, mode: approve}
rules:
  - {id: databases, match: {service: "db-*"}, mode: observe}
  - {id: all, match: {}, mode: auto, needs: [no_open_incident]}
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A lab in which all is well, seen at the moment that is taken for now."""
    monkeypatch.chdir(tmp_path)
    services = {"piha": ["mosquitto", "npm", "db-main"], "saturn": ["web", "x"]}
    for node, names in services.items():
        (tmp_path / "hosts" / node).mkdir(parents=True)
        (tmp_path / "hosts" / node / "services.yaml").write_text(json.dumps({"services": {name: {} for name in names}}))
    Path("policy.yaml").write_text(POLICY)
    Path("clock").write_text("2026-06-03T12:00:00Z\n")
    Path("supervisor.yaml").write_text(
        "state_dir: state\ncheckpoint: state/checkpoint\nworld: world\nactions: {automation: auto, clock: clock}\n"
    )
    Path("world").mkdir()
    show()
    return tmp_path


def show(**status):
    """Let the world show all services healthy but some."""
    seen = NOON.timestamp()
    names = ["piha/mosquitto", "piha/npm", "piha/db-main", "saturn/web", "saturn/x"]
    services = {name: {"status": status.get(name.partition("/")[2], "healthy"), "last_seen": seen} for name in names}
    nodes = {node: {"status": "online", "last_seen": seen} for node in ("piha", "saturn")}
    Path("world/services.json").write_text(json.dumps(services))
    Path("world/nodes.json").write_text(json.dumps(nodes))


def explain(target):
    return json.loads(printed(target, "--json"))


def printed(target, *options):
    app = typer.Typer()
    policy.register(app)
    words = ["policy", "explain", target, "--as-of", NOON.isoformat(), *options]
    found = CliRunner().invoke(app, words, env={"COLUMNS": "200"}, standalone_mode=False)
    if found.exception:
        raise found.exception
    assert found.return_value == 0
    return found.output


def fails(found):
    return [row["guard"] for row in found["guards"] if row["fails"]]


def test_the_rules_are_told_down_to_the_one_that_decides(lab):
    show(mosquitto="unhealthy")

    found = explain("piha/mosquitto")

    assert found["rules"] == [
        {"rule_id": "databases", "matches": False, "fails": "service"},
        {"rule_id": "all", "matches": True, "fails": None},
    ]
    assert found["ceilings"] == [{"name": "ceilings[0]", "mode": "approve", "matches": False}]
    assert (found["assumed"], found["recommendation"]["causing_kinds"]) == (None, ["unhealthy_service"])
    assert (found["decision"]["rule_id"], found["as_of"]) == ("all", "2026-06-03T12:00:00Z")


def test_of_a_target_that_is_well_it_says_what_would_be_done_if_it_were_not(lab):
    offer("piha/mosquitto")

    found = explain("piha/mosquitto")

    assert (found["assumed"], found["decision"]["verb"]) == ("unhealthy", "redeploy")
    # Nothing ran before, so that the first ten minutes hold it back; nothing else does.
    assert fails(found) == ["start_grace"]
    assert (found["missing"], found["earliest"]) == ([], "2026-06-03T12:10:00Z")
    assert found["would_run"] == {"verb": "redeploy", "params": {}, "backend": None, "step_hash": None}


def test_everything_that_lacks_is_named_and_not_only_the_first(lab):
    found = explain("piha/db-main")

    assert found["missing"] == ["rule", "executor_line", "executor_running", "not_allowed"]
    assert (found["earliest"], found["would_run"]) == (None, None)


def test_with_automation_off_that_lacks_too(lab):
    Path("supervisor.yaml").write_text(Path("supervisor.yaml").read_text().replace("auto, clock: clock", "off"))

    assert explain("piha/db-main")["missing"][:2] == ["automation", "rule"]


def test_every_guard_has_its_line(lab):
    found = explain("piha/mosquitto")

    numbers = [row["number"] for row in found["guards"]]
    assert sorted(set(numbers)) == list(range(1, 29))
    assert numbers == sorted(numbers)
    by_name = {row["guard"]: row for row in found["guards"]}
    assert (by_name["needs:no_open_incident"]["fails"], by_name["needs:no_open_incident"]["asks"]) == (False, False)
    assert (by_name["window"]["asks"], by_name["window"]["overridable"]) == (True, True)
    assert (by_name["halted"]["asks"], by_name["halted"]["overridable"]) == (False, False)


def test_a_ceiling_that_matches_lowers_the_mode(lab):
    offer("saturn/web")

    found = explain("saturn/web")

    assert found["ceilings"][0]["matches"]
    assert (found["decision"]["mode"], found["earliest"]) == ("approve", None)


def test_people_read_no_word_of_machines_but_what_they_type(lab):
    lines = printed("piha/db-main").splitlines()

    assert lines[1] == "redeploy: observe, by databases; mode observe, attempt 1"
    assert lines[-1] == "missing: a rule that lets it run, a line in executor.yaml, a running executor, not allowed"
    assert [line.rpartition(" ")[2] for line in lines if "--override" in line] == ["start_grace"]
    assert [word for line in lines for word in line.split() if "_" in word] == ["start_grace"]


def test_what_nothing_can_be_run_for_is_said_in_one_line(lab):
    Path("world/nodes.json").write_text(json.dumps({"piha": {"status": "offline"}, "saturn": {"status": "online"}}))

    assert printed("piha").splitlines() == [
        "piha",
        "nothing would be done: nothing that can be run answers to this recommendation",
    ]
    assert printed("piha/npm").endswith("its drift is held back (offline node)\n")


def test_what_no_inventory_asks_for_is_said_to_be_so(lab):
    records = json.loads(Path("world/services.json").read_text())
    Path("world/services.json").write_text(json.dumps({**records, "piha/stray": {"status": "ok"}}))

    with pytest.raises(SupervisorError, match="no inventory asks for 'piha/stray'"):
        explain("piha/stray")


def test_a_recommendation_is_as_good_a_name(lab):
    show(mosquitto="unhealthy")

    assert explain("redeploy-piha-mosquitto")["target"] == "piha/mosquitto"


def test_what_nothing_is_known_of_is_told_with_what_may_be_meant(lab):
    with pytest.raises(SupervisorError, match="did you mean piha/mosquitto"):
        explain("piha/mosquito")


def test_the_backend_is_told_where_the_executors_file_can_be_read(lab):
    offer("piha/npm")
    Path("executor.yaml").write_text("steps:\n  - {targets: ['piha/*'], verbs: [redeploy], backend: compose}\n")
    Path("supervisor.yaml").write_text(
        Path("supervisor.yaml").read_text().replace("clock: clock", "clock: clock, executor_config: executor.yaml")
    )

    assert explain("piha/npm")["would_run"]["backend"] == "compose"
