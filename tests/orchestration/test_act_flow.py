"""The executor as a Prefect flow: run as often as one likes, it starts each intent once."""

import pytest
from prefect.logging import disable_run_logger

from flows.act import act
from tests.helpers.acting_home import Home


@pytest.mark.slow
def test_a_flow_that_runs_twice_starts_once(tmp_path):
    home = Home(tmp_path)
    home.configure(start_grace="0s")
    home.propose()
    config = home.folder / "supervisor.yaml"
    with disable_run_logger():
        said = [act.fn(config), act.fn(config)]

    assert said == [["piha/web: done"], []]
    assert len(home.calls()) == 1
