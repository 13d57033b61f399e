"""A topology whose nodes are read by their kinds says what the strict reader says of all of it."""

from unittest.mock import patch

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from flows.sources.inventory import plain_topology
from flows.sources.inventory.other_files import parse_topology
from flows.sources.inventory.plain_topology import read_topology
from schemas.limits import Limits
from tests.helpers.mutated import mutated

LIMITS = Limits()
PLAIN = """\
# who is there
nodes:
  alpha:
    roles: [worker, storage]   # both
    services:
      - web
      - db
    location:
      rack: 7
  beta:
    roles: [worker, storage]   # both
    services:
      - web
      - db
    location:
      rack: 7

  gamma:
    monitor: false
    roles: router
    services: [dns]
  delta:
"""


def read(data: bytes, limits: Limits = LIMITS):
    """Return what is read, and how often the strict reader was given all of it."""
    with patch.object(plain_topology, "parse_topology", wraps=parse_topology) as strict:
        return read_topology(data, limits), [call.args[0] for call in strict.call_args_list].count(data)


def test_nodes_that_are_alike_are_read_once_and_as_the_strict_reader_does():
    with patch.object(plain_topology, "parse_topology", wraps=parse_topology) as strict:
        found = read_topology(PLAIN.replace("rack: 7\n\n", "rack: 7\n").encode(), LIMITS)

    assert found == parse_topology(PLAIN.replace("rack: 7\n\n", "rack: 7\n").encode(), LIMITS)
    assert strict.call_count == 3


@given(seed=st.integers(0, 2**64))
def test_a_changed_topology_is_read_as_the_strict_reader_does(seed):
    data = mutated(PLAIN, seed).encode("utf-8", "surrogatepass")

    found, wholly = read(data)

    event("left to the strict reader" if wholly else "read by kinds")
    assert found == parse_topology(data, LIMITS)


def test_of_changed_topologies_many_are_read_by_kinds():
    ways = [read(mutated(PLAIN, seed).encode("utf-8", "surrogatepass"))[1] for seed in range(200)]

    assert 20 < sum(ways) < 180


NAMES = st.sampled_from(["web", "db", "Web", "all", "x y", "no", "1", "[a]", "dns-2"])
NODES = st.fixed_dictionaries(
    {},
    optional={
        "monitor": st.sampled_from(["true", "false", "False", "maybe"]),
        "roles": st.one_of(NAMES, st.lists(NAMES, max_size=3)),
        "services": st.one_of(NAMES, st.lists(NAMES, max_size=3)),
        "monitored": st.just("true"),
        "address": st.sampled_from(["10.0.0.1", '"::1"', "{}"]),
    },
)


@given(
    nodes=st.lists(st.tuples(st.sampled_from(["a", "b", "c", "Dd", "on", "all", "fleet", "e" * 64]), NODES), max_size=5)
)
def test_any_nodes_are_read_as_the_strict_reader_does(nodes):
    lines = ["nodes:"]
    for name, options in nodes:
        lines.append(f"  {name}:")
        for key, value in options.items():
            lines.append(f"    {key}:" + (f" {value}" if isinstance(value, str) else ""))
            lines += [f"      - {item}" for item in value] if isinstance(value, list) else []
    data = "\n".join(lines).encode()

    found, wholly = read(data)

    event("left to the strict reader" if wholly else "read by kinds")
    assert found == parse_topology(data, LIMITS)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("nodes:\n  a:\n    monitor: maybe\n", id="a fault"),
        pytest.param("nodes:\n  a:\n    services: [web, web]\n", id="a warning"),
        pytest.param("nodes:\n  a:\n  a:\n", id="a node twice"),
        pytest.param("nodes:\n  a: &x\n    roles: [b]\n", id="an anchor"),
        pytest.param("nodes:\n  a:\n    roles: [b\n    ]\n", id="a list over two lines"),
        pytest.param("nodes: {}\n", id="no node"),
        pytest.param("servers:\n  a:\n", id="another key"),
        pytest.param("nodes:\n  a:\nmore: 1\n", id="another key behind it"),
        pytest.param("nodes:\n  yes:\n", id="a word of two meanings"),
        pytest.param("nodes:\n  fleet:\n", id="a name that stands for all nodes"),
    ],
)
def test_what_is_not_plain_or_not_good_is_left_to_the_strict_reader(data):
    found, wholly = read(data.encode())

    assert wholly == 1
    assert found == parse_topology(data.encode(), LIMITS)


@pytest.mark.parametrize(
    "limits", [Limits(max_yaml_nodes=10), Limits(max_name_length=4), Limits(max_yaml_depth=5)], ids=str
)
def test_what_may_be_over_a_limit_is_left_to_the_strict_reader(limits):
    assert read(PLAIN.encode(), limits) == (parse_topology(PLAIN.encode(), limits), 1)
