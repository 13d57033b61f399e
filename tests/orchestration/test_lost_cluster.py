"""A Dask cluster that is gone, or has nobody left to work: the run ends with a word, what is recorded stands, and no event comes twice."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest

from benchmarks.fleet import AS_OF, write_sites
from flows.ledger.elsewhere import FILE
from flows.run.exchange import find_sites
from flows.settings import load_settings
from schemas.words import Outcome
from tests.orchestration.supervised import free_port
from tests.orchestration.test_sites import open_episodes, run_all

pytest.importorskip("prefect_dask")

pytestmark = [pytest.mark.dask, pytest.mark.server, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

START_S = 120


@pytest.fixture
def sites(tmp_path, monkeypatch, client):
    """The settings files of three sites, which the flow is told of."""
    write_sites(tmp_path / "sites", sites=3, nodes=40, services=12)
    for name in ("EVENT_LOG", "CHECKPOINT", "STATE_DIR", "INVENTORY", "WORLD"):
        monkeypatch.delenv(f"SUPERVISOR_{name}")  # each site has its own
    monkeypatch.setenv("SUPERVISOR_FLEET_SITES", str(tmp_path / "sites/*/supervisor.yaml"))
    return find_sites(str(tmp_path / "sites/*/supervisor.yaml"))


def run_on(runner):
    from flows.fleet import reconcile_sites

    return reconcile_sites.with_options(task_runner=runner)(as_of=AS_OF, return_state=True)


def make_runner(**settings):
    from flows.fleet import make_task_runner

    return make_task_runner(load_settings(settings).settings)


@pytest.fixture
def keys(tmp_path, monkeypatch):
    """Dask's own settings for TLS, of this process and of those that it starts."""
    import dask
    from distributed.security import Security

    made = Security.temporary()
    (tmp_path / "key.pem").write_text(made.tls_client_key + made.tls_client_cert)
    (tmp_path / "ca.pem").write_text(made.tls_ca_file)
    certificates = {f"{role}.cert": tmp_path / "key.pem" for role in ("client", "scheduler", "worker")}
    files = {f"distributed.comm.tls.{key}": str(file) for key, file in certificates.items()}
    files["distributed.comm.tls.ca-file"] = str(tmp_path / "ca.pem")
    for key, file in files.items():
        monkeypatch.setenv(f"DASK_{key}".upper().replace(".", "__").replace("-", "_"), file)
    with dask.config.set(files):
        yield


class Cluster:
    """A scheduler and its worker in processes of their own, which nobody starts again."""

    def __init__(self, folder):
        self.address = f"tls://127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        place = ("--protocol", "tls", "--host", "127.0.0.1", "--port", port, "--no-show")
        alone = ("--no-nanny", "--nthreads", "1", "--local-directory", str(folder))
        self.parts = {
            "scheduler": _start(folder, "dask_scheduler", *place),
            "worker": _start(folder, "dask_worker", self.address, *alone),
        }

    def wait_for_its_worker(self):
        from distributed import Client

        with Client(self.address, timeout=START_S) as client:
            client.wait_for_workers(1, timeout=START_S)

    def end(self):
        for process in self.parts.values():
            process.kill()
            process.wait()


def _start(folder, program, *options):
    command = [sys.executable, "-m", f"distributed.cli.{program}", "--no-dashboard", *options]
    with (folder / f"{program}.log").open("wb") as said:
        return subprocess.Popen(command, stdout=said, stderr=said)


@pytest.fixture
def cluster(tmp_path, keys):
    cluster = Cluster(tmp_path)
    try:
        cluster.wait_for_its_worker()
        yield cluster
    finally:
        cluster.end()


def kill_when_told(folder, process):
    """Kill a process as soon as the first site is told what the others show."""
    while not any(folder.glob(f"*/state/{FILE}")):
        time.sleep(0.01)
    process.kill()


def logged(site):
    log = site.parent / "state/events.log"
    return [json.loads(line)["payload"]["event_id"] for line in log.read_text().splitlines()] if log.exists() else []


@pytest.mark.parametrize(
    ("part", "patience", "connect", "problem"),
    [("scheduler", "2m", "2s", "the Dask scheduler is gone"), ("worker", "2s", "30s", "no Dask worker for 2s")],
)
def test_what_a_cluster_recorded_stands_where_it_is_lost_and_the_next_run_does_the_rest(
    sites, cluster, part, patience, connect, problem
):
    import dask

    end = (sites[0].parent.parent, cluster.parts[part])
    threading.Thread(target=kill_when_told, args=end, daemon=True).start()

    with dask.config.set({"distributed.comm.timeouts.connect": connect}):
        ended = run_on(make_runner(dask_address=cluster.address, dask_patience=patience))

    ends = ended.result(raise_on_failure=False)
    assert ended.is_failed()
    assert [end.site for end in ends] == sites
    assert ends[-1].outcome is Outcome.FAILED
    assert all(problem in end.problem for end in ends if end.outcome is Outcome.FAILED)
    cluster.end()
    run_all(sites)
    for site in sites:
        assert len(logged(site)) == len({*logged(site)}) == len(open_episodes(site)) > 0


DEADLY = """
import os, signal, sys

def _look(event, given):
    if event == "open" and str(given[0]) == os.environ["DEADLY"]:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(_look)
"""


def test_a_site_that_no_worker_survives_has_failed_and_the_others_stand(sites, tmp_path, monkeypatch):
    import dask

    (tmp_path / "deadly").mkdir()
    (tmp_path / "deadly/sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "deadly"), prepend=os.pathsep)
    monkeypatch.setenv("DEADLY", str(sites[-1].parent / "state/lock"))

    with dask.config.set(
        {"distributed.scheduler.allowed-failures": 0}
    ):  # Dask's own is 3: so many more times to start one
        ended = run_on(make_runner(dask_workers=1))

    ends = ended.result(raise_on_failure=False)
    assert [end.outcome for end in ends] == [Outcome.COMPLETED, Outcome.COMPLETED, Outcome.FAILED]
    assert ends[-1].problem == "1 worker died of its run; is there memory for it?"
    assert all(map(logged, sites[:-1]))
    assert not logged(sites[-1])


def test_a_cluster_without_a_worker_is_not_waited_for_for_ever(sites):
    from flows.orchestration.dask_runner import PatientRunner

    ended = run_on(PatientRunner(timedelta(seconds=2), cluster_kwargs={**make_runner().cluster_kwargs, "n_workers": 0}))

    assert (ended.is_failed(), ended.message) == (
        True,
        "no Dask worker for 2s; see that workers run and reach the scheduler, or raise dask_patience",
    )
    assert not any(map(logged, sites))


def test_a_scheduler_that_cannot_be_reached_ends_the_run_in_one_line(sites, keys):
    import dask

    address = f"tls://127.0.0.1:{free_port()}"
    with dask.config.set({"distributed.comm.timeouts.connect": "500ms"}):
        ended = run_on(make_runner(dask_address=address))

    assert ended.is_failed()
    assert ended.message.startswith(f"no Dask cluster {address}: Timed out trying to connect")


def test_a_cluster_for_which_there_are_no_certificates_ends_the_run_in_one_line(sites):
    ended = run_on(make_runner(dask_address="tls://127.0.0.1:1"))

    assert ended.is_failed()
    assert ended.message.startswith("no Dask cluster tls://127.0.0.1:1: TLS expects")
