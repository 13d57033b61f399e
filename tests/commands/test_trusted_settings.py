"""A settings file says what is written where: one that nobody named is believed only where nobody else can write it."""

import os

import pytest

from flows.errors import SettingsError
from flows.setting_sources import find_file

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs files of another user")
STRANGER = 65_534


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Return the settings file of an inventory, with nothing in the current folder; its owner is who runs this."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delenv("SUPERVISOR_CONFIG", raising=False)
    monkeypatch.delenv("SUDO_UID", raising=False)
    file = tmp_path / "inventory" / "supervisor.yaml"
    file.parent.mkdir()
    file.write_text("metrics_file: ~/.profile\n")
    return file


def test_our_own_is_found(file):
    assert find_file(None, file.parent) == file


@pytest.mark.parametrize("place", ["inventory", "here"])
def test_another_users_is_refused_and_named_until_somebody_says_that_it_is_meant(file, monkeypatch, place):
    os.chown(file, STRANGER, STRANGER)
    if place == "here":
        monkeypatch.chdir(file.parent)

    with pytest.raises(SettingsError, match=f"supervisor.yaml: belongs to user {STRANGER}, .* --config"):
        find_file(None, file.parent if place == "inventory" else None)
    assert find_file(file, file.parent) == file


def test_one_that_every_user_can_write_is_refused(file):
    file.chmod(0o666)

    with pytest.raises(SettingsError, match="can be written by every user"):
        find_file(None, file.parent)


def test_another_users_link_to_a_file_of_ours_is_refused(file):
    file.rename(file.with_name("other.yaml"))
    file.symlink_to("other.yaml")
    os.lchown(file, STRANGER, STRANGER)

    with pytest.raises(SettingsError, match=f"belongs to user {STRANGER}"):
        find_file(None, file.parent)


def test_that_of_who_called_sudo_is_believed(file, monkeypatch):
    os.chown(file, STRANGER, STRANGER)
    monkeypatch.setenv("SUDO_UID", str(STRANGER))

    assert find_file(None, file.parent) == file
