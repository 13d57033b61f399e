"""Each contract of the imports is broken once on purpose, in a copy, and says so."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BREAKS = {
    "flows use stages, stages use schemas, and never back": ("schemas/window.py", "stages.detect"),
    "no stage imports another stage": ("stages/detect.py", "stages.hold"),
    "schemas and stages are pure": ("schemas/match.py", "os"),
    "only the flows themselves and orchestration know Prefect": ("flows/text/rows.py", "prefect"),
    "what only shows and judges reaches no engine": ("flows/telling/metrics.py", "flows.engines.http"),
    "inside flows, a folder uses what lies below it": ("flows/ledger/chain.py", "flows.views.roots"),
    "only flows.act reaches the executor": ("flows/settings.py", "flows.executor.redact"),
    "the page and what is rendered write nothing of ours": ("flows/render/status.py", "flows.ledger.emit"),
    "what judges reaches neither the executor": ("flows/run/attend.py", "flows.act"),
}
"""What each contract's name begins with, and which file then imports what."""


def contracts():
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [contract["name"] for contract in document["tool"]["importlinter"]["contracts"]]


def test_each_contract_has_a_break():
    assert [[name for name in contracts() if name.startswith(start)] for start in BREAKS] == [
        [name] for name in contracts()
    ]


@pytest.mark.slow
def test_each_contract_that_is_broken_says_by_what(tmp_path):
    for name in ("flows", "stages", "schemas"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, module in BREAKS.values():
        path = tmp_path / file
        path.write_text(f"{path.read_text()}\nimport {module}\n")

    lint = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([lint, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    said = re.sub(r"\s+", " ", ran.stdout)

    assert ran.returncode == 1
    assert [name for name in contracts() if f"{name} BROKEN" not in said] == []
    for file, module in BREAKS.values():
        importer = file.removesuffix(".py").replace("/", ".")
        assert f"{importer} -> {module}" in said, said
