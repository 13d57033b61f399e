"""OBSERVER 5: ages inside a node are taken on its own clock."""

import pytest

from flows.engines.looked import RawLook, SeenUnitRow, SourceLook
from flows.observer.frames import frame_units

AT = 1_780_000_000.0
UNIT = SeenUnitRow("web.service", "loaded", "activating")


@pytest.mark.parametrize(
    ("of_engine", "of_systemd", "seen_at"),
    [
        pytest.param(-3000.0, None, AT - 3000, id="an engine tells"),
        pytest.param(None, -3000.0, AT - 3000, id="the node's date tells"),
        pytest.param(None, None, AT, id="nothing tells"),
    ],
)
def test_a_unit_is_seen_by_its_nodes_clock(of_engine, of_systemd, seen_at):
    engine = SourceLook("docker", kind="docker", skew_s=of_engine)
    look = RawLook("piha", AT, sources=(engine, SourceLook("systemd", skew_s=of_systemd, units=(UNIT,))))

    assert frame_units([look], {})["seen_at"][0].timestamp() == seen_at
