"""How polars works: a small world is judged in one thread, which shows in the size of its services; memory is kept for a while."""

import os
import resource
import sys
from subprocess import check_output

import polars as pl
import pytest
import typer
from polars.exceptions import PanicException

from flows.commands.few_bytes import FEW_BYTES, work_by_size
from flows.errors import BusyError
from flows.files import processes
from flows.files.processes import count_cores, keep_memory, work_here
from flows.settings import Settings

THREADS, MEMORY = "POLARS_MAX_THREADS", "_RJEM_MALLOC_CONF"


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Return a function that says where what is made of the world in the folder would be done."""
    monkeypatch.setattr("flows.commands.few_bytes.work_here", lambda _work: "here")
    return lambda: work_by_size(Settings(world=tmp_path), lambda: "anywhere")


@pytest.mark.parametrize(("size_bytes", "where"), [(0, "here"), (FEW_BYTES - 1, "here"), (FEW_BYTES, "anywhere")])
def test_a_world_is_small_by_the_size_of_its_services(work, tmp_path, size_bytes, where):
    (tmp_path / "elsewhere").touch()
    os.truncate(tmp_path / "elsewhere", size_bytes)
    (tmp_path / "services.json").symlink_to("elsewhere")

    assert work() == where


def test_a_world_that_is_not_there_is_not_small(work):
    assert work() == "anywhere"


@pytest.mark.parametrize(("name", "say"), [(THREADS, lambda: work_here(int)), (MEMORY, keep_memory)])
def test_what_a_person_chose_stands(monkeypatch, name, say):
    monkeypatch.setenv(name, "4")
    say()

    assert os.environ[name] == "4"


def test_of_work_that_is_done_here_polars_hands_nothing_over():
    services = pl.DataFrame({"service": ["mosquitto", "grafana"]})

    def count_waits():
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        for _ in range(100):
            services.join(services, on="service")
        return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before

    assert work_here(count_waits) < 100  # otherwise some six for each join


ERRORS = [BusyError("a run"), BrokenPipeError(), KeyboardInterrupt(), typer.Exit(1), PanicException("no memory")]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_what_work_that_is_done_here_raises_is_raised_and_nothing_is_printed(error, capfd):
    def fail():
        raise error

    with pytest.raises(type(error)) as raised:
        work_here(fail)

    assert raised.value is error
    assert capfd.readouterr().err == ""


def test_every_command_says_how_long_memory_is_kept_before_polars_is_imported(monkeypatch):
    monkeypatch.delenv(MEMORY, raising=False)  # which polars sets, where nobody did
    asks = "import os, sys; sys.argv = ['supervisor', '--version']\nfrom flows import cli\ntry: cli.main()\nfinally:"
    told = check_output(
        [sys.executable, "-c", f"{asks} print(os.environ.get('{MEMORY}'), 'polars' in sys.modules)"], text=True
    )

    assert told.splitlines()[-1] == f"dirty_decay_ms:1000,narenas:{max(1, count_cores() // 2)} False"


@pytest.mark.parametrize(("cores", "pools"), [(1, 1), (2, 1), (3, 1), (16, 8)])
def test_memory_is_kept_in_a_pool_for_each_two_cores(monkeypatch, cores, pools):
    monkeypatch.setenv(MEMORY, "")  # for what it was to come back
    monkeypatch.delenv(MEMORY)
    monkeypatch.setattr(processes, "count_cores", lambda: cores)
    keep_memory()

    assert os.environ[MEMORY].endswith(f",narenas:{pools}")
