"""The systemd units: systemd reads them without a word, and finds them as closed as the README says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

UNITS = Path(__file__).parents[2] / "examples" / "systemd"
EXPOSURE = {
    "runtime-supervisor": 6,
    "runtime-supervisor-watch": 6,
    "runtime-supervisor-serve": 12,
    "runtime-supervisor-maintenance": 6,
    "runtime-supervisor-act": 14,
    "runtime-supervisor-observe": 16,
}
"""In tenths, as `systemd-analyze security --threshold` takes it; 100 is a unit without any protection."""

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder with the units, which name a program that there is."""
    folder = tmp_path_factory.mktemp("units")
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/opt/runtime-supervisor/.venv/bin/supervisor", sys.executable)
        (folder / unit.name).write_text(text)
    return folder


def analyze(*arguments):
    ran = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.iterdir() if path.suffix in {".service", ".timer"}))
def test_systemd_finds_no_fault_in_a_unit(installed, unit):
    assert analyze("verify", "--man=no", str(installed / unit)) == (0, "")


@pytest.mark.parametrize("name", EXPOSURE)
def test_a_unit_is_closed(installed, name):
    threshold = f"--threshold={EXPOSURE[name]}"

    assert analyze("security", "--offline=true", threshold, str(installed / f"{name}.service"))[0] == 0
    assert analyze("security", "--offline=true", "--threshold=1", str(installed / f"{name}.service"))[0] != 0


@pytest.mark.parametrize("name", ["runtime-supervisor", "runtime-supervisor-watch"])
def test_with_the_drop_in_for_messages_a_unit_has_network_and_nothing_else_is_opened(name, installed, tmp_path):
    unit = tmp_path / f"{name}.service"
    shutil.copy(installed / unit.name, unit)
    (tmp_path / f"{unit.name}.d").mkdir()
    shutil.copy(UNITS / "notify.conf", tmp_path / f"{unit.name}.d" / "notify.conf")

    assert analyze("verify", "--man=no", str(unit)) == (0, "")
    assert analyze("security", "--offline=true", "--threshold=14", str(unit))[0] == 0


def test_by_hand_the_settings_of_the_manual_find_what_the_units_write():
    manual = (UNITS.parents[1] / "docs" / "scheduling.md").read_text()
    written = yaml.safe_load(re.search(r"supervisor\.yaml >/dev/null <<'END'\n(.*?)END\n", manual, re.DOTALL)[1])
    for unit in ("runtime-supervisor", "runtime-supervisor-watch", "runtime-supervisor-serve"):
        text = (UNITS / f"{unit}.service").read_text()
        places = dict(re.findall(r"^Environment=SUPERVISOR_(STATE_DIR|CHECKPOINT|EVENT_LOG)=(.*)$", text, re.MULTILINE))
        assert {name.lower(): place for name, place in places.items()} == {
            name: written[name] for name in ("state_dir", "checkpoint", "event_log")
        }


def test_every_service_has_its_exposure_stated():
    assert {path.stem for path in UNITS.glob("*.service")} == set(EXPOSURE)
