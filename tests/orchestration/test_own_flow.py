"""A run reads no result that a state of the server names: it could be a pickle."""

import asyncio
import base64
import json
import os
import pickle

import pytest
from prefect._internal.result_records import ResultRecordMetadata
from prefect.client.schemas.objects import State, StateType
from prefect.filesystems import LocalFileSystem
from prefect.results import ResultStore
from prefect.serializers import PickleSerializer

import flows.reconcile  # noqa: F401 - a run imports it before it begins


class Trap:
    def __init__(self, sprung):
        self.sprung = sprung

    def __reduce__(self):
        return os.mkdir, (str(self.sprung),)


@pytest.fixture
def trap(tmp_path):
    """Return the metadata of a stored result, and what loading it makes."""
    metadata = ResultRecordMetadata(
        storage_key=str(tmp_path / "result"), prefect_version="3.8.8", serializer=PickleSerializer(picklelib="pickle")
    )
    pickled = base64.b64encode(pickle.dumps(Trap(tmp_path / "sprung"))).decode()
    (tmp_path / "result").write_text(json.dumps({"metadata": metadata.model_dump(mode="json"), "result": pickled}))
    return metadata, tmp_path / "sprung"


def test_prefect_s_own_reader_springs_the_trap(trap):
    metadata, sprung = trap

    store = ResultStore(result_storage=LocalFileSystem(basepath="/"), serializer=metadata.serializer)
    asyncio.run(store._aread(metadata.storage_key, "nobody"))

    assert sprung.exists()


@pytest.mark.parametrize("kind", [StateType.COMPLETED, StateType.FAILED])
def test_a_state_with_a_stored_result_is_refused(trap, kind, monkeypatch):
    monkeypatch.setattr("prefect.states.RESULT_READ_MAXIMUM_ATTEMPTS", 1)
    metadata, sprung = trap

    with pytest.raises(RuntimeError, match="reads no stored result"):
        asyncio.run(State(type=kind, data=metadata).aresult())
    assert not sprung.exists()
