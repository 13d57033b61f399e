"""The same history on object storage, against a local S3 server."""

import importlib.util
import logging
from datetime import timedelta

import pytest

from flows.errors import HistoryError
from flows.files.storage import open_storage
from flows.ledger.history import ask_history, scan_history
from flows.ledger.history_writer import compact, write_day, write_run
from flows.past.study import study_past
from flows.sources.fetched import fetch_inputs
from schemas.history import TABLES
from schemas.rules import PastRules
from tests.ledger.test_history import DAY, a_run

boto3 = pytest.importorskip("boto3")
pytest.importorskip("s3fs")
if importlib.util.find_spec("moto") is None:
    pytest.skip("moto is not installed", allow_module_level=True)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def endpoint():
    from moto import server  # takes half a second, in whatever process only collects these tests, too

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def root(endpoint, monkeypatch, request):
    """Return the address of an empty bucket, which the environment says how to reach."""
    values = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**values, "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true"}.items():
        monkeypatch.setenv(name, value)
    bucket = f"b{abs(hash(request.node.name))}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)
    return f"s3://{bucket}/state"


def rows(root, table="runs"):
    return ask_history(lambda: scan_history(root, table).sort("as_of").collect(), root)


def test_a_run_is_read_as_it_was_written(root):
    written = a_run()

    write_run(root, written)

    assert all(rows(root, table).equals(getattr(written, table)) for table in TABLES)


def test_an_empty_bucket_has_no_rows(root):
    assert rows(root).is_empty()


def test_compaction_leaves_one_file_a_table_and_the_same_rows(root):
    for minutes in (0, 5, 10):
        write_run(root, a_run(minutes))

    assert compact(root, DAY + timedelta(days=1)) == 3

    assert rows(root).height == 3
    assert len(open_storage(root).files(f"history/runs/day={DAY}")) == 1


def test_a_day_is_added_to_what_is_there_and_the_past_is_studied(root):
    write_run(root, a_run(0))

    write_day(root, DAY, a_run(5))

    assert study_past(root, PastRules()).episodes["duration_s"].to_list() == [300.0]


def test_an_address_of_an_unknown_kind_is_a_clear_error():
    with pytest.raises(HistoryError, match="nowhere://"):
        open_storage("nowhere://bucket")


def test_the_inputs_of_a_site_are_fetched_from_it(root, endpoint, tmp_path):
    bucket = root.removeprefix("s3://").partition("/")[0]
    store = boto3.client("s3", endpoint_url=endpoint)
    for said in (b"{}", b'{"piha": {}}'):
        store.put_object(Bucket=bucket, Key="state/world/nodes.json", Body=said)

        fetch_inputs(root, tmp_path, 1000)

        assert (tmp_path / "world/nodes.json").read_bytes() == said
