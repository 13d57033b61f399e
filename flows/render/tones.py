"""The colours of our words, the same on every screen; by names that rich and typer both know."""

from schemas.words import EventType, Severity, State

STATE = {State.NOMINAL: "green", State.RECONCILING: "cyan", State.DEGRADED: "yellow", State.UNSTABLE: "red"}
SEVERITY = {
    Severity.INFO: "blue",
    Severity.WARNING: "yellow",
    Severity.ERROR: "red",
    Severity.CRITICAL: "bright_red",
}
EVENT = {
    EventType.RECONCILE_REQUIRED: "red",
    EventType.RECONCILE_BLOCKED: "magenta",
    EventType.RECONCILE_RECOMMENDED: "cyan",
    EventType.RECONCILE_RESOLVED: "green",
}
"""What is to be done now, what waits for something else first, and what would be good."""
EVENT_WIDTH = 13
SEVERITY_WIDTH = 10
