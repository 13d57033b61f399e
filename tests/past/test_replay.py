"""Replay and what-if: the same runs, judged another way."""

from datetime import timedelta

import pytest

from flows.errors import SettingsError
from flows.past.day import group_days
from flows.past.replay import Replayer, compare, join_pairs, read_rules
from flows.past.sources import choose_inventories, make_judge, open_snapshots
from flows.render.comparison import comparison_to_json, comparison_to_markdown, headline
from flows.settings import Settings
from flows.text.values import read_as
from flows.views.what_if import compare_inventories
from schemas.rules import Rules
from schemas.words import State
from tests.helpers.frames import NOON
from tests.helpers.past_worlds import commit, inventory, world, write

MINUTE = timedelta(minutes=1)


@pytest.fixture
def settings(tmp_path):
    home = write(tmp_path / "home", inventory(piha=["web", "db"]))
    now = write(tmp_path / "world", world(NOON, "piha/web"))
    return Settings(inventory=home, world=now, state_dir=tmp_path / "state")


@pytest.fixture
def source(tmp_path):
    """Return four snapshots, ten minutes apart; in the second and third, piha was last seen twenty minutes ago."""
    for number, silent in enumerate((0, 20, 20, 0)):
        moment = NOON + 10 * number * MINUTE
        kept = world(moment, "piha/web", "piha/db", silent_s=60 * silent)
        write(tmp_path / "kept" / f"{moment:%Y-%m-%dT%H%M%SZ}", kept)
    return tmp_path / "kept"


def replay(settings, source, **rules):
    with open_snapshots(source, settings.limits) as snapshots:
        inventories = choose_inventories(settings, None, snapshots)
        other = read_as(Rules, rules)
        work = Replayer(
            make_judge(settings, snapshots, inventories), make_judge(settings, snapshots, inventories, other)
        )
        days = group_days(snapshots.list_snapshots())
        return compare(join_pairs(map(work, days)), settings.longest_span)


def test_the_same_rules_report_no_change(settings, source):
    comparison = replay(settings, source)

    assert comparison.changes.is_empty()
    assert comparison.hours_before == comparison.hours_after
    assert headline(comparison) == "4 runs: no change"


def test_a_longer_node_ttl_shows_the_episode_that_disappears(settings, source):
    comparison = replay(settings, source, node_ttl="30m")

    assert comparison.changes.select("change", "node", "action_before", "first_at", "last_at", "run_count").rows() == [
        ("lost", "piha", "failover_review", NOON + 10 * MINUTE, NOON + 20 * MINUTE, 2)
    ]


def test_the_hours_in_each_state_are_told_both_ways(settings, source):
    comparison = replay(settings, source, node_ttl="30m")

    assert comparison.hours_before[State.UNSTABLE] == pytest.approx(1 / 3, abs=1e-3)
    assert comparison.hours_after == {**dict.fromkeys(State, 0.0), State.NOMINAL: 0.5}


def test_a_settings_file_changes_the_rules_it_names(tmp_path):
    (tmp_path / "new.yaml").write_text("world: /elsewhere\nnode_ttl: 30m\n")

    assert read_rules(tmp_path / "new.yaml", Rules(max_deployment_failures=9)) == Rules(
        node_ttl=timedelta(minutes=30), max_deployment_failures=9
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("node_ttl: soon\n", r"new\.yaml:1: node_ttl"),
        ("\nnode_tll: 5m\n", r"new\.yaml:2: 'node_tll' is no setting"),
    ],
)
def test_a_rule_that_is_none_is_named_with_its_line(tmp_path, text, said):
    (tmp_path / "new.yaml").write_text(text)

    with pytest.raises(SettingsError, match=said):
        read_rules(tmp_path / "new.yaml", Rules())


def test_another_inventory_in_a_folder_shows_what_would_change(tmp_path, settings):
    other = write(tmp_path / "other", inventory(piha=["web"]))

    comparison = compare_inventories(settings, str(other), NOON)

    assert comparison.changes.select("change", "service", "action_before").rows() == [("lost", "db", "redeploy")]
    assert "state: degraded, would be nominal" in comparison_to_markdown(comparison)


def test_another_inventory_on_a_branch_shows_what_would_change(tmp_path, settings):
    commit(settings.inventory, NOON, inventory(piha=["web"]))
    write(settings.inventory, inventory(piha=["web", "db"]))

    assert compare_inventories(settings, "main", NOON).changes["change"].to_list() == ["lost"]


def test_a_comparison_as_json_holds_the_changes(settings, source):
    assert '"change": "lost"' in comparison_to_json(replay(settings, source, node_ttl="30m"))
