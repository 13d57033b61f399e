"""The systemd units: systemd reads them without a word, and finds them as closed as the README says."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("unit", sorted(path.name for path in UNITS.iterdir()))
def test_systemd_finds_no_fault_in_a_unit(installed, unit):
    assert analyze("verify", "--man=no", str(installed / unit)) == (0, "")


@pytest.mark.parametrize("name", EXPOSURE)
def test_a_unit_is_closed(installed, name):
    threshold = f"--threshold={EXPOSURE[name]}"

    assert analyze("security", "--offline=true", threshold, str(installed / f"{name}.service"))[0] == 0
    assert analyze("security", "--offline=true", "--threshold=1", str(installed / f"{name}.service"))[0] != 0


def test_every_service_has_its_exposure_stated():
    assert {path.stem for path in UNITS.glob("*.service")} == set(EXPOSURE)
