"""With `automation: off` nothing of acting is read, imported or written: all is byte for byte as if it were not there."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from flows import cli
from tests.helpers.examples import HOMELAB, example_names, load_expected
from tests.helpers.program import call
from tests.helpers.random_fleet import Fleet, make_fleet
from tests.helpers.twists import TWISTS

pytestmark = pytest.mark.wide

GARBAGE = "rules: [this is: {no policy\n"
ACTING = ("flows.sources.policy", "flows.run.actions", "flows.ledger.actions", "flows.run.acting", "schemas.policy")
TAKEN = re.compile(r"·?\s+[\d.]+ s$", re.MULTILINE)
"""How long the run took, at the end of its first line."""
TIMED = re.compile(rb'"sha256":"[0-9a-f]{64}"|\d+\.\d+(e-\d+)?')
"""How long each stage took, and the sum of what holds it, in the checkpoint."""
LISTS_MODULES = (
    "import sys, json; from flows.cli import _run; code = _run(sys.argv[1:]);"
    " print(json.dumps(sorted(sys.modules)), file=sys.stderr); sys.exit(code)"
)


def command_of(name: str, folder: Path, *, is_there: bool) -> list[str]:
    """Return how one world of the homelab is reconciled in a new folder, with files of acting beside its settings or without."""
    expected = load_expected(name)
    settings = yaml.safe_load((HOMELAB / "supervisor.yaml").read_text()) | expected.settings
    folder.mkdir()
    if is_there:
        settings |= {"actions": {"automation": "off", "operators": "operators.yaml", "clock": "clock"}}
        for file in ("policy.yaml", "operators.yaml", "clock", "executor.yaml"):
            (folder / file).write_text(GARBAGE)
    (folder / "supervisor.yaml").write_text(yaml.safe_dump(settings))
    places = ["--event-log", "events.log", "--checkpoint", "checkpoint.json", "--state-dir", "state"]
    inputs = ["--inventory", str(HOMELAB), "--world", str(expected.world), "--as-of", expected.as_of.isoformat()]
    return ["reconcile", *inputs, *places, "--config", "supervisor.yaml"]


GIVEN = {"supervisor.yaml", "policy.yaml", "operators.yaml", "clock", "executor.yaml"}
OF_THE_PROCESS = ("history", "archive", "lock", ".bak")
"""What is in the names of files that hold a process's number, a random name, or how long something took."""


def files(folder: Path) -> dict[str, bytes]:
    """Return what was written; of files that no two runs write alike, that they are there."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    # The cache keeps files' times, and leaves out those that are too new.
    ours = {name: path for name, path in found.items() if name not in GIVEN and not name.startswith("state/cache/")}
    return {
        name: b"" if any(word in name for word in OF_THE_PROCESS) else re.sub(TIMED, b"", path.read_bytes())
        for name, path in ours.items()
    }


@pytest.mark.parametrize("name", example_names())
def test_a_policy_that_is_garbage_changes_not_a_byte(name, tmp_path, monkeypatch):
    here = tmp_path / "here"
    done, written = [], []
    for is_there in (False, True):
        command = command_of(name, here, is_there=is_there)
        monkeypatch.chdir(here)
        result = call(*command)
        done.append((re.sub(TAKEN, "", result.stdout), result.stderr, result.returncode))
        written.append(files(here))
        here.rename(tmp_path / f"{is_there}")

    assert done[0] == done[1]
    assert written[0] == written[1]
    assert "checkpoint.json" in written[0] or done[0][2] == 3
    assert not any("action" in name or "journal" in name for name in written[1])


FLEETS = int(os.environ.get("FLEETS", "4"))
"""`FLEETS=500` tries five hundred, in some minutes."""


def judge_random_fleet(fleet: Fleet, folder: Path, capsys: pytest.CaptureFixture[str], *, is_there: bool) -> object:
    """Reconcile a random fleet in this process, with files of acting beside its settings or without."""
    fleet.write(folder)
    for path in (folder / "world").rglob("*"):  # the time of a world that does not say one
        os.utime(path, (fleet.as_of.timestamp(),) * 2, follow_symlinks=False)
    actions = {"actions": {"automation": "off"}} if is_there else {}
    if is_there:
        for file in ("policy.yaml", "operators.yaml", "executor.yaml"):
            (folder / file).write_text(GARBAGE)
    given = json.loads(json.dumps(fleet.given, default=str))
    (folder / "supervisor.yaml").write_text(yaml.safe_dump(given | {"limits": {"retries": 0}} | actions))
    places = ["--event-log", "events.log", "--checkpoint", "checkpoint.json", "--state-dir", "state"]
    inputs = ["--inventory", ".", "--world", "world", "--as-of", fleet.as_of.isoformat()]
    code = cli._run(["reconcile", *inputs, *places, "--config", "supervisor.yaml"])
    shown = capsys.readouterr()
    return code, re.sub(TAKEN, "", shown.out), shown.err, files(folder)


@pytest.mark.slow
def test_nor_in_random_fleets(tmp_path, capsys, monkeypatch):
    codes = Counter()
    here = tmp_path / "here"
    for seed in range(FLEETS):
        came_to = []
        for is_there in (False, True):
            here.mkdir()
            monkeypatch.chdir(here)
            found = judge_random_fleet(make_fleet(seed, TWISTS), here, capsys, is_there=is_there)
            monkeypatch.chdir(tmp_path)
            shutil.rmtree(here)
            came_to.append(found)
        assert came_to[0] == came_to[1], seed
        codes[came_to[0][0]] += 1

    print(dict(codes))
    assert codes[1] < FLEETS / 2, "what cannot be read compares little"
    assert len(codes) > 1


def test_nothing_of_acting_is_imported(tmp_path):
    here = tmp_path / "a"
    command = [sys.executable, "-c", LISTS_MODULES, *command_of(example_names()[0], here, is_there=True)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here)
    modules = json.loads(done.stderr.splitlines()[-1])

    assert "flows.run.judge" in modules
    assert [module for module in modules if module.startswith(ACTING)] == []
