"""Events about acting are Prefect events as well."""

from flows.ledger.event_line import encode_action_event
from flows.orchestration.prefect_events import to_prefect_event
from tests.ledger.test_action_events import event


def test_an_event_about_acting_names_what_it_is_about():
    found = to_prefect_event(encode_action_event(event(), 1, None).envelope)

    assert found["event"] == "runtime-supervisor.action.started"
    assert found["resource"]["prefect.resource.name"] == "container-restart-piha-web"
    assert found["resource"]["runtime-supervisor.action"] == "restart"
