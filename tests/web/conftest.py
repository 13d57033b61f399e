"""A home with a page."""

from contextlib import ExitStack

import pytest

from tests.helpers.paged import browse, settings_of, write_home


@pytest.fixture
def folder(tmp_path):
    write_home(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def quiet_folder(tmp_path_factory):
    """Return a home whose page is only looked at: whoever acts there is refused."""
    folder = tmp_path_factory.mktemp("quiet")
    write_home(folder)
    return folder


@pytest.fixture(scope="module")
def quiet_page(quiet_folder):
    """Return the page of the quiet home, as a browser on this machine sees it."""
    with browse(settings_of(quiet_folder)) as client:
        yield client


@pytest.fixture
def newcomer(quiet_page):
    """Return a browser at the quiet page that nobody signed in with."""
    quiet_page.cookies.clear()
    return quiet_page


@pytest.fixture
def open_page(folder):
    """Return what opens the page of the folder as a browser on this machine sees it."""
    with ExitStack() as opened:
        yield lambda address="127.0.0.1", **web: opened.enter_context(browse(settings_of(folder, web), None, address))
