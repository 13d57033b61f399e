"""What the look at the machine says to a start."""

from types import SimpleNamespace

import pytest

from flows.executor.order import Preflight
from flows.executor.start import Hands


@pytest.mark.parametrize(
    ("kinds", "is_requested", "look"),
    [
        pytest.param(("unhealthy_service",), False, Preflight.ALREADY_HEALTHY, id="it is well by now"),
        pytest.param(
            ("failed_deployment", "missing_service"), False, Preflight.ALREADY_HEALTHY, id="it is there by now"
        ),
        pytest.param(("failed_deployment",), False, Preflight.OK, id="what failed to deploy left the old one well"),
        pytest.param(("unhealthy_service",), True, Preflight.OK, id="a person means it"),
    ],
)
def test_that_it_is_well_speaks_only_against_what_makes_well(kinds, is_requested, look):
    backend = SimpleNamespace(preflight=lambda _: Preflight.ALREADY_HEALTHY)
    started = SimpleNamespace(basis=SimpleNamespace(causing_kinds=kinds))

    assert Hands(None, None)._look(backend, None, SimpleNamespace(is_requested=is_requested), started) is look
