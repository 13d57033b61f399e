"""`supervisor ack`: what somebody answers for is shown apart, listed and taken back."""

import json

import pytest

from flows.ledger.acknowledgements import FILE
from tests.helpers.homelab import reconcile, supervisor


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a supervisor in which everything but a warning is acknowledged."""
    targets = [row["node"] + "/" + row["service"] for row in document(tmp_path)["recommendations"]]
    for target in targets:
        if target != "vps/outline":
            assert supervisor(tmp_path, "ack", target, "--reason=known", "--until=3d", "--owner=anna").returncode == 0
    return tmp_path


def document(folder, *options):
    return json.loads(reconcile(folder, "--format", "json", *options).stdout)


@pytest.mark.slow
def test_what_is_acknowledged_does_not_raise_the_state_and_the_judgement_stays(folder):
    found = document(folder)

    assert (found["summary"]["state"], found["summary"]["judged_state"]) == ("degraded", "unstable")
    assert found["summary"]["acknowledged_count"] == len(found["recommendations"]) - 1 == 10
    assert {row["acknowledgement"]["owner"] for row in found["recommendations"] if row["acknowledgement"]} == {"anna"}
    status = json.loads(supervisor(folder, "status", "--json").stdout)
    assert (status["state"], status["because_of"]) == ("degraded", ["redeploy-vps-outline"])


@pytest.mark.slow
def test_one_that_is_removed_or_replaced_is_gone(folder):
    assert supervisor(folder, "ack", "remove", "saturn").returncode == 0
    assert supervisor(folder, "ack", "remove", "saturn").returncode == 1
    supervisor(folder, "ack", "add", "node-2/frigate", "--reason=other", "--until=1h")
    listed = json.loads(supervisor(folder, "ack", "list", "--json").stdout)

    assert "saturn/all" not in {row["target"] for row in listed}
    assert [row["reason"] for row in listed if row["target"] == "chelsty-infra/frigate"] == ["other"]


def test_a_broken_file_acknowledges_nothing_and_the_run_goes_on(tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / FILE).write_text("{")
    found = document(tmp_path)

    assert found["summary"]["state"] == "unstable"
    assert "nothing is acknowledged" in " ".join(found["notes"])


def test_a_reason_an_owner_and_an_end_are_required(tmp_path):
    assert supervisor(tmp_path, "ack", "saturn", "--until=3d").returncode == 1
    assert supervisor(tmp_path, "ack", "saturn", "--reason=x").returncode == 1
    assert supervisor(tmp_path, "ack", "saturn", "--reason= ", "--until=3d").returncode == 1
    assert not (tmp_path / "state" / FILE).exists()
