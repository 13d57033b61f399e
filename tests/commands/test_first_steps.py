"""What someone who tries the program meets: mistakes in settings, narrow terminals, pipes."""

import io
import json
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from rich.console import Console
from rich.text import Text

from flows import cli
from flows.cli import _run
from flows.commands.config import config
from flows.commands.options import parse_moment
from flows.errors import SettingsError
from flows.past.replay import read_rules
from flows.render.document import to_json
from flows.render.markdown import to_markdown
from flows.render.screen import fold
from flows.render.table import print_report
from flows.render.tabulate import tabulate
from flows.settings import load_settings
from schemas.rules import Rules
from tests.helpers.fleet_on_disk import BAD, NOON, OK, WEB, reconcile
from tests.helpers.program import call


def inputs_of(folder, hosts, services):
    """Write a fleet, and return the options that name it."""
    reconcile(folder, hosts, services)
    return ["--inventory", str(folder), "--world", str(folder / "world")]


def settings_of(folder, text, **options):
    (folder / "supervisor.yaml").write_text(text)
    return load_settings(options, folder / "supervisor.yaml").settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("node_tll: 5m", "supervisor.yaml:1: 'node_tll' is not a setting; did you mean 'node_ttl'?"),
        ("world: x\nnode_ttl: 5 parsecs", "supervisor.yaml:2: node_ttl: expected seconds, or a duration such as 90s"),
        ("node_ttl: 99999999999d", "supervisor.yaml:1: node_ttl: expected seconds, or a duration such as 90s"),
        ("node_ttl: -5", "supervisor.yaml:1: node_ttl: expected seconds, or a duration such as 90s"),
        ("serve_interval: 0", "supervisor.yaml:1: serve_interval: expected seconds, or a duration such as 90s"),
        ("node_ttl: 1e300", "supervisor.yaml:1: node_ttl: expected seconds, or a duration such as 90s"),
        ("node_alias_map: '{'", "supervisor.yaml:1: node_alias_map: expected a JSON object such as"),
    ],
)
def test_a_mistake_in_the_settings_is_named_with_its_line_and_what_was_expected(tmp_path, text, said):
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, text)

    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["up, Fine", '["up", "fine"]'])
def test_a_variable_names_words_with_commas_or_as_json(monkeypatch, text):
    monkeypatch.setenv("SUPERVISOR_HEALTHY_WORDS", text)

    assert load_settings().settings.healthy_words == {"up", "fine"}


@pytest.mark.parametrize("text", ["up, \udcff", '["up", "\\ud800"]'], ids=["a byte", "an escape"])
@pytest.mark.parametrize("name", ["healthy_words", "restart_triggers"])
def test_words_of_a_variable_that_are_no_utf_8_are_a_mistake(monkeypatch, name, text):
    monkeypatch.setenv(f"SUPERVISOR_{name.upper()}", text)

    with pytest.raises(
        SettingsError, match=f"environment SUPERVISOR_{name.upper()}: {name}: expected UTF-8, found a byte"
    ):
        load_settings()


@pytest.mark.parametrize("text", ["1000,1001", "[1000, 1001]"])
def test_a_variable_names_numbers_with_commas_or_as_json(monkeypatch, text):
    monkeypatch.setenv("SUPERVISOR_LOG_OWNERS", text)

    assert load_settings().settings.log_owners == [1000, 1001]


@pytest.mark.parametrize(
    ("name", "text"),
    [("OPEN_AFTER", "10m"), ("LOG_OWNERS", "bob"), ("LIMITS", "x"), ("HEALTHY_WORDS", "[1]"), ("NODE_ALIAS_MAP", "[]")],
)
def test_a_mistake_in_a_variable_is_named_with_the_variable(monkeypatch, name, text):
    monkeypatch.setenv(f"SUPERVISOR_{name}", text)

    with pytest.raises(SettingsError, match=f"^environment SUPERVISOR_{name}: {name.lower()}"):
        load_settings()


@pytest.mark.parametrize("name", ["SUPERVISOR_WORLD_TTL", "SUPERVISOR_INVENTORY", "NODE_ALIAS_MAP"])
def test_an_empty_variable_sets_nothing(monkeypatch, name):
    monkeypatch.setenv(name, "")

    assert set(load_settings().origins.values()) == {"default"}


def test_a_misspelt_variable_is_named_and_those_of_others_are_left_alone(tmp_path, monkeypatch):
    for other in ("ENABLED", "PROCESS_NAME", "GROUP_NAME", "SERVER_URL", "CONFIG", "NOTIFY_URLS", "LIMITS__RETRIES"):
        monkeypatch.setenv(f"SUPERVISOR_{other}", "1" if other != "CONFIG" else "")
    assert settings_of(tmp_path, "").limits.retries == 1

    monkeypatch.setenv("SUPERVISOR_NODE_TLL", "5m")
    with pytest.raises(SettingsError, match="SUPERVISOR_NODE_TLL: not a setting; did you mean SUPERVISOR_NODE_TTL"):
        settings_of(tmp_path, "")


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("node_ttl: x", "rules.yaml:1: node_ttl: expected seconds, or a duration such as 90s"),
        ("world_ttl: 5m\nnode_tll: 5m", "rules.yaml:2: 'node_tll' is no setting; did you mean 'node_ttl'?"),
    ],
)
def test_a_mistake_in_other_rules_is_named_like_one_in_the_settings(tmp_path, rules, said):
    (tmp_path / "rules.yaml").write_text(rules)

    with pytest.raises(SettingsError, match=re.escape(said)):
        read_rules(tmp_path / "rules.yaml", Rules())


def test_paths_in_the_settings_file_are_relative_to_it(tmp_path):
    settings = settings_of(tmp_path, "world: w\nhistory: past\nstate_dir: ~/state")

    assert settings.world == tmp_path / "w"
    assert settings.history_root() == tmp_path / "past"
    assert settings.state_dir.is_absolute()


def test_places_are_absolute_and_the_logs_owners_are_root_and_we_and_those_who_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"event_log": Path("log"), "checkpoint": Path("here/checkpoint"), "state_dir": Path("state")}

    places = load_settings({**given, "log_owners": [4242], "lock_timeout": "2m"}).settings.places

    assert (places.event_log, places.checkpoint) == (tmp_path / "log", tmp_path / "here/checkpoint")
    assert (places.cache, places.history_lock) == (tmp_path / "state/cache", tmp_path / "state/history.lock")
    assert (places.log_owners, places.lock_timeout_s) == ({0, os.geteuid(), 4242}, 120)


def test_the_lock_of_a_history_elsewhere_is_with_it_and_of_one_on_object_storage_in_the_state_folder(tmp_path):
    state, past = tmp_path / "state", tmp_path / "past"

    locks = [
        load_settings({"state_dir": state, "history": where}).settings.places.history_lock
        for where in (str(past), "s3://bucket/past")
    ]

    assert locks == [past / "history.lock", state / "history.lock"]


def test_a_history_elsewhere_stays_an_address(tmp_path):
    assert settings_of(tmp_path, "history: s3://bucket/past").history_root() == "s3://bucket/past"


@pytest.mark.parametrize(
    "text", ["2026-06-03T12:00:00Z", "2026-06-03T14:00:00+02:00", "2026-06-03 12:00:00Z", "1780488000", " 1780488000.0"]
)
def test_one_moment_is_one_moment_however_it_is_spelled(text):
    moment = parse_moment(text)

    assert (moment, moment.utcoffset()) == (NOON, timedelta())


def test_a_date_is_its_midnight():
    assert parse_moment("2026-06-03") == NOON - timedelta(hours=12)


@pytest.mark.parametrize("text", ["", "noon", "2026-06-03T12:00:00", "1780488000000", "0001-01-01T00:00:00+05:00"])
def test_a_moment_that_is_none_is_refused(text):
    with pytest.raises(typer.BadParameter, match="2026-05-27T18:00:00Z"):
        parse_moment(text)


@pytest.mark.parametrize("options", [[], ["--format", "json"], ["--format", "markdown"], ["--quiet"]])
def test_what_of_the_inventory_could_not_be_read_is_said_on_stderr_beside_a_pipe(tmp_path, options):
    places = inputs_of(tmp_path, {"a": "services: [web", "b": "services: [web]"}, {"b/web": OK})
    ran = call("reconcile", "--dry-run", *places, *options)

    assert (ran.returncode, ran.stderr.splitlines()[0][:33]) == (1, "error: hosts/a/services.yaml:2:1:")


@pytest.mark.parametrize("options", [[], ["--format", "json"], ["--quiet"]])
def test_why_a_run_was_skipped_is_said_on_stderr_beside_a_pipe(tmp_path, options):
    places = inputs_of(tmp_path, WEB, "{")
    ran = call("reconcile", "--dry-run", *places, *options)

    assert (ran.returncode, ran.stderr.count("services.json:1:2:")) == (3, 1)


def test_markdown_names_each_fault_of_a_partly_read_inventory(tmp_path):
    report = reconcile(tmp_path, {"a": "services: [web", "b": "services: [web]"}, {"b/web": OK})

    assert "| hosts/a/services.yaml:2:1 |" in to_markdown(report)


def test_a_run_without_conclusions_says_how_old_the_last_state_is(tmp_path):
    reconcile(tmp_path, WEB, {"a/web": OK}, dry_run=False)
    report = reconcile(tmp_path, WEB, "{", as_of=NOON + timedelta(minutes=9), dry_run=False)

    assert json.loads("".join(to_json(report)))["summary"]["last_age_s"] == 540
    assert "The last known state stands: nominal, judged 9 min ago." in to_markdown(report)


@pytest.mark.parametrize(
    ("event_log", "advice"),
    [
        (".", "expected a regular file, found a folder; name a file in it"),
        ("nowhere/log", "make it, or name another folder"),
    ],
)
def test_a_log_that_cannot_be_one_says_what_to_do(tmp_path, event_log, advice):
    report = reconcile(tmp_path, WEB, {"a/web": BAD}, dry_run=False, event_log=tmp_path / event_log)

    assert (report.exit_code, advice in report.emit_error) == (5, True)


def test_cloudevents_are_written_on_request(tmp_path):
    places = [*inputs_of(tmp_path, WEB, {"a/web": BAD}), "--state-dir", str(tmp_path / "state")]
    paths = [
        "--event-log",
        str(tmp_path / "log"),
        "--checkpoint",
        str(tmp_path / "checkpoint"),
        "--as-of",
        NOON.isoformat(),
    ]
    call("reconcile", "--cloudevents", *places, *paths)

    line = json.loads((tmp_path / "log").read_text())
    assert (line["specversion"], line["data"]["correlation_id"]) == ("1.0", "redeploy-a-web")


COMMANDS = [
    *("reconcile", "status", "explain", "ack", "report", "history", "log", "check", "policy", "config", "replay"),
    *("what-if", "backfill", "archive", "metrics", "observe", "deployment", "watch", "serve", "web"),
]


def told(capsys, line):
    """Return what a command line says on both outputs, folded as on 80 columns."""
    assert _run(line.split()) in {0, 1}
    said = capsys.readouterr()
    return said.out + said.err


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_examples_that_can_be_copied(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    text = told(capsys, f"{command} --help")
    after = text.partition("Example")[2].splitlines()[2:]
    examples = [line for line in after[: after.index("")] if f"supervisor {command}" in line]

    assert examples
    assert all(line.startswith("    ") for line in examples)


def test_the_commands_are_listed_whole_and_those_of_every_day_first(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    sections = dict(re.findall(r"^(\S.*):\n((?:  \S.*\n)+)", told(capsys, "--help"), re.MULTILINE))
    listed = {title: [line.split()[0] for line in lines.splitlines()] for title, lines in sections.items()}

    assert listed["Every day"][:4] == ["reconcile", "status", "explain", "ack"]
    assert {name for names in listed.values() for name in names} >= {*COMMANDS}
    assert not re.findall(r"\.\.\.$", "".join(sections.values()), re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("recncile", "Did you mean 'reconcile'?"),
        ("reconcile --fromat json", "--format"),
        ("reconcile --format jsn", "Invalid value for '--format': 'jsn' is not one of 'table', 'json'"),
    ],
)
def test_a_misspelt_word_says_what_was_meant(capsys, line, said):
    assert said in told(capsys, line)


def test_a_table_that_does_not_fit_becomes_paragraphs():
    rows = [(Text("piha/web"), Text("98 %"), Text(""))]
    shown = []
    for width in (80, 20):
        console = Console(file=io.StringIO(), width=width)
        console.print(tabulate(console, ("target", "available", "down"), rows))
        shown.append([line.rstrip() for line in console.file.getvalue().splitlines()])

    assert shown == [["target    available  down", "piha/web  98 %"], ["piha/web", "  available 98 %"]]


@pytest.mark.parametrize(
    ("line", "folded"),
    [
        ("short", ["short"]),
        ("  one two three", ["  one two", "    three"]),
        ("    deep one two", ["    deep one", "    two"]),
        ("\x1b[1mone\x1b[0m two three", ["\x1b[1mone\x1b[0m two", "  three"]),
        ("a/very/long/path", ["a/very/long/path"]),
        ("              far away", ["    far away"]),
    ],
)
def test_a_line_is_folded_between_words_and_keeps_its_indent(line, folded):
    assert list(fold(line, 12)) == folded


def test_settings_are_shown_as_they_are_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.chdir(tmp_path)
    Path("supervisor.yaml").write_text("node_ttl: 90s\nopen_after: {unhealthy_service: 2 runs}\n")
    text = told(capsys, "config")
    shown = {line.split()[0]: " ".join(line.split()[1:3]) for line in text.splitlines() if line.strip()}

    assert shown["node_ttl"].startswith("90s")
    assert shown["world_ttl"].startswith("15m")
    assert shown["keep_history"].startswith("true")
    assert shown["open_after"] == "unhealthy_service: 2"


@pytest.mark.parametrize(("width", "indent"), [(40, 2), (80, 13)])
def test_a_narrow_terminal_has_room_for_the_reason(tmp_path, width, indent):
    told = io.StringIO()
    print_report(reconcile(tmp_path, WEB, {"a/web": BAD}), Console(file=told, width=width))

    assert f"\n{' ' * indent}web on a is unhealthy" in told.getvalue()


def test_each_fault_of_a_failed_run_has_its_own_line(tmp_path):
    told = io.StringIO()
    print_report(reconcile(tmp_path, {"a": "services: [web"}, {}), Console(file=told, width=500))

    assert "\nhosts/a/services.yaml:2:1: " in told.getvalue()


def test_what_goes_to_a_pipe_keeps_its_lines_whole(tmp_path, monkeypatch):
    places = ("--inventory", str(tmp_path), "--world", str(tmp_path / ("w" * 100)))
    (tmp_path / "hosts/a").mkdir(parents=True)
    (tmp_path / "hosts/a/services.yaml").write_text("services: {web: }\n")
    monkeypatch.delenv("COLUMNS", raising=False)
    ran = call("check", *places)

    assert f"{tmp_path / ('w' * 100)}: no such folder" in ran.stdout
    assert "docs/world.md" in " ".join(ran.stdout.split())


def test_the_limits_are_shown_one_in_a_line_with_where_they_come_from(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")
    Path("supervisor.yaml").write_text("limits: {retries: 7}")

    assert config(config=Path("supervisor.yaml")) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("limits.retries"))
    assert line.split()[1:3] == ["7", "supervisor.yaml:1"]


def test_ctrl_c_while_the_command_is_still_imported_shows_no_traceback(monkeypatch, capfd):
    def interrupt(_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupt)

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert (ended.value.code, capfd.readouterr().err) == (130, "")
