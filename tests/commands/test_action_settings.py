"""The section `actions` of the settings."""

from datetime import timedelta
from pathlib import Path

import pytest

from flows.errors import SettingsError
from flows.settings import load_settings
from schemas.numbers import Automation, Numbers


def test_nothing_is_acted_upon_unless_it_is_asked_for():
    actions = load_settings().settings.actions

    assert actions.automation is Automation.OFF
    assert actions.numbers() == Numbers()


def test_a_variable_changes_one_number_of_the_section_and_leaves_the_others_of_the_file(tmp_path, monkeypatch):
    file = tmp_path / "supervisor.yaml"
    file.write_text("actions: {automation: auto, cooldown: 10m, operators: who.yaml}\n")
    monkeypatch.setenv("SUPERVISOR_ACTIONS__COOLDOWN", "20m")

    actions = load_settings(config=file).settings.actions

    assert (actions.automation, actions.cooldown) == (Automation.AUTO, timedelta(minutes=20))
    assert (actions.policy, actions.operators) == (tmp_path / "policy.yaml", tmp_path / "who.yaml")


def test_a_fault_of_the_file_is_not_the_variables_that_changes_another_number_of_the_section(tmp_path, monkeypatch):
    file = tmp_path / "supervisor.yaml"
    file.write_text("actions:\n  cooldwon: 10m\n")
    monkeypatch.setenv("SUPERVISOR_ACTIONS__BUDGET_HOUR", "many")

    with pytest.raises(SettingsError) as error:
        load_settings(config=file)

    assert f"{file}:1: actions.cooldwon: " in str(error.value)
    assert "environment SUPERVISOR_ACTIONS: actions.budget_hour: " in str(error.value)


def test_a_variable_gives_the_section_a_number_where_the_file_has_no_such_section(tmp_path, monkeypatch):
    file = tmp_path / "supervisor.yaml"
    file.write_text("node_ttl: 5m\n")
    monkeypatch.setenv("SUPERVISOR_ACTIONS__AUTOMATION", "auto")

    actions = load_settings(config=file).settings.actions

    assert (actions.automation, actions.policy) == (Automation.AUTO, tmp_path / "policy.yaml")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("limits: {max_evnts: 5}", "limits.max_evnts: there is no such setting; did you mean 'max_events'?"),
        ("limits: 5", "limits: expected a mapping, found a number"),
        ("healthy_words: [5]", "healthy_words.0: expected a text, found a number"),
        ("profiles: [[a]]", "profiles.0: expected a text, found a list"),
        ("compose: maybe", "compose: expected true or false, found a text"),
        ("emit_mode: some", "emit_mode: expected one of 'changes', 'all', 'none'"),
        ("flapping_openings: 0", "flapping_openings: expected at least 1"),
        ("flapping_openings: 1.5", "flapping_openings: expected a whole number, found a number"),
        ("mass_drift_share: true", "mass_drift_share: expected a number, found true"),
        ("log_owners: [true]", "log_owners.0: expected a number, found true"),
        ("limits: {retries: false}", "limits.retries: expected a number, found false"),
        ("web: {port: true}", "web.port: expected a number, found true"),
        ("deadline: 0", "deadline: expected seconds, or a duration such as 90s, 15m, 24h or 30d, more than 0"),
    ],
)
def test_a_wrong_value_is_told_in_words_of_ours(tmp_path, written, said):
    file = tmp_path / "supervisor.yaml"
    file.write_text(f"{written}\n")

    with pytest.raises(SettingsError) as error:
        load_settings(config=file)

    assert str(error.value) == f"{file}:1: {said}"


@pytest.mark.parametrize("written", ["limits: 5", "limits:"])
def test_a_variable_does_not_hide_a_section_that_is_none(tmp_path, monkeypatch, written):
    file = tmp_path / "supervisor.yaml"
    file.write_text(f"{written}\n")
    monkeypatch.setenv("SUPERVISOR_LIMITS__RETRIES", "1")

    with pytest.raises(SettingsError, match=r"supervisor.yaml:1: limits: expected a mapping, found"):
        load_settings(config=file)


def test_faults_are_told_by_line(tmp_path):
    file = tmp_path / "supervisor.yaml"
    file.write_text("node_ttl: 10 minutes\nworld_ttl: -5m\nmax_restarts: many\n" + "\n" * 7 + "compose: 7\n")

    with pytest.raises(SettingsError) as error:
        load_settings(config=file)

    assert str(error.value).splitlines() == [
        f"{file}:1: node_ttl: expected seconds, or a duration such as 90s, 15m, 24h or 30d, found a text",
        f"{file}:2: world_ttl: expected seconds, or a duration such as 90s, 15m, 24h or 30d, found a text",
        f"{file}:3: max_restarts: expected a whole number, found a text",
        f"{file}:11: compose: expected true or false, found a number",
    ]


def test_a_folder_in_place_of_the_file_is_told_with_the_file_in_it(tmp_path):
    with pytest.raises(SettingsError, match=r": a folder; name the settings file in it, such as .*/supervisor.yaml$"):
        load_settings(config=tmp_path)


def test_actions_are_kept_in_the_state_folder_unless_they_have_one_of_their_own(tmp_path):
    file = tmp_path / "supervisor.yaml"
    file.write_text("state_dir: state\n")
    assert load_settings(config=file).settings.actions_root() == tmp_path / "state" / "actions"

    file.write_text("state_dir: state\nactions: {actions_dir: /srv/actions}\n")
    assert load_settings(config=file).settings.actions_root() == Path("/srv/actions")


def test_a_wrong_number_is_named_with_its_section(tmp_path):
    file = tmp_path / "supervisor.yaml"
    file.write_text("actions:\n  cooldown: soon\n")

    with pytest.raises(SettingsError, match=r"supervisor.yaml:1: actions.cooldown: expected seconds, or a duration"):
        load_settings(config=file)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("rate_fleet", "6/0h", "window: expected seconds", id="within nothing there is no limit"),
        pytest.param("max_concurrent", "true", "expected a number, found true", id="a truth for a count"),
        pytest.param("start_grace", "36501d", "at most 36500d", id="a duration that no calendar holds"),
        pytest.param("cooldown", "true", "found true", id="a truth for a duration"),
    ],
)
def test_a_number_that_would_lift_a_limit_is_refused(tmp_path, name, value, expected):
    file = tmp_path / "supervisor.yaml"
    file.write_text(f"actions:\n  {name}: {value}\n")

    with pytest.raises(SettingsError, match=rf"supervisor.yaml:1: actions.{name}.*{expected}"):
        load_settings(config=file)
