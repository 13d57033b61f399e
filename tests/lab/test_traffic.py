"""What a look over ssh costs on the wire: the bytes of a real node's own cable (OBSERVER 4)."""

import re
from pathlib import Path

import pytest

from tests.lab.fleet import watched

pytestmark = [pytest.mark.engine, pytest.mark.slow]
CONTAINERS, LOOKS = 30, 5
LOOKS_A_DAY = 2880


def carried(node):
    """Return the bytes that the node's cable has carried both ways."""
    lines = Path("/proc/self/net/dev").read_text().splitlines()
    (counts,) = [line.partition(":")[2].split() for line in lines if line.strip().startswith(f"{node.cable}:")]
    return int(counts[0]) + int(counts[8])


@pytest.mark.parametrize(("is_intermittent", "most"), [(False, 70_000), (True, 15_000)])
def test_a_look_over_ssh_is_the_list_and_little_else(node, tmp_path, monkeypatch, is_intermittent, most):
    monkeypatch.setattr("flows.engines.engine.YOUNG", re.compile("never"))
    for number in range(CONTAINERS):
        node.run(f"s{number:02}")
    if is_intermittent:
        capabilities = tmp_path / "inv/hosts/node1/capabilities.yaml"
        capabilities.parent.mkdir(parents=True)
        capabilities.write_text("operational: {connectivity: intermittent}\n")

    async def steps(fleet):
        before = carried(node)
        await fleet.look()
        first = carried(node)
        for _ in range(LOOKS):
            await fleet.look()
        return first - before, (carried(node) - first) / LOOKS

    first, later = watched(tmp_path, steps, node1=(f"ssh://root@{node.name}", {}))

    day = later * LOOKS_A_DAY / (4 if is_intermittent else 1) / 1e6
    print(
        f"{'compressed' if is_intermittent else 'plain'}: first {first / 1e3:.0f} kB, then {later / 1e3:.1f} kB a look,"
        f" {day:.0f} MB a day"
    )
    assert later < most
