"""The commands about the past, as a user types them."""

import csv
import json
import re
from datetime import timedelta

import pytest

from flows.cli import _run
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import inventory, world, write
from tests.past.test_backfill import keep

pytestmark = pytest.mark.wide


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    """Return what runs a command line on a state of its own, and gives the exit code and both outputs."""
    write(tmp_path / "home", inventory(piha=["web", "db"]))
    write(tmp_path / "world", world(NOON, "piha/web"))
    keep(tmp_path / "kept", 8, down=(2, 3))
    places = {"inventory": "home", "world": "world", "state_dir": "state", "event_log": "log", "checkpoint": "point"}
    for name, place in places.items():
        monkeypatch.setenv(f"SUPERVISOR_{name.upper()}", str(tmp_path / place))
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> tuple[int, str, str]:
        code = _run(line.split())
        return code, *capsys.readouterr()

    return run


ALL = f"--since 30d --until {NOON + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"


def test_a_backfilled_past_is_shown(say):
    assert say("backfill kept --jobs 1")[:2] == (0, "8 judged, 0 known already, 0 passed over, 3 days\n")

    code, out, _ = say(f"history {ALL} --format json")

    document = json.loads(out)
    assert code == 0
    assert document["run_count"] == 8
    assert [episode["service"] for episode in document["episodes"]] == ["web"]


def test_the_episodes_are_a_csv_file(say):
    say("backfill kept --jobs 1")

    rows = list(csv.DictReader(say(f"history {ALL} --format csv")[1].splitlines()))

    assert [row["kind"] for row in rows] == ["unhealthy_service"]


@pytest.mark.parametrize("way", ["table", "markdown"])
def test_the_past_is_shown_to_people(say, way):
    say("backfill kept --jobs 1")

    assert "piha/web" in say(f"history {ALL} --node PIHA --format {way}")[1]


def test_no_past_is_no_error(say):
    code, out, error = say("history")

    assert (code, out) == (0, "no runs with conclusions in this period\n")
    assert "'supervisor backfill' makes it" in error


def test_a_replay_of_nothing_says_where_to_look(say, tmp_path):
    say(f"reconcile --as-of {NOON:%Y-%m-%dT%H:%M:%SZ}")
    (tmp_path / "same.yaml").write_text("node_ttl: 5m\n")
    code, out, error = say("replay --rules same.yaml --from 2030-01-01T00:00:00Z --to 2030-01-02T00:00:00Z --jobs 1")

    assert (code, out) == (0, "0 runs: no change\n")
    assert "archive list" in error


@pytest.mark.parametrize("since", ["yesterday", "2026-05-27T12:00", "2026-02-30", "30x"])
def test_a_moment_that_is_none_is_a_usage_error(say, since):
    code, _, error = say(f"history --since {since}")

    assert code == 1
    assert since in error


def test_a_month_is_asked_for_by_its_dates(say):
    say(f"reconcile --as-of {NOON:%Y-%m-%dT%H:%M:%SZ}")

    assert '"run_count": 1,' in say("history --since 2026-05-01 --until 2026-06-01 --format json")[1]
    assert '"run_count": 0,' in say("history --since 2026-04-01 --until 2026-05-01 --format json")[1]


@pytest.mark.parametrize(
    ("since", "until", "count"),
    [("2026-05-28", "2026-05-29", 4), ("2026-05-27", "2026-05-28", 2), ("36h", "2026-05-29T18:00:00+02:00", 5)],
)
def test_a_period_is_named_by_dates_and_durations(say, since, until, count):
    say("backfill kept --jobs 1")

    assert json.loads(say(f"history --since {since} --until {until} --format json")[1])["run_count"] == count


def test_names_in_local_time_are_read_in_their_zone(say, tmp_path):
    write(tmp_path / "local" / f"{NOON:%Y-%m-%d}_14-00", world(NOON, "piha/web", "piha/db"))
    say("backfill local --jobs 1 --zone Europe/Berlin")

    assert "1 run, 2026-05-27 12:00 UTC" in say(f"history {ALL}")[1]


@pytest.mark.parametrize("zone", ["Berlin", "../etc/passwd", "CEST+2"])
def test_a_zone_that_is_none_is_a_usage_error(say, zone):
    assert say(f"backfill kept --jobs 1 --zone {zone}")[0] == 1


def test_a_period_that_ends_before_it_begins_is_a_usage_error(say):
    code, _, error = say("history --since 2026-06-02 --until 2026-06-01")

    assert code == 1
    assert "ends (2026-06-01 00:00 UTC) before it begins" in error


def test_a_node_of_which_nothing_is_known_is_said_to_be_none(say):
    say("backfill kept --jobs 1")

    assert "no run of this period asks for node nosuch" in say(f"history {ALL} --node nosuch")[2]
    assert say(f"history {ALL} --node piha")[2] == ""


def test_a_replay_tells_the_hours_both_ways_in_a_table(say, tmp_path):
    (tmp_path / "new.yaml").write_text("world_ttl: 30m\n")

    out = say("replay --rules new.yaml --source kept --jobs 1 --format markdown")[1]

    assert "| state | before | after | difference |" in out


def test_what_is_neither_a_folder_nor_a_branch_is_said_so(say):
    code, _, error = say("what-if --inventory nosuch")

    assert code == 1
    assert "nosuch: neither a folder that holds hosts/, nor a branch" in error


def test_a_replay_without_an_archive_says_what_makes_one(say, tmp_path):
    (tmp_path / "new.yaml").write_text("world_ttl: 30m\n")

    assert "there is no archive yet" in say("replay --rules new.yaml")[2]


def test_days_that_are_over_are_compacted(say, tmp_path):
    for minutes in range(3):
        say(f"reconcile --as-of {NOON + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}")

    assert say("history compact")[0] == 0

    assert len(list((tmp_path / "state/history").rglob("*.parquet"))) in {3, 9}


def test_a_live_run_is_in_the_archive_which_is_listed_pruned_and_exported(say, tmp_path):
    say(f"reconcile --as-of {NOON:%Y-%m-%dT%H:%M:%SZ}")

    code, out, error = say("archive list --json")
    assert (code, error) == (0, "")
    listed = json.loads(out)["snapshots"]
    assert sorted(entry["kind"] for entry in listed) == ["inventory", "world"]
    assert re.search(r"^1 world, 1 inventory version; [\d.]+ kB on disk$", say("archive list")[2])
    assert say("archive export out")[:2] == (0, "wrote 1 world\n")
    assert (tmp_path / "out/2026-05-27T120000.000000Z/services.json").is_file()
    assert say("archive prune --older-than 1h")[:2] == (0, "dropped 0 worlds\n")
    assert say("archive prune")[0] == 1


def test_a_replay_by_the_same_rules_reports_no_change(say, tmp_path):
    (tmp_path / "same.yaml").write_text("node_ttl: 5m\n")

    assert "8 runs: no change" in say("replay --rules same.yaml --source kept --jobs 1")[1]


def test_what_another_inventory_would_do_is_markdown_for_a_pull_request(say, tmp_path):
    write(tmp_path / "other", inventory(piha=["web"]))

    code, out, _ = say(f"what-if --inventory other --as-of {NOON:%Y-%m-%dT%H:%M:%SZ}")

    assert code == 0
    assert "| lost | piha/db |" in out


def test_events_of_the_past_go_to_a_file_of_their_own(say, tmp_path):
    say("backfill kept --jobs 1 --events past.log")

    assert len((tmp_path / "past.log").read_text().splitlines()) == 2
    assert not (tmp_path / "log").exists()


def test_several_faults_of_the_world_are_a_line_each(say, tmp_path):
    for name in ("services.json", "nodes.json"):
        (tmp_path / "world" / name).unlink()

    code, out, _ = say("check")

    assert code == 3
    assert len(re.findall("^world:", out, re.MULTILINE)) == out.count("no such file") == 2
    assert "\\n" not in out
