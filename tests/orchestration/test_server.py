"""The Prefect server of our own: what it is started with, before it is started."""

import stat
import subprocess
import sys

import pytest

from flows.errors import SettingsError
from flows.orchestration.quiet import quiet_environment
from flows.orchestration.server import load_auth, server_environment
from flows.text.address import is_loopback


def test_nothing_is_sent_and_nothing_is_pickled_whatever_the_user_set():
    environment = quiet_environment(given={"PREFECT_SERVER_ANALYTICS_ENABLED": "true", "DO_NOT_TRACK": "0"})

    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["PREFECT_RESULTS_DEFAULT_SERIALIZER"] == "json"
    assert environment["PREFECT_RESULTS_PERSIST_BY_DEFAULT"] == "false"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "homelab.example"])
def test_an_address_that_others_reach_is_refused_without_authentication(tmp_path, host):
    with pytest.raises(SettingsError, match="PREFECT_SERVER_API_AUTH_STRING"):
        server_environment(tmp_path, host, 4200, {})


def test_an_address_that_others_reach_is_taken_with_authentication(tmp_path):
    given = {"PREFECT_SERVER_API_AUTH_STRING": "operator:long enough"}

    environment = server_environment(tmp_path, "0.0.0.0", 4200, given)

    assert environment["PREFECT_API_AUTH_STRING"] == "operator:long enough"
    assert not (tmp_path / "auth").exists()


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False)]
)
def test_loopback_is_what_only_this_machine_reaches(host, expected):
    assert is_loopback(host) is expected


def test_a_server_has_a_password_a_token_and_one_origin(tmp_path):
    environment = server_environment(tmp_path / "prefect", "127.0.0.1", 4205, {})

    assert environment["PREFECT_SERVER_API_AUTH_STRING"].startswith("supervisor:")
    assert environment["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    assert environment["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:4205"
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:4205/api"


@pytest.mark.slow
def test_a_server_forgets_a_run_and_an_event_after_thirty_days(tmp_path):
    environment = server_environment(tmp_path / "prefect", "127.0.0.1", 4205, {})
    said = "from prefect.settings import get_current_settings as s; v = s().server.services.db_vacuum; "
    said += "print(sorted(v.enabled_vacuum_types), v.retention_period.days, s().server.events.retention_period.days)"
    done = subprocess.run([sys.executable, "-c", said], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.split("]") == ["['events', 'flow_runs', 'orphans'", " 30 30\n"]


def test_the_password_is_made_once_and_for_us_alone(tmp_path):
    home = tmp_path / "prefect"

    assert load_auth(home) == load_auth(home)
    assert stat.S_IMODE((home / "auth").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_password_file_that_makes_no_sense_is_said(tmp_path):
    (tmp_path / "auth").write_text("hunter2")

    with pytest.raises(SettingsError, match="user:password"):
        load_auth(tmp_path)
