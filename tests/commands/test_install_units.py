"""`supervisor install-units`: the package's units, filled in for a machine; what is there stays."""

from importlib.resources import files
from pathlib import Path

import pytest

from flows.cli import _run
from flows.commands.install_units import UNITS, Way, fill, find_closed_folder, list_units

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_package_has_every_unit_of_the_examples():
    shipped = {path.name: path.read_text() for name in ("systemd", "acting") for path in (EXAMPLES / name).iterdir()}
    packed = Path(str(files("flows.commands") / "units"))

    assert {path.name: path.read_text() for path in packed.iterdir()} == shipped
    assert {unit.name for unit in list_units(list(Way))} == set(shipped)


@pytest.mark.parametrize("name", sorted({unit.name for units in UNITS.values() for unit in units}))
def test_nothing_of_another_machine_is_left_in_a_unit(name):
    text = fill(name, "/srv/bin/supervisor", "/srv/supervisor.yaml", "anna")

    assert "/opt/runtime-supervisor" not in text
    assert "/etc/runtime-supervisor/supervisor.yaml" not in text
    assert "User=runtime-supervisor" not in text
    assert "Group=runtime-supervisor" not in text
    assert " runtime-supervisor " not in text


def test_the_folders_of_the_state_keep_their_names_whoever_judges():
    assert "StateDirectory=runtime-supervisor\n" in fill("runtime-supervisor-watch.service", "/x", "/y", "anna")


def test_who_judges_beside_an_executor_shares_the_ledger_by_a_drop_in():
    places = {unit.place for unit in list_units([Way.WATCH, Way.ACT])}

    assert "systemd/system/runtime-supervisor-watch.service.d/judge.conf" in places
    assert not any(place.endswith(".d/judge.conf") for place in {unit.place for unit in list_units([Way.WATCH])})


def test_they_are_written_and_what_is_next_is_said(tmp_path, capsys):
    assert _run(["install-units", "timer", "--to", str(tmp_path), "--user", "nobody-yet"]) == 0

    unit = (tmp_path / "systemd/system/runtime-supervisor.service").read_text()
    assert "\nUser=nobody-yet\n" in unit
    said = capsys.readouterr().out
    assert "useradd --system" in said
    assert "systemctl enable --now runtime-supervisor.timer\n" in said


def test_what_is_there_and_differs_is_replaced_by_force_alone(tmp_path, capsys):
    mine = tmp_path / "systemd/system/runtime-supervisor.timer"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")

    assert _run(["install-units", "timer", "--to", str(tmp_path)]) == 1
    assert "there already, and different" in capsys.readouterr().err
    assert [path.name for path in mine.parent.iterdir()] == [mine.name]
    assert mine.read_text() == "mine"

    assert _run(["install-units", "timer", "--to", str(tmp_path), "--force"]) == 0
    assert mine.read_text() != "mine"


def test_a_dry_run_prints_the_files_and_writes_nothing(tmp_path, capsys):
    assert _run(["install-units", "watch", "--to", str(tmp_path), "--dry-run"]) == 0

    assert "ExecStart=" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_others_cannot_reach_is_told(tmp_path):
    closed = tmp_path / "home"
    closed.mkdir()
    closed.chmod(0o700)
    open_to_all = Path("/usr/bin/env")

    assert find_closed_folder(closed / "bin" / "supervisor") is not None
    assert find_closed_folder(open_to_all) is None
