"""Chains: who depends on whom, directly or over others."""

import pytest

from schemas.episode import Target
from stages import trace_chains as module
from stages.trace_chains import trace_chains
from tests.helpers.acting import target
from tests.helpers.sights import sight

FLEET = ("piha/broker", "piha/zigbee", "piha/lamp", "saturn/dns", "saturn/web", "vps/web")


def chains(*needs, of):
    """Return what a target depends on, and what depends on it, where each need is `node/service dependency scope`."""
    rows = [dict(zip(("target", "dependency", "scope"), need.split(), strict=True)) for need in needs]
    desired = sight(*FLEET, needs=rows).desired
    found = trace_chains(desired.services, desired.dependencies, [target(of)])
    return tuple(
        {"/".join(row) for row in rows.select("node", "service").iter_rows() if row[0] != "*"} for rows in found
    )


@pytest.mark.parametrize(
    ("needs", "of", "above", "below"),
    [
        pytest.param([], "piha/broker", set(), set(), id="nobody needs anything"),
        pytest.param(
            ["piha/zigbee broker local", "piha/lamp zigbee local"],
            "piha/broker",
            set(),
            {"piha/zigbee", "piha/lamp"},
            id="over another one",
        ),
        pytest.param(
            ["piha/zigbee broker local", "piha/lamp zigbee local"],
            "piha/lamp",
            {"piha/zigbee", "piha/broker"},
            set(),
            id="and the other way round",
        ),
        pytest.param(["piha/lamp dns external"], "piha/lamp", {"saturn/dns"}, set(), id="a name on any node"),
        pytest.param(["piha/lamp web external"], "saturn/web", set(), {"piha/lamp"}, id="one instance of a name"),
        pytest.param(["piha/lamp dns local"], "piha/lamp", set(), set(), id="local, and not there"),
        pytest.param(["saturn/dns web anywhere"], "saturn/dns", {"saturn/web"}, set(), id="its own node first"),
        pytest.param(["piha/lamp web anywhere"], "piha/lamp", {"saturn/web", "vps/web"}, set(), id="else any node"),
        pytest.param(
            ["piha/zigbee broker local", "piha/broker zigbee local"],
            "piha/broker",
            {"piha/zigbee"},
            {"piha/zigbee"},
            id="a cycle",
        ),
    ],
)
def test_a_chain_is_what_is_needed_and_what_needs_it(needs, of, above, below):
    assert chains(*needs, of=of) == (above, below)


def test_what_a_service_declares_for_all_its_nodes_counts_on_each():
    desired = sight(*FLEET, needs=[{"service": "web", "dependency": "dns", "scope": "external"}]).desired

    _, below = trace_chains(desired.services, desired.dependencies, [Target("saturn", "dns")])

    assert sorted(below["node"]) == ["saturn", "vps"]


def test_a_name_that_many_need_stands_for_all_of_them(monkeypatch):
    monkeypatch.setattr(module, "MOST", 1)

    above, below = chains("piha/lamp dns external", "piha/zigbee dns external", of="saturn/dns")

    assert (above, len(below)) == (set(), 1)
