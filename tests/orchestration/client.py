"""This process as a client of a Prefect server, for as long as a test needs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from tests.orchestration.api import Api


@contextmanager
def as_client(served: Api) -> Iterator[None]:
    """Make this process a client of the server, and send all that is to be sent before the server may go.

    Prefect has one worker for events in a process, and it stays with the server that it first spoke to, whatever the settings
    say later. Left alone, it would try to reach that server for each event of the next test, minutes long.
    """
    with temporary_settings({PREFECT_API_URL: f"{served.url}/api", PREFECT_API_AUTH_STRING: served.auth}):
        try:
            yield
        finally:
            EventsWorker.drain_all()
            APILogWorker.drain_all()
