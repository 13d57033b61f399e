"""Make a Prefect automation that notifies a webhook of every new or changed blockage and every critical finding.

    python examples/prefect/notify.py https://ntfy.example.net/homelab

Run it where `prefect` reaches the server: with PREFECT_API_URL, and PREFECT_API_AUTH_STRING holding what
`supervisor serve` keeps in `prefect/auth` in its state folder. Run again, it replaces what it made.
"""

import sys
from contextlib import suppress

from prefect.automations import Automation
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture

NAME = "runtime-supervisor-notify"
BODY = "{{ event.resource.name }}: {{ event.payload.reason }}"


def main(url: str) -> None:
    """Save the webhook and the automation."""
    webhook = CustomWebhookNotificationBlock(
        name=NAME, url=url, method="POST", json_data={"title": "{{subject}}", "message": "{{body}}"}
    )
    block_id = webhook.save(NAME, overwrite=True)
    wanted = Automation(
        name=NAME,
        description="Blocked and required: what the supervisor wants an operator to see",
        trigger=EventTrigger(
            expect={"runtime-supervisor.reconcile.blocked", "runtime-supervisor.reconcile.required"},
            match={
                "prefect.resource.id": "runtime-supervisor.recommendation.*",
                "runtime-supervisor.severity": ["critical", "error"],
            },
            # One notification for each recommendation, however many come at once.
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[SendNotification(block_document_id=block_id, subject="{{ event.event }}", body=BODY)],
    )
    with suppress(ValueError):
        Automation.read(name=NAME).delete()
    wanted.create()
    print(f"automation {NAME}: POST to {url}")


if __name__ == "__main__":
    main(sys.argv[1])
