"""What a deployment's parameters may be, and how a run ends that cannot do as it is told; without a server."""

import re

import pytest
from prefect.exceptions import ParameterTypeError
from prefect.logging import disable_run_logger
from prefect.utilities.callables import parameter_schema

from flows.act import act
from flows.backfill import backfill
from flows.ledger.history_writer import hold_history
from flows.maintenance import compact, prune_archive
from flows.reconcile import reconcile
from flows.settings import load_settings


@pytest.fixture(autouse=True)
def quiet():
    with disable_run_logger():
        yield


@pytest.fixture
def deployed(monkeypatch):
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "a-deployment")


@pytest.mark.parametrize(
    ("flow", "parameters", "said"),
    [
        pytest.param(reconcile, {"as_of": "0001-01-01T00:00:00Z"}, "from 1970 to 2099", id="a moment before all"),
        pytest.param(reconcile, {"as_of": "2100-01-01T00:00:00Z"}, "from 1970 to 2099", id="a moment behind all"),
        pytest.param(
            reconcile, {"as_of": "2099-12-31T23:59:00-23:59"}, "from 1970 to 2099", id="a moment behind all in UTC"
        ),
        pytest.param(reconcile, {"inventory": "/srv/\0lab"}, "NUL", id="a path that no system has"),
        pytest.param(act, {"config": "x" * 5000}, "4096", id="a long path"),
        pytest.param(prune_archive, {"older_than_days": 10_000_000}, "less than or equal to 36500", id="many days"),
        pytest.param(backfill, {"jobs": 0}, "greater than or equal to 1", id="no process"),
    ],
)
def test_a_parameter_is_refused_as_an_option_is(flow, parameters, said):
    with pytest.raises(ParameterTypeError, match=said):
        flow.validate_parameters(parameters)


def test_the_server_knows_the_limits_of_numbers():
    limits = parameter_schema(prune_archive).properties["older_than_days"]

    assert (limits["minimum"], limits["maximum"]) == (1, 36_500)


def test_a_deployment_of_the_executor_takes_no_settings_from_the_api(deployed, tmp_path):
    ended = act.fn(config=tmp_path / "theirs.yaml")

    assert ended.is_failed()
    assert "SUPERVISOR_CONFIG" in ended.message


def test_a_path_of_links_in_a_circle_fails_a_deployments_run_in_one_sentence(deployed, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERVISOR_INVENTORY", str(tmp_path))
    (tmp_path / "circle").symlink_to(tmp_path / "circle")

    ended = reconcile.fn(inventory=tmp_path / "circle")

    assert ended.is_failed()
    assert "is not inside" in ended.message


def test_a_run_ends_as_busy_where_another_holds_the_history(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERVISOR_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SUPERVISOR_LOCK_TIMEOUT", "0s")
    with hold_history(load_settings().settings.places):
        ended = compact.fn()

    assert (ended.name, ended.type.value) == ("Busy", "CANCELLED")


@pytest.mark.parametrize("flow", [backfill, prune_archive], ids=lambda flow: flow.name)
def test_a_run_without_an_archive_ends_in_one_sentence(flow, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERVISOR_STATE_DIR", str(tmp_path))

    ended = flow.fn()

    assert ended.is_failed()
    assert re.match(r"no snapshots: expected|\S+archive.sqlite: there is no archive yet", ended.message)
