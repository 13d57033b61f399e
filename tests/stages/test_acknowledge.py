"""An acknowledged recommendation is shown apart and does not raise the state, until the moment that it ends."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from flows.errors import SettingsError
from flows.ledger.acknowledgements import FILE, change_acknowledgements, read_acknowledgements
from schemas.acknowledgement import Acknowledgement
from stages.acknowledge import acknowledge
from tests.helpers import frames
from tests.helpers.frames import NOON
from tests.helpers.homelab import reconcile, supervisor

TICK = timedelta(microseconds=1)
ACK = Acknowledgement(
    node="piha", service="web", owner="anna", reason="known", acknowledged_at=NOON, until=NOON + timedelta(hours=1)
)


def acknowledged(*given, as_of=NOON):
    judgement = frames.judged(frames.desired("piha/web", "piha/db", "piha/ok"), frames.actual("piha/ok"))
    found = acknowledge(judgement.recommendations, given, as_of)
    assert found.standing.height + found.acknowledged.height == judgement.recommendations.height
    return found


def test_it_covers_its_target_alone():
    found = acknowledged(ACK)

    assert found.acknowledged["service"].to_list() == ["web"]
    assert found.standing["service"].to_list() == ["db"]


@pytest.mark.parametrize(("at", "holds"), [(ACK.until - TICK, True), (ACK.until, False), (ACK.until + TICK, False)])
def test_it_ends_at_its_moment_exactly(at, holds):
    found = acknowledged(ACK, as_of=at)

    assert (found.acknowledged.height, found.lapsed) == ((1, ()) if holds else (0, (ACK,)))


def test_one_that_matches_nothing_is_reported():
    other = replace(ACK, service="cache")

    assert acknowledged(other).unmatched == (other,)


def test_the_file_keeps_what_was_said_by_target(tmp_path):
    rows = [replace(ACK, node="vps"), ACK]
    change_acknowledgements(tmp_path / "state", lambda _: rows, 1)

    assert read_acknowledgements(tmp_path / "state") == (ACK, rows[0])
    assert (tmp_path / "state" / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{", '{"version": 2, "acknowledgements": []}', '{"version": 1}'])
def test_a_broken_file_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / FILE).write_text(content)

    with pytest.raises(SettingsError, match=FILE):
        read_acknowledgements(tmp_path)


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


def broken_chain():
    needs = [{"node": "piha", "service": "web", "dependency": "db", "scope": "local"}]
    want = frames.desired("piha/web", "piha/db", "piha/ok", "vps/x", "vps/y", needs=needs)
    have = frames.actual("piha/ok", "vps/y", {"target": "piha/web", "status": "exited"})
    return frames.judged(want, have).recommendations


def covered_by(target):
    node, service = target.split("/")
    return sorted(
        "/".join(name) for name in acknowledge(broken_chain(), [replace(ACK, node=node, service=service)], NOON).by
    )


def test_that_of_a_node_covers_its_services():
    assert covered_by("piha/all") == ["piha/db", "piha/web"]


def test_what_waits_for_acknowledged_targets_alone_is_covered():
    assert covered_by("piha/db") == ["piha/db", "piha/web"]
    assert covered_by("piha/web") == ["piha/web"]
