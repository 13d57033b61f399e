"""An explanation says what is asked for, what is there, what follows, and why nothing else does."""

import json
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click import unstyle

from flows.errors import SupervisorError
from flows.render.explanation import to_lines
from flows.settings import load_settings
from flows.text.rows import rows
from flows.views.decisions import weigh_decisions
from flows.views.dependencies import grow_tree
from flows.views.explain import explain
from schemas.episode import Target
from schemas.rules import Rules
from schemas.words import Action
from stages.link import link_all
from stages.observe import observe_services
from tests.helpers import frames
from tests.helpers.examples import HOMELAB
from tests.helpers.homelab import EVENING, environment, reconcile, supervisor

pytestmark = pytest.mark.wide


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a supervisor that ran once on the bad evening."""
    folder = tmp_path_factory.mktemp("explain")
    reconcile(folder)
    return folder


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    """Return the folder of a supervisor that saw the same evening twice, and agreement before, between and after."""
    folder = tmp_path_factory.mktemp("week")
    for minute, world in (
        (0, "world-nominal"),
        (10, "world"),
        (20, "world-nominal"),
        (30, "world"),
        (40, "world-nominal"),
    ):
        moment = datetime.fromisoformat(EVENING) + timedelta(minutes=minute - 40)
        reconcile(folder, as_of=moment.isoformat(), SUPERVISOR_WORLD=str(HOMELAB / world))
    return folder


def explained(folder, wanted, *more):
    ran = supervisor(folder, "explain", wanted, "--as-of", EVENING, "--json", *more)
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
        ("diagnostics", False),
        ("redeploy", False),
    ]
    assert [episode["is_open"] for episode in found["episodes"]] == [True]


def test_a_node_says_what_it_explains(folder):
    found = explained(folder, "saturn")

    assert found["explains"] == ["saturn/immich", "saturn/nextcloud", "saturn/restic-server", "solaria/immich-ml"]
    assert len(found["explains"]) == found["recommendation"]["blast_radius"]
    assert found["actual"][0]["key"] == "SATURN"


def test_the_past_of_a_target_is_its_own_episodes(week):
    past = explained(week, "piha/zigbee2mqtt")["past"]

    assert [(row["kind"], row["reopened_count"], row["duration_s"]) for row in past["episodes"]] == [
        ("missing_service", 0, 600),
        ("missing_service", 1, 600),
    ]
    assert {row["action"] for row in past["episodes"]} == {"delayed_deployment"}
    assert past["reliability"]["availability_ratio"] == pytest.approx(0.5)


def test_flapping_is_told_with_the_openings_that_there_were(week):
    told = explained(week, "piha/mosquitto")["remarks"]

    assert told == ["flapping: 2 openings within 24 h, 3 with the next (flapping_diagnostics is off: nothing follows)"]


def test_a_past_that_reaches_back_less_has_less(week):
    assert len(explained(week, "piha/zigbee2mqtt", "--since", "15m")["past"]["episodes"]) == 1


def test_the_screen_shows_the_past_the_newest_first(week):
    told = supervisor(week, "explain", "piha/zigbee2mqtt", "--as-of", EVENING).stdout.partition("its past 30 d\n")[2]

    assert "available 50 %, 2 episodes, 20 min of drift, 10 min to recovery on average" in told
    assert "19:32 UTC  missing service, resolved 2026-06-03 19:42 UTC after 10 min" in told
    assert told.index("reopened, 1 before") < told.index("19:12 UTC")


def test_a_target_that_is_only_in_the_history_is_known(week, tmp_path):
    (tmp_path / "hosts/piha").mkdir(parents=True)
    (tmp_path / "hosts/piha/services.yaml").write_text("services: {}\n")
    ran = supervisor(week, "explain", "solaria/whisper", "--as-of", EVENING, "--inventory", str(tmp_path), "--json")

    assert [row["kind"] for row in json.loads(ran.stdout)["past"]["episodes"]] == ["missing_service"] * 2


def test_a_history_that_cannot_be_read_is_a_remark(week, tmp_path):
    broken = tmp_path / "history/runs/day=2026-06-03/broken.parquet"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PAR1, not really")
    found = explained(week, "piha/zigbee2mqtt", "--history", str(tmp_path))

    assert found["recommendation"] is not None
    assert "broken.parquet" in found["past"]["problem"]


@pytest.mark.parametrize(
    "wanted",
    [
        "redeploy-solaria-whisper",
        "missing-service-solaria-whisper",
        "container-restart-solaria-whisper",
        "unhealthy-service-solaria-whisper",
        " Solaria/Whisper ",
    ],
)
def test_an_id_or_a_name_leads_to_its_target(folder, wanted):
    assert explained(folder, wanted)["target"] == "solaria/whisper"


def test_an_alias_leads_to_its_node(folder):
    assert explained(folder, "node-2/frigate")["target"] == "chelsty-infra/frigate"


def test_what_is_held_back_says_by_what(folder):
    found = explained(folder, "saturn/nextcloud")

    assert found["recommendation"] is None
    assert {line["why"] for line in found["decisions"]} == {"held back by offline node"}


def test_a_target_in_agreement_has_no_drift(folder):
    assert explained(folder, "vps/postgres")["drift"] == []


def test_the_fleet_is_there_even_where_all_is_well(folder):
    assert explained(folder, "fleet")["target"] == "fleet/all"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("qqqq", "a target is node/service, a node, fleet or an id"),
        ("piha/mosquito", "did you mean piha/mosquitto"),
        ("saturm", "did you mean saturn"),
        ("a-node-that-nobody-has/jellyfin", "did you mean saturn/jellyfin"),
    ],
)
def test_an_unknown_target_is_an_error_with_a_hint(folder, wanted, said):
    ran = supervisor(folder, "explain", wanted, "--as-of", EVENING)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert said in ran.stderr


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
    have = frames.actual(nodes=["piha"])
    judgement = frames.judged(want, have, node_drift_min=9)
    links = link_all(want, observe_services(want, have, Rules()).services)
    (branch,) = grow_tree(Target("piha", "web"), links, judgement.drift)

    assert (branch.target, branch.problem) == (("piha", "db"), "missing_service")
    assert [(below.target, below.branches) for below in branch.branches] == [(("piha", "disk"), [])]


def test_each_stronger_decision_says_why_it_was_not_taken():
    deployments = [{"target": "piha/web", "status": "failed"}]
    judgement = frames.judged(frames.desired("piha/web"), frames.actual("piha/web", deployments=deployments))
    lines = weigh_decisions(rows(judgement.drift), rows(judgement.recommendations)[0], Rules())

    assert [(line.action, line.why) for line in lines] == [
        (Action.DELAYED_DEPLOYMENT, "no dependency of it is unavailable"),
        (Action.DIAGNOSTICS, "it takes max_deployment_failures (3) in a row"),
        (Action.REDEPLOY, "it has failed deployment"),
    ]


def test_the_shell_offers_the_targets_of_the_inventory_before_any_run(folder):
    words = {"COMP_WORDS": "supervisor explain saturn/r", "COMP_CWORD": "2", "_SUPERVISOR_COMPLETE": "complete_bash"}
    known = {"SUPERVISOR_CHECKPOINT": str(folder / "none.json")}
    command = [str(Path(sys.executable).with_name("supervisor"))]
    ran = subprocess.run(command, env=environment(folder, **words, **known), capture_output=True, text=True, check=True)

    assert (ran.stdout.split(), ran.stderr) == (["saturn/restic-server"], "")


@pytest.fixture(scope="module")
def evening(tmp_path_factory):
    """Return what explains a target of the bad evening in this process, by rules that may be changed."""
    folder = tmp_path_factory.mktemp("evening")

    def explain_target(wanted, **changed):
        given = {"inventory": HOMELAB, "world": HOMELAB / "world", "state_dir": folder, "checkpoint": folder / "c"}
        settings = load_settings(given | changed, HOMELAB / "supervisor.yaml").settings
        return explain(settings, wanted, datetime.fromisoformat(EVENING), timedelta(days=1))

    return explain_target


def test_a_node_is_explained_with_its_services_and_their_state_the_troubled_first(evening):
    rows = evening("piha").members
    kinds = {row["target"]: [drift["kind"] for drift in row["drift"]] for row in rows}

    assert [row["target"] for row in rows][:3] == ["piha/ha-diag-agent", "piha/mosquitto", "piha/zigbee2mqtt"]
    assert kinds["piha/mosquitto"] == ["unhealthy_service", "unresolved_incident"]
    assert {row["target"]: (row["is_monitored"], row["status"]) for row in rows if not row["drift"]} == {
        "piha/backup-timer": (False, None),
        "piha/brain-watchdog": (True, "ok"),
        "piha/node-agent": (True, "healthy"),
    }


def test_the_fleet_is_explained_with_its_nodes(evening):
    found = evening("fleet")

    assert {row["target"] for row in found.members} == {
        *("piha/all", "solaria/all", "vps/all", "saturn/all", "chelsty-infra/all", "chelsty-ha/all")
    }
    assert any("saturn" in line and "offline node" in line for line in to_lines(found))


def test_of_a_node_that_is_offline_no_service_is_called_well(evening):
    service, node = list(to_lines(evening("saturn/jellyfin"))), "\n".join(to_lines(evening("saturn")))

    assert "  none known: nothing is seen of saturn, its node" in service
    assert "jellyfin" in node
    assert "✓ jellyfin" not in unstyle(node)


def test_a_service_that_several_nodes_have_is_asked_about_and_one_that_one_node_has_is_found(evening):
    with pytest.raises(SupervisorError, match="3 nodes have 'mosquitto'; which one: chelsty-infra/mosquitto or piha/"):
        evening("mosquitto")
    assert evening("joplin").target == ("vps", "joplin")


def test_a_rule_is_told_with_the_words_and_numbers_in_force(evening):
    [node] = (row for row in evening("saturn", node_ttl="7m").drift if row["kind"] == "offline_node")
    [service, *_] = evening("piha/mosquitto", healthy_words="fine, ok").drift

    assert "node_ttl (7 min)" in node["rule"]
    assert "healthy_words (fine, ok)" in service["rule"]


def test_what_the_world_calls_a_node_is_told(evening, tmp_path):
    shutil.copytree(HOMELAB / "world", tmp_path / "world")
    nodes = tmp_path / "world/nodes.json"
    nodes.write_text(nodes.read_text().replace('"vps"', '"vps:9100"'))

    assert evening("vps", world=tmp_path / "world").names == ["vps:9100"]
