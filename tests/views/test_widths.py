"""Tables stay tables at 80 and 120 columns, and say what matters in both."""

import io
from datetime import timedelta

import pytest
from rich.console import Console
from rich.text import Text

from flows.cli import _run
from flows.past.study import study_past
from flows.render.actions import draw_actions
from flows.render.live import WatchScreen
from flows.render.past import print_past
from flows.render.screen import fold
from flows.render.table import Hints, print_report
from flows.render.tabulate import Column, fit
from flows.render.terminal import CommandLine
from schemas.rules import PastRules
from tests.helpers.fleet_on_disk import BAD, NOON, OK, WEB, reconcile

WIDTHS = (80, 120)


def lines_of(show, width):
    told = io.StringIO()
    show(Console(file=told, width=width))
    return [line.rstrip() for line in told.getvalue().splitlines()]


def texts(*rows):
    return [[Text(cell) for cell in row] for row in rows]


def plain(fitted):
    columns, rows = fitted
    return [column.heading for column in columns], [[cell.plain for cell in row] for row in rows]


COLUMNS = (
    Column("opened", short=lambda text: text[5:]), Column("target"), Column("why", cut=6), Column("action", drop=1),
)  # fmt: skip
ROW = ("2026-06-03", "piha/web", "it is unhealthy", "redeploy")


@pytest.mark.parametrize(
    ("width", "headings", "row"),
    [
        (60, ["opened", "target", "why", "action"], [*ROW]),
        (42, ["opened", "target", "why", "action"], ["06-03", "piha/web", "it is unhealt…", "redeploy"]),
        (30, ["opened", "target", "why"], ["06-03", "piha/web", "it is unhea…"]),
    ],
    ids=["whole", "shortened and cut", "a column less"],
)
def test_a_table_is_shortened_then_cut_then_loses_what_is_needed_least(width, headings, row):
    assert plain(fit(COLUMNS, texts(ROW), width)) == (headings, [row])


def test_what_does_not_fit_at_all_is_no_table():
    assert fit(COLUMNS, texts(ROW), 20) is None


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """Return a past in which a service with a long name was bad, and well again."""
    folder = tmp_path_factory.mktemp("past")
    hosts = {"chelsty-infra": "services: [node-exporter, web]"}
    for minute, record in ((0, OK), (10, BAD), (20, OK), (30, BAD)):
        records = {"chelsty-infra/node-exporter": record, "chelsty-infra/web": OK}
        reconcile(folder, hosts, records, as_of=NOON + timedelta(minutes=minute), dry_run=False)
    return study_past(folder / "state", PastRules())


@pytest.mark.parametrize("width", WIDTHS)
def test_the_past_is_a_table_with_its_targets_whole(past, width):
    lines = lines_of(lambda console: print_past({"": past}, console), width)
    head = next(line for line in lines if line.startswith("opened"))
    rows = lines[lines.index(head) + 1 :]

    assert {"target", "drift", "lasted"} <= set(head.split())
    assert [line.split()[2] for line in rows] == ["chelsty-infra/node-exporter"] * 2
    assert "open, 0 s" in rows[0]
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_settings_are_tables(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    assert _run(["config"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert all(len(line.rstrip()) <= width for line in lines)
    assert any(line.split()[:1] == ["node_ttl"] and "5m" in line.split() for line in lines)


@pytest.mark.parametrize("columns", ["0", "-5", "wide", ""])
def test_a_width_that_is_none_is_no_width(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)

    assert _run(["config"]) == 0
    assert "a node not seen for longer is offline" in capsys.readouterr().out


@pytest.mark.parametrize("width", WIDTHS)
def test_a_run_says_severity_and_ends_with_what_to_type(tmp_path, width):
    lines = lines_of(lambda console: print_report(reconcile(tmp_path, WEB, {"a/web": BAD}), console), width)

    assert any(line.split()[:2] == ["required", "error"] for line in lines)
    assert lines[-1] == "next: supervisor explain a/web"
    assert all(len(line) <= width for line in lines)


def test_the_screen_of_watch_grows_old_and_keeps_what_was_said(tmp_path):
    clock = [NOON + timedelta(seconds=9)]
    screen = WatchScreen(timedelta(minutes=30), lambda: clock[0])
    screen.show_run(reconcile(tmp_path, WEB, {"a/web": BAD}), Hints())
    screen.say("error: the disk is full")
    clock[0] += timedelta(minutes=2)
    lines = lines_of(lambda console: console.print(screen), 80)

    assert lines[0] == "supervisor watch  ·  judged 2 min ago, at 12:00:00  ·  Ctrl-C ends it"
    assert lines[1] == "12:00:09  error: the disk is full"
    assert lines[3].startswith("UNSTABLE") or lines[3].startswith("DEGRADED")
    low = lines_of(lambda console: console.print(screen, height=5), 80)
    assert (low[:4], low[4]) == (lines[:4], f"and {len(lines) - 4} more lines; 'supervisor status' shows all")


ASKED = {
    "action_id": "redeploy-piha-web", "intent_id": "4345d6c09ad8ff", "node": "piha", "service": "web", "verb": "redeploy",
    "phase": "pending", "updated_at": NOON.isoformat(), "rule_id": "web", "decision": None, "attempt": None,
}  # fmt: skip
DONE = ASKED | {
    "phase": "completed",
    "attempt": {"result": "done", "outcome": "recovered"},
    "service": "prometheus-node-exporter",
}


@pytest.mark.parametrize("width", WIDTHS)
def test_actions_are_a_table_with_what_to_type_whole(width):
    def show(console):
        for part in draw_actions([ASKED, DONE], NOON + timedelta(minutes=82), console):
            console.print(part)

    lines = lines_of(show, width)

    assert lines[1].split()[:5] == ["asks", "redeploy", "piha/web", "1", "h"]
    assert "recovered" in lines[2]
    assert lines[-1] == "next: supervisor approve redeploy-piha-web --intent 4345d6c09ad8"
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize(
    ("services", "step"),
    [
        ("services: [web]", "next: supervisor explain a/web --inventory . --as-of 2026-06-03 --state-dir 'my state'"),
        ("services: [", "next: supervisor check --inventory .    more: docs/inventory.md"),
    ],
)
def test_what_to_type_next_has_no_option_that_its_command_has_not(tmp_path, services, step):
    report = reconcile(tmp_path, {"a": services}, {"a/web": BAD})
    hints = Hints(options=" --inventory . --as-of 2026-06-03 --state-dir 'my state'")

    lines = lines_of(lambda console: print_report(report, console, hints=hints), 200)

    assert step in lines


def test_a_command_to_copy_is_never_folded(tmp_path):
    """Neither what to type next nor what the settings say of an action, in a run, in `status` and in `explain`."""
    folder = "/a/long/way/to/the/folder/that/holds/the/settings/of/this/fleet"
    hints = Hints(lambda *_: f"make -C {folder} redeploy NODE=a SERVICE=web", f" --config {folder}/supervisor.yaml")
    report = reconcile(tmp_path, WEB, {"a/web": BAD})

    lines = lines_of(lambda console: print_report(report, console, hints=hints), 80)

    assert lines[-1] == f"next: supervisor explain a/web --config {folder}/supervisor.yaml"
    assert f"{' ' * 13}$ make -C {folder} redeploy NODE=a SERVICE=web" in lines
    assert [*fold(lines[-1], 80)] == lines[-1:]
    assert len([*fold(f"reason: {folder} {folder}", 80)]) == 2


def test_a_screen_of_its_own_folds_a_command_so_that_all_of_it_is_seen():
    told = Console(file=io.StringIO(), width=20, force_terminal=True)
    line = CommandLine(Text("next: supervisor explain a/web"))

    with told.screen():
        drawn = told.render_lines(line, pad=False)

    assert "".join(part.text for row in drawn for part in row) == "next: supervisor explain a/web"
