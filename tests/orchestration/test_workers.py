"""`prefect.yaml` as it is meant to be used: deployed to a server, and run by a worker for each work pool."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.orchestration.server import run_server, server_environment
from tests.helpers.homelab import EVENING, environment, reconcile
from tests.orchestration.api import Api
from tests.orchestration.supervised import free_port

pytestmark = [pytest.mark.server, pytest.mark.slow]

FILE = Path(__file__).parents[2] / "prefect.yaml"
POOLS = ("reconcile", "backfill", "maintenance")
SCHEDULES = {
    "reconcile/scheduled": {"interval": 300.0},
    "backfill/nightly": {"cron": "20 2 * * *"},
    "compact/weekly": {"cron": "40 3 * * 0"},
    "prune-archive/daily": {"cron": "10 3 * * *"},
}


@pytest.fixture
def prefect(tmp_path):
    """Return the environment of a server's client, and of its workers' runs."""
    port = free_port()
    prefect = server_environment(tmp_path / "prefect", "127.0.0.1", port, environment(tmp_path))
    with run_server(prefect, "127.0.0.1", port):
        yield prefect


def call(prefect, folder, *arguments):
    command = [sys.executable, "-m", "prefect", *arguments]
    return subprocess.Popen(command, cwd=folder, env=prefect, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(called):
    output = called.communicate()[0].decode()
    assert called.returncode == 0, output


def read_schedules(deployment):
    wanted = ("interval", "cron")
    return {key: one["schedule"][key] for one in deployment["schedules"] for key in wanted if one["schedule"].get(key)}


def test_every_deployment_is_run_by_a_worker_of_its_pool_wherever_it_was_deployed_from(tmp_path, prefect):
    api = Api(prefect["PREFECT_API_URL"].removesuffix("/api"), prefect["PREFECT_API_AUTH_STRING"])
    reconcile(tmp_path)
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copy(FILE, folder)
    for called in [call(prefect, folder, "work-pool", "create", "--type", "process", pool) for pool in POOLS]:
        finish(called)
    finish(call(prefect, folder, "deploy", "--all"))
    shutil.rmtree(folder)

    found = {name: api.api(f"/deployments/name/{name}") for name in SCHEDULES}
    evening = {"reconcile/scheduled": {"as_of": EVENING}}
    runs = {
        name: api.api(f"/deployments/{one['id']}/create_flow_run", {"parameters": evening.get(name, {})})["id"]
        for name, one in found.items()
    }
    for worker in [call(prefect, tmp_path, "worker", "start", "--pool", pool, "--run-once") for pool in POOLS]:
        finish(worker)

    assert {name: read_schedules(one) for name, one in found.items()} == SCHEDULES
    assert {one["concurrency_options"]["collision_strategy"] for one in found.values()} == {"CANCEL_NEW"}
    assert {one["global_concurrency_limit"]["limit"] for one in found.values()} == {1}
    assert {name: api.run(run)["state_name"] for name, run in runs.items()} == {
        **dict.fromkeys(SCHEDULES, "Completed"),
        "reconcile/scheduled": "Unstable",
    }
    assert api.run(runs["reconcile/scheduled"])["name"].startswith("unstable")
