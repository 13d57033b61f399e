"""The past, studied from the files and rendered."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

from flows.ledger.history import scan_history
from flows.ledger.history_writer import write_run
from flows.past.study import study_past
from flows.render.past import past_to_csv, past_to_json, past_to_markdown, print_past
from schemas.history import History
from schemas.rules import PastRules
from tests.helpers.frames import NOON
from tests.ledger.test_history import a_run


def renamed(run: History, node: str) -> History:
    """Return the run as another node would have had it."""
    other = {name: getattr(run, name).with_columns(node=pl.lit(node)) for name in ("drift", "recommendations")}
    return run._replace(**other)


def study(folder, **narrowed):
    return study_past(folder, PastRules(), **narrowed)


def told(past) -> str:
    told = StringIO()
    print_past({"": past}, Console(file=told, width=200, highlight=False))
    return told.getvalue()


def test_the_past_is_what_the_runs_say(tmp_path):
    for minutes in (0, 5, 10):
        write_run(tmp_path, a_run(minutes))

    past = study(tmp_path)

    assert past.episodes.select("node", "service", "duration_s", "action").rows() == [
        ("piha", "mosquitto", 600.0, "redeploy")
    ]
    assert dict(past.reliability.select("service", "availability_ratio").rows()) == {"mosquitto": 0, "web": 1, "all": 1}


def test_a_question_that_is_asked_again_tells_a_run_that_came_meanwhile_with_its_drift(tmp_path, monkeypatch):
    write_run(tmp_path, a_run())
    coming = iter([a_run(5)])

    def scan_or_lose(root: Path, table: str, *bounds: Any, **more: Any) -> pl.LazyFrame:
        if table == "drift" and (run := next(coming, None)):
            write_run(root, run)
            raise FileNotFoundError("merged away meanwhile")
        return scan_history(root, table, *bounds, **more)

    bounds = {"since": NOON - timedelta(days=1), "until": NOON + timedelta(days=1)}
    with monkeypatch.context() as patch:
        patch.setattr("flows.past.study.scan_history", scan_or_lose)
        past = study(tmp_path, **bounds)

    assert past.spans.height == 2
    assert past.episodes.equals(study(tmp_path, **bounds).episodes)


def test_a_period_holds_its_runs_alone(tmp_path):
    for minutes in (0, 5, 10):
        write_run(tmp_path, a_run(minutes))

    assert study(tmp_path, since=NOON + timedelta(minutes=5)).spans.height == 2


def test_a_node_alone_leaves_the_others_out(tmp_path):
    write_run(tmp_path, renamed(a_run(0), "vps"))
    write_run(tmp_path, a_run(5))

    assert study(tmp_path, node="vps").episodes["node"].to_list() == ["vps"]
    assert study(tmp_path, service="nothing").episodes.is_empty()


def test_no_runs_are_said_to_be_none(tmp_path):
    assert "no runs" in told(study(tmp_path))


def test_the_terminal_shows_no_control_character(tmp_path):
    write_run(tmp_path, renamed(a_run(0), "evil\x1b]52;c;x\x07[/]"))

    assert "\x1b" not in told(study(tmp_path))
    assert "\\x1b]52" in told(study(tmp_path))


def test_a_cell_that_is_a_formula_is_neutralised(tmp_path):
    write_run(tmp_path, renamed(a_run(0), "=HYPERLINK(1)"))

    assert ",'=HYPERLINK(1)," in past_to_csv({"": study(tmp_path)})


def test_the_json_document_has_every_episode(tmp_path):
    write_run(tmp_path, a_run(0))

    document = json.loads(past_to_json({"": study(tmp_path)}))

    assert document["episodes"][0]["opened_at"] == "2026-05-27T12:00:00.000000Z"
    assert document["episodes"][0]["resolved_at"] is None


def test_markdown_cells_cannot_break_the_table(tmp_path):
    write_run(tmp_path, renamed(a_run(0), "a|b"))

    assert "a\\|b/mosquitto" in past_to_markdown({"": study(tmp_path)})
