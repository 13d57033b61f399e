"""Which state a single recommendation raises the fleet to: the derivation behind the summary (SEMANTICS 6)."""

from schemas.words import EventType, Severity, State


def derive_state(event_type: EventType, severity: Severity) -> State:
    """Return the state that the recommendation alone would make; the summary's is the worst of them.

    Plain values, so that what shows the last run needs no frame.
    """
    if event_type is EventType.RECONCILE_BLOCKED or severity is Severity.CRITICAL:
        return State.UNSTABLE
    return State.NOMINAL if severity is Severity.INFO else State.DEGRADED
