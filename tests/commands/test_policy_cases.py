"""`supervisor policy test`: cases, decided as a live run decides."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.commands import policy
from flows.errors import SupervisorError

pytestmark = pytest.mark.wide

EXAMPLES = Path("examples/policy").absolute()
RULES = "rules:\n  - {id: all, match: {}, mode: auto, ladder: [restart, restart, redeploy, diagnostics]}\n"
CASE = """\
- name: it is restarted
  at: 2026-06-03T13:00:00Z
  inventory: {piha/mosquitto: {}, piha/npm: {}, piha/grafana: {}}
  set: {piha/mosquitto: unhealthy}
  expect:
    piha/mosquitto: {verb: restart, verdict: start, until: null, guards: [], params: {}}
    piha/npm: none
"""


def run(cases, rules):
    app = typer.Typer()
    policy.register(app)
    words = ["policy", "test", str(cases), "--policy", str(rules), "--json"]
    found = CliRunner().invoke(app, words, standalone_mode=False)
    if found.exception:
        raise found.exception
    return found.return_value, json.loads(found.output)


@pytest.fixture
def case(tmp_path, monkeypatch):
    """Run one case, changed, by rules that let all be repaired."""
    monkeypatch.chdir(tmp_path)

    def try_it(old="", new="", rules=RULES):
        assert old in CASE
        (tmp_path / "cases.yaml").write_text(CASE.replace(old, new) if old else CASE)
        (tmp_path / "draft.yaml").write_text(rules)
        return run(tmp_path / "cases.yaml", tmp_path / "draft.yaml")

    return try_it


@pytest.mark.parametrize("cases", sorted(path.name for path in EXAMPLES.glob("*cases.yaml")))
def test_the_examples_are_decided_as_they_say(cases, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = EXAMPLES / cases.replace("cases", "policy")

    code, found = run(EXAMPLES / cases, own if own.is_file() else EXAMPLES / "policy.yaml")

    assert [row for row in found["cases"] if not row["ok"]] == []
    assert (code, found["v"]) == (0, 1)


def test_what_differs_is_told_key_by_key_and_is_an_exit_code(case):
    code, found = case("verb: restart, verdict: start", "verb: redeploy, verdict: start, number: 7")

    assert code == 2
    assert found["cases"] == [
        {
            "name": "it is restarted",
            "ok": False,
            "differs": [
                {"target": "piha/mosquitto", "key": "verb", "expected": "redeploy", "got": "restart"},
                {"target": "piha/mosquitto", "key": "number", "expected": 7, "got": 1},
            ],
        }
    ]


def test_a_decision_that_nobody_expected_differs(case):
    code, found = case("set: {piha/mosquitto: unhealthy}", "set: {piha/mosquitto: unhealthy, piha/npm: exited (1)}")

    (row,) = found["cases"][0]["differs"]
    assert (code, row["target"], row["expected"], row["got"]["verb"]) == (2, "piha/npm", "none", "restart")


def test_a_decision_that_is_not_there_differs(case):
    _, found = case("  set: {piha/mosquitto: unhealthy}\n", "")

    assert [row["got"] for row in found["cases"][0]["differs"]] == ["none"]


def test_with_automation_off_nothing_is_decided(case):
    _, found = case("  set:", "  numbers: {automation: off}\n  set:")

    assert found["cases"][0]["differs"][0]["got"] == "none"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("  at: 2026", "  standing: 1h\n  at: 2026", "cases.yaml:2:3 unknown key standing; did you mean standing_for", id="unknown key"),
        pytest.param("T13:00:00Z", "T13:00:00", "cases.yaml:2:3 at: expected an instant such as 2026-06-03T12:01:00Z, found 2026-06-03T13:00:00", id="no zone"),
        pytest.param("2026-06-03T13", "0001-01-01T00", "cases.yaml:2:3 at: expected an instant such as 2026-06-03T12:01:00Z, found 0001-01-01T00:00:00Z", id="no moment to judge at"),
        pytest.param("  set:", "  standing_for: 9999999d\n  set:", "cases.yaml:4:3 standing_for: expected a duration such as 90s, 15m, 24h or 7d", id="beyond the calendar"),
        pytest.param("  set:", "  attempts: [{target: piha/npm, verb: restart, started_at: 2026-06-03T12:00:00Z, ended_at: 2026-06-03T11:59:59Z, result: done}]\n  set:", "cases.yaml:4:14 an attempt starts, ends and is settled in this order; these moments do not follow", id="ended before it began"),
        pytest.param("  expect:", "  exp:", "a case without expect", id="nothing expected"),
        pytest.param("verdict: start", "verdct: start", "cases.yaml:6:37 unknown key verdct; did you mean verdict", id="misspelt expectation"),
        pytest.param("piha/npm: none", "npm: none", "cases.yaml:7:5 expect: npm is no target; write node/service, or node/all", id="no target"),
        pytest.param("  set:", "  numbers: {coldown: 1h}\n  set:", "cases.yaml:4:13 unknown key coldown; did you mean cooldown", id="no number"),
        pytest.param("  set:", "  attempts: [{target: piha/npm, verb: restart, started_at: 2026-06-03T12:00:00Z, result: done}]\n  set:", "an attempt may leave out its end, and no more", id="an attempt without its end"),
        pytest.param("  set:", "  records: [{kind: hold, target: piha/all}]\n  set:", "until: is missing", id="half a record"),
        pytest.param("  set: {piha/mosquitto", "  set: {piha/all", "set: unhealthy is none of offline, disk_pressure", id="a word of a node"),
    ],
)  # fmt: skip
def test_a_fault_of_a_case_is_told_with_its_place(case, old, new, expected):
    with pytest.raises(SupervisorError) as caught:
        case(old, new)

    assert expected in str(caught.value)
    assert caught.value.exit_code == 1


def test_a_world_of_a_folder_is_moved_to_the_moment_of_the_case(tmp_path, monkeypatch, case):
    world = tmp_path / "world"
    world.mkdir()
    seen = datetime(2026, 1, 1, 8, tzinfo=UTC).timestamp()
    services = {f"piha/{name}": {"status": "healthy", "last_seen": seen} for name in ("mosquitto", "npm", "grafana")}
    (world / "nodes.json").write_text(json.dumps({"piha": {"status": "online", "last_seen": seen}}))
    (world / "services.json").write_text(json.dumps(services))

    code, _ = case("  set:", "  world: world\n  set:")

    # A world that were months old would stop everything.
    assert code == 0


def test_inventory_and_world_are_those_of_the_settings_where_a_case_names_none(tmp_path, monkeypatch, case):
    (tmp_path / "hosts" / "piha").mkdir(parents=True)
    (tmp_path / "hosts" / "piha" / "services.yaml").write_text("services: {mosquitto: {}, npm: {}, grafana: {}}\n")
    (tmp_path / "supervisor.yaml").write_text("inventory: .\nworld: world\n")
    test_a_world_of_a_folder_is_moved_to_the_moment_of_the_case(tmp_path, monkeypatch, case)

    code, found = case("  inventory: {piha/mosquitto: {}, piha/npm: {}, piha/grafana: {}}\n", "")

    assert (code, found["cases"][0]["differs"]) == (0, [])


def test_nothing_is_written(tmp_path, case):
    case()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["cases.yaml", "draft.yaml"]
