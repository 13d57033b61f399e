"""A fleet in shards: the same drift as from one process, whatever the number of shards."""

import polars as pl
import pytest

from flows.orchestration.shard import merge_looks, split_by_node
from flows.run.judge import look_at_services
from schemas.rules import Rules
from tests.helpers.frames import actual, desired

HERE = [f"node-{n}/svc-{k}" for n in range(5) for k in range(3)]
WANT = desired(*HERE, needs=[{"target": "node-0/svc-0", "dependency": "svc-1", "scope": "external"}])
HAVE = actual(
    *HERE[2:8],
    {"target": HERE[8], "incident_id": "shared"},
    "node-3/stray",
    "nowhere/stray",
    nodes=[{"node": "node-1", "status": "offline"}],
    incidents=[{"target": "node-2/svc-1"}, {"target": "node-3/svc-1", "key": "shared"}],
    rejected=[{"target": "node-4/svc-1"}, {"key": "0"}],
)


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_shards_find_what_one_process_finds(count):
    shards = split_by_node(WANT, HAVE, count)

    looked = merge_looks([look_at_services(*shard, Rules()) for shard in shards])

    assert len(shards) <= count
    whole = look_at_services(WANT, HAVE, Rules())
    assert looked.drift.equals(whole.drift)
    assert all(one.equals(other) for one, other in zip(looked.observed, whole.observed, strict=True))


def test_an_empty_fleet_is_one_shard():
    assert len(split_by_node(desired(), actual(), 4)) == 1


def test_a_frame_is_pickled_to_be_sent_and_not_to_name_the_task():
    pytest.importorskip("prefect_dask")
    from dask.tokenize import tokenize

    import flows.fleet  # noqa: F401 - it says how frames are named

    pickled = []

    class Told(pl.DataFrame):
        def __reduce_ex__(self, protocol):
            pickled.append(protocol)
            return super().__reduce_ex__(protocol)

    assert tokenize({"parameters": {"desired": (Told({"node": ["piha"]}),)}})
    assert pickled == []
