"""The metrics are what Prometheus reads, and say what the run found."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.ledger.checkpoint import Known
from flows.telling.metrics import to_metrics
from flows.telling.outbox import Waiting
from tests.helpers.homelab import reconcile, supervisor


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a supervisor that ran once on the bad evening, with a metrics file."""
    folder = tmp_path_factory.mktemp("metrics")
    reconcile(folder, "--metrics-file", str(folder / "supervisor.prom"))
    return folder


def samples(text):
    families = text_string_to_metric_families(text)
    return {(row.name, *row.labels.values()): row.value for family in families for row in family.samples}


def test_the_official_parser_reads_every_line(folder):
    text = (folder / "supervisor.prom").read_text()
    found = samples(text)

    assert len(found) == sum(not line.startswith("#") for line in text.splitlines())
    assert all("# HELP " + name[0] in text for name in found)


def test_they_say_what_the_run_found(folder):
    found = samples((folder / "supervisor.prom").read_text())

    assert [found["supervisor_state", state] for state in ("nominal", "unstable")] == [0, 1]
    assert (found[("supervisor_services_asked",)], found[("supervisor_services_as_asked",)]) == (33, 19)
    assert found["supervisor_drift", "true", "missing_service", "error"] == 1
    assert found["supervisor_recommendations", "delayed_deployment", "reconcile_blocked", "error"] == 3
    assert found[("supervisor_world_age_seconds",)] == pytest.approx(11.75)
    assert found[("supervisor_last_run_timestamp_seconds",)] == 1780515720
    assert found["supervisor_stage_duration_seconds", "hold_back"] > 0
    assert sum(value for name, value in found.items() if name[0] == "supervisor_open_episodes") == 11


def test_the_command_prints_the_same_and_others_may_read_the_file(folder):
    ran = supervisor(folder, "metrics")

    assert (ran.returncode, ran.stdout) == (0, (folder / "supervisor.prom").read_text())
    assert (folder / "supervisor.prom").stat().st_mode & 0o777 == 0o644


def test_without_a_run_there_are_metrics_that_say_so():
    assert samples(to_metrics(Known()).decode())[("supervisor_runs",)] == 0


def test_a_file_that_cannot_be_written_is_a_note_and_no_failure(tmp_path):
    ran = reconcile(tmp_path, "--metrics-file", str(tmp_path / "no" / "such" / "folder.prom"))

    assert ran.returncode == 2
    assert "note: metrics:" in ran.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(address, tries=100):
    for _ in range(tries):
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"no answer from {address}")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("prometheus-node-exporter"), reason="needs Debian's prometheus-node-exporter")
def test_node_exporter_serves_them_from_its_textfile_folder(folder):
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus-node-exporter",
        f"--collector.textfile.directory={folder}",
        f"--web.listen-address={address}",
    ]
    alone = ["--collector.disable-defaults", "--collector.textfile"]
    with subprocess.Popen([*command, *alone], env=os.environ, stderr=subprocess.DEVNULL) as exporter:
        try:
            served = samples(fetch(f"http://{address}/metrics"))
        finally:
            exporter.terminate()
    written = samples((folder / "supervisor.prom").read_text())

    assert written.items() <= served.items()
    assert served[("node_textfile_scrape_error",)] == 0


def test_messages_that_are_not_sent_are_counted():
    found = samples(to_metrics(Known(), Waiting(3, 1)).decode())

    assert (found[("supervisor_notifications_waiting",)], found[("supervisor_notifications_failed",)]) == (3, 1)
