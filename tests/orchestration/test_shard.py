"""A fleet in shards: the same drift as from one process, whatever the number of shards."""

import pytest

from flows.orchestration.shard import merge_drift, split_by_node
from schemas.rules import Rules
from stages.detect import detect_drift
from tests.frames import actual, desired

HERE = [f"node-{n}/svc-{k}" for n in range(5) for k in range(3)]
WANT = desired(*HERE, needs=[{"target": "node-0/svc-0", "dependency": "svc-1", "scope": "external"}])
HAVE = actual(
    *HERE[2:9],
    "node-3/stray",
    "nowhere/stray",
    nodes=[{"node": "node-1", "status": "offline"}],
    incidents=[{"target": "node-2/svc-1"}],
    rejected=[{"target": "node-4/svc-1"}, {"key": "0"}],
)


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_shards_find_what_one_process_finds(count):
    shards = split_by_node(WANT, HAVE, count)

    drift = merge_drift([detect_drift(*shard, Rules()) for shard in shards])

    assert len(shards) <= count
    assert drift.equals(detect_drift(WANT, HAVE, Rules()))


def test_an_empty_fleet_is_one_shard():
    assert len(split_by_node(desired(), actual(), 4)) == 1
