"""`status` and `ack` read the few settings that they need as `load_settings` reads them, and without its model."""

from pathlib import Path

import pytest

from flows.glance import read_glance
from flows.settings import load_settings

FULL = """
checkpoint: state/../known.json
state_dir: ~/state
run_ttl: 1h
lock_timeout: 5
timezone: Europe/Berlin
node_alias_map: {node-2: saturn}
actions: {automation: observe}
world_ttl: 20m
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "supervisor.yaml"


@pytest.mark.parametrize(
    ("text", "environment", "options"),
    [
        pytest.param("", {}, {}, id="defaults"),
        pytest.param(FULL, {}, {}, id="file"),
        pytest.param(FULL, {"RUN_TTL": "90s", "ACTIONS__AUTOMATION": "off"}, {}, id="environment over file"),
        pytest.param("actions: {clock: now}", {}, {}, id="a clock that is not looked at"),
        pytest.param(FULL, {"NODE_ALIAS_MAP": '\'{"a": "b"}\'', "CHECKPOINT": ""}, {}, id="quoted, and empty"),
        pytest.param(FULL, {"CHECKPOINT": "there"}, {"checkpoint": Path("here"), "state_dir": None}, id="option"),
    ],
)
def test_a_glance_says_what_the_model_says(file, monkeypatch, text, environment, options):
    file.write_text(text)
    for name, value in environment.items():
        monkeypatch.setenv(f"SUPERVISOR_{name}", value)

    glance = read_glance(options, file)

    assert glance is not None
    assert glance == load_settings(options, file).settings.glance()


@pytest.mark.parametrize(
    "text",
    [
        "run_ttl: soon",
        "run_tll: 1h",
        "checkpoint: [a]",
        "actions: {automation: maybe}",
        "timezone: Mars",
        "actions: on",
    ],
)
def test_what_takes_the_model_to_refuse_is_left_to_it(file, text):
    file.write_text(text)

    assert read_glance({}, file) is None
