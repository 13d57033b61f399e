"""An explanation says what is asked for, what is there, what follows, and why nothing else does."""

import json

import pytest

from flows.decisions import weigh_decisions
from flows.dependencies import grow_tree
from flows.render.document import rows
from schemas.episode import Target
from schemas.rules import Rules
from schemas.words import Action
from stages.link import link_dependencies
from tests import frames
from tests.homelab import EVENING, reconcile, supervisor


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a supervisor that ran once on the bad evening."""
    folder = tmp_path_factory.mktemp("explain")
    reconcile(folder)
    return folder


def explained(folder, wanted):
    ran = supervisor(folder, "explain", wanted, "--as-of", EVENING, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_blocked_service_is_explained_down_to_its_root_cause(folder):
    found = explained(folder, "piha/zigbee2mqtt")

    assert found["desired"][0]["file"] == "hosts/piha/services.yaml"
    assert found["recommendation"]["unblocked_by"] == "mosquitto on piha available again"
    assert [(need["target"], need["problem"]) for need in found["dependencies"]] == [
        ("piha/mosquitto", "unhealthy_service")
    ]
    assert [(line["action"], line["is_chosen"]) for line in found["decisions"]] == [
        ("delayed_deployment", True),
        ("redeploy", False),
    ]
    assert [episode["is_open"] for episode in found["episodes"]] == [True]


def test_a_node_says_what_it_explains(folder):
    found = explained(folder, "saturn")

    assert found["explains"] == ["saturn/immich", "saturn/nextcloud", "saturn/restic-server", "solaria/immich-ml"]
    assert len(found["explains"]) == found["recommendation"]["blast_radius"]
    assert found["actual"][0]["key"] == "SATURN"


@pytest.mark.parametrize("wanted", ["redeploy-solaria-whisper", "missing-service-solaria-whisper", " Solaria/Whisper "])
def test_an_id_or_a_name_leads_to_its_target(folder, wanted):
    assert explained(folder, wanted)["target"] == "solaria/whisper"


def test_an_alias_leads_to_its_node(folder):
    assert explained(folder, "node-2/frigate")["target"] == "chelsty-infra/frigate"


def test_what_is_held_back_says_by_what(folder):
    found = explained(folder, "saturn/nextcloud")

    assert found["recommendation"] is None
    assert {line["why"] for line in found["decisions"]} == {"held back by offline_node"}


def test_a_target_in_agreement_has_no_drift(folder):
    assert explained(folder, "vps/postgres")["drift"] == []


def test_the_fleet_is_there_even_where_all_is_well(folder):
    assert explained(folder, "fleet")["target"] == "fleet/all"


def test_an_unknown_target_is_an_error_with_a_hint(folder):
    ran = supervisor(folder, "explain", "nosuch", "--as-of", EVENING)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert "a target is node/service, such as" in ran.stderr


def test_explaining_writes_nothing(folder):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    explained(folder, "saturn")

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_tree_follows_what_is_unavailable_to_its_end():
    want = frames.desired(
        "piha/web",
        "piha/db",
        "piha/disk",
        needs=[
            {"target": "piha/web", "dependency": "db"},
            {"target": "piha/db", "dependency": "disk"},
        ],
    )
    judgement = frames.judged(want, frames.actual(nodes=["piha"]), node_drift_min=9)
    links = link_dependencies(want.services, want.dependencies)
    (branch,) = grow_tree(Target("piha", "web"), links, judgement.drift)

    assert (branch.target, branch.problem) == (("piha", "db"), "missing_service")
    assert [(below.target, below.branches) for below in branch.branches] == [(("piha", "disk"), [])]


def test_each_stronger_decision_says_why_it_was_not_taken():
    deployments = [{"target": "piha/web", "status": "failed"}]
    judgement = frames.judged(frames.desired("piha/web"), frames.actual("piha/web", deployments=deployments))
    lines = weigh_decisions(rows(judgement.drift), rows(judgement.recommendations)[0], Rules())

    assert [(line.action, line.why) for line in lines] == [
        (Action.DIAGNOSTICS, "1 failure(s) in a row; it takes 3"),
        (Action.DELAYED_DEPLOYMENT, "no dependency of it is unavailable"),
        (Action.REDEPLOY, "it has failed_deployment"),
    ]
