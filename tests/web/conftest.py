"""A home with a page."""

from contextlib import ExitStack

import pytest

from tests.helpers.paged import browse, settings_of, write_home


@pytest.fixture
def folder(tmp_path):
    write_home(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def quiet_page(tmp_path_factory):
    """Return a page that is only looked at, as a browser on this machine sees it."""
    folder = tmp_path_factory.mktemp("quiet")
    write_home(folder)
    with browse(settings_of(folder)) as client:
        yield client


@pytest.fixture
def open_page(folder):
    """Return what opens the page of the folder as a browser on this machine sees it."""
    with ExitStack() as opened:
        yield lambda address="127.0.0.1", **web: opened.enter_context(browse(settings_of(folder, web), None, address))
