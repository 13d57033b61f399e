"""What the served API and its files let others do: nothing."""

import re
import stat
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from flows.files.lock import hold_lock
from tests.crash.sweep import has_strace
from tests.orchestration.supervised import EVENING, Served

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.mark.parametrize("parameters", [{"world": "/etc"}, {"inventory": "../.."}])
def test_a_parameter_that_leads_out_of_the_configured_folder_fails_the_run(served, parameters):
    run = served.finish(served.start_run(**parameters))

    assert run["state_type"] == "FAILED"
    assert "is not inside" in run["state"]["message"]


def test_a_parameter_of_the_wrong_type_is_refused(served):
    with pytest.raises(urllib.error.HTTPError, match=r"409|422"):
        served.start_run(as_of="yesterday", dry_run=17)


def test_the_api_wants_a_password_and_a_token(served):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        served.api("/admin/version", auth="supervisor:guess")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        served.api("/flow_runs/filter", {}, **{"Prefect-Csrf-Token": "guess"})


def test_the_api_answers_no_other_origin(served):
    request = urllib.request.Request(f"{served.url}/api/health", headers={"Origin": "http://elsewhere.example"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] is None


def test_the_server_is_reached_from_this_machine_alone(served):
    listening = [
        line.split()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()
        if f":{served.port:04X} " in line and " 0A " in line
    ]
    assert listening == [f"0100007F:{served.port:04X}"]


def test_what_the_server_keeps_is_for_us_alone_and_holds_no_pickle(served, evening):
    home = served.output.parent / "state" / "prefect"

    modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in [home, *home.glob("prefect.db*"), home / "auth"]}
    assert modes == {0}
    assert [path.name for path in home.glob("storage/**/*") if path.is_file()] == []


@pytest.fixture
def changed(served, tmp_path):
    """A deployment of which somebody with the password says that it runs a program of theirs; and what that makes."""
    sprung = tmp_path / "sprung"
    (tmp_path / "evil.py").write_text(f"open({str(sprung)!r}, 'w')\n")
    step = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {sprung}"}}
    place = f"/deployments/{served.deployment()['id']}"
    before = {name: served.deployment()[name] for name in ("pull_steps", "entrypoint", "path")}
    evil = {"pull_steps": [step], "entrypoint": f"{tmp_path}/evil.py:reconcile", "path": str(tmp_path)}
    served.api(place, evil, method="PATCH")
    yield sprung
    served.api(place, before, method="PATCH")


def test_a_changed_deployment_runs_our_own_flow_and_no_pull_step(served, changed):
    run = served.finish(served.start_run(as_of=EVENING))

    assert served.deployment()["pull_steps"]
    assert run["state_type"] == "COMPLETED"
    assert not changed.exists()


def test_no_pull_step_follows_a_run_that_is_cancelled(served, changed):
    with hold_lock(served.state_dir / "lock", timeout_s=60):
        run = served.start_run(as_of=EVENING)
        served.wait(lambda: served.run(run)["state_type"] == "RUNNING")
        served.api(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}, "force": True})
        ended = served.finish(run)

    assert ended["state_type"] in {"CANCELLED", "CRASHED"}
    assert not changed.exists()


@pytest.mark.skipif(not has_strace(), reason="strace is missing, or may not trace here")
def test_neither_the_server_nor_a_run_speaks_to_another_machine(tmp_path):
    trace = tmp_path / "trace"
    # -D: the supervisor is our own child, and takes the signal that ends it.
    within = ("strace", "-D", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace))
    with Served(tmp_path, within=within) as served:
        run = served.finish(served.start_run(as_of=EVENING))
    spoken_to = set(re.findall(r'sin6?_port=htons\((\d+)\).*?"([\d.:a-f]+)"', trace.read_text(errors="replace")))

    assert run["state_type"] == "COMPLETED"
    assert "Warning" not in served.said()
    assert (str(served.port), "127.0.0.1") in spoken_to
    assert {address for _, address in spoken_to} <= {"127.0.0.1", "::1"}
    assert "53" not in {port for port, _ in spoken_to}
