"""`supervisor watch --web`: one process that runs and shows it, and ends when it is told to."""

import threading
import time

import httpx
import pytest

from tests.helpers.paged import write_world
from tests.helpers.watched import watch_with_page


def wait_for(found):
    """Return what is found within twenty seconds, or what there is then."""
    for _ in range(200):
        if found():
            break
        time.sleep(0.1)
    return found()


@pytest.mark.slow
def test_it_records_runs_shows_changes_and_ends_while_pages_are_open(folder):
    heard = []

    def listen(address):
        with httpx.stream("GET", f"{address}/changes", timeout=60) as stream:
            for line in stream.iter_lines():
                heard.extend([line] if line.startswith("data:") else [])

    with watch_with_page(folder) as (address, process):
        open_page = threading.Thread(target=listen, args=(address,), daemon=True)
        open_page.start()
        assert wait_for(lambda: heard)
        write_world(folder, mosquitto="ok", web="ok", db="exited")
        assert wait_for(lambda: "redeploy-piha-db" in httpx.get(f"{address}/api/v1/status").text)
        assert wait_for(lambda: len(heard) >= 2)
        process.terminate()
        assert process.wait(30) == 0
        open_page.join(10)

    assert "Traceback" not in (folder / "output").read_text()


@pytest.mark.slow
def test_a_port_that_is_taken_is_said_before_anything_runs(folder):
    from tests.helpers.homelab import supervisor

    with watch_with_page(folder) as (address, _):
        port = address.rsplit(":", 1)[1]
        ran = supervisor(folder, "watch", "--web", SUPERVISOR_WEB__PORT=port)

    assert (ran.returncode, f"web.port {port}" in ran.stderr) == (1, True)
