"""`supervisor watch --web`: one process that runs and shows it, and ends when it is told to."""

import threading

import httpx
import pytest

from tests.helpers.paged import write_world
from tests.helpers.watched import watch_with_page


@pytest.mark.slow
def test_it_records_runs_shows_changes_and_ends_while_pages_are_open(folder):
    heard = []

    def listen(address):
        with httpx.stream("GET", f"{address}/changes", timeout=60) as stream:
            heard.extend(line for line in stream.iter_lines() if line.startswith("data:"))

    with watch_with_page(folder) as (address, process):
        open_page = threading.Thread(target=listen, args=(address,), daemon=True)
        open_page.start()
        write_world(folder, mosquitto="ok", web="ok", db="exited")
        for _ in range(200):
            if "redeploy-piha-db" in (shown := httpx.get(f"{address}/api/v1/status").text):
                break
            process_is_gone = process.poll()
            assert process_is_gone is None
            threading.Event().wait(0.1)
        process.terminate()
        assert process.wait(30) == 0
        open_page.join(10)

    assert "redeploy-piha-db" in shown
    assert len(heard) >= 2
    assert "Traceback" not in (folder / "output").read_text()


@pytest.mark.slow
def test_a_port_that_is_taken_is_said_before_anything_runs(folder):
    from tests.helpers.homelab import supervisor

    with watch_with_page(folder) as (address, _):
        port = address.rsplit(":", 1)[1]
        ran = supervisor(folder, "watch", "--web", SUPERVISOR_WEB__PORT=port)

    assert (ran.returncode, f"web.port {port}" in ran.stderr) == (1, True)
