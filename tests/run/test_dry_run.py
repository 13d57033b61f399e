"""A dry run comes to what a run would come to, on what the runs before it left."""

from datetime import timedelta

from tests.helpers.fleet_on_disk import NOON, WEB, reconcile

STARTING = {"a/web": {"status": "starting"}}
LATER = NOON + timedelta(minutes=11)


def advice(report):
    return report.judgement.recommendations["recommendation_id"].to_list()


def test_it_knows_since_when_a_service_is_starting(tmp_path):
    hosts = {"a": "services: [web, db, c]"}
    well = {"a/db": {"status": "ok"}, "a/c": {"status": "ok"}}
    reconcile(tmp_path, hosts, STARTING | well, dry_run=False)

    dry = reconcile(tmp_path, hosts, STARTING | well, as_of=LATER)

    assert advice(dry) == advice(reconcile(tmp_path, hosts, STARTING | well, as_of=LATER, dry_run=False))
    assert advice(dry) == ["redeploy-a-web"]


def test_it_judges_an_older_world_and_says_that_it_is_older(tmp_path):
    reconcile(tmp_path, WEB, as_of=LATER, dry_run=False)

    report = reconcile(
        tmp_path, WEB, files={"world/runtime-summary.json": {"last_update": NOON.timestamp()}}, as_of=LATER
    )

    assert report.outcome == "completed"
    assert [note.partition(", which")[0] for note in report.notes] == [
        "this world, of 2026-06-03T12:00:00Z, is older than the world of 2026-06-03T12:11:00Z"
    ]


def test_what_cannot_be_read_of_the_runs_before_is_noted(tmp_path):
    (tmp_path / "checkpoint").mkdir()

    report = reconcile(tmp_path, WEB)

    assert [note.partition("; ")[2] for note in report.notes] == [
        "name a file in it; what earlier runs left is not looked at"
    ]


def test_a_policy_that_holds_nothing_is_noted_by_each_run(tmp_path):
    (tmp_path / "policy.yaml").write_text("version: 1\nruls: []\n")
    (tmp_path / "policy.yaml").chmod(0o644)
    actions = {"automation": "observe", "policy": tmp_path / "policy.yaml", "operators": tmp_path / "nobody.yaml"}

    report = reconcile(tmp_path, WEB, actions=actions)

    assert (
        f"{tmp_path}/policy.yaml:2:1 unknown key ruls; did you mean rules; until that is mended every action is refused"
        in report.notes
    )
