"""The words that columns hold; each enum's order is the order that it sorts and compares by."""

from enum import StrEnum


class Severity(StrEnum):
    """How much a drift or a recommendation matters, from the least to the most."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class DriftKind(StrEnum):
    """What kind of difference between desired and actual a drift is (SEMANTICS 3)."""

    STALE_WORLD = "stale_world"
    OBSERVER_SUSPECT = "observer_suspect"
    NODE_SUSPECT = "node_suspect"
    OFFLINE_NODE = "offline_node"
    MISSING_SERVICE = "missing_service"
    MISPLACED_SERVICE = "misplaced_service"
    UNHEALTHY_SERVICE = "unhealthy_service"
    UNREADABLE_OBSERVATION = "unreadable_observation"
    STALE_OBSERVATION = "stale_observation"
    FAILED_DEPLOYMENT = "failed_deployment"
    NODE_PRESSURE = "node_pressure"
    UNRESOLVED_INCIDENT = "unresolved_incident"
    EMPTY_INVENTORY = "empty_inventory"
    UNEXPECTED_SERVICE = "unexpected_service"
    UNEXPECTED_NODE = "unexpected_node"


class DriftCause(StrEnum):
    """What a drift of its kind follows from, where that makes a difference to what is said or done."""

    PLAIN = "plain"
    BY_WORD = "by_word"
    """A node says by a word of `offline_words` that it is off."""
    BY_OTHER_WORD = "by_other_word"
    """A node's status is neither online nor its own word for being off."""
    NO_RECORD = "no_record"
    SILENT = "silent"
    SET_ASIDE = "set_aside"
    NO_STATUS = "no_status"
    UNOBSERVABLE = "unobservable"
    """Nobody may look at the node."""
    UNJUDGED = "unjudged"
    """A node is silent for a time that only its capabilities, which cannot be read, would judge."""
    DOUBTFUL_TIME = "doubtful_time"
    SEEN_UNRECORDED = "seen_unrecorded"
    """A node has no record, but a healthy service of it is fresh."""
    SEEN_SILENT = "seen_silent"
    """A node is silent, but a healthy service of it is fresh."""
    NEVER_SEEN = "never_seen"
    LOOPING = "looping"
    SETTLING = "settling"
    UNKNOWN_WORD = "unknown_word"
    """A status that no list of words knows."""
    OLD = "old"
    """A failed deployment that has left the window."""
    UNDATED = "undated"
    """A failed deployment without a readable time."""
    DISK = "disk"
    MEMORY = "memory"
    DISK_AND_MEMORY = "disk_and_memory"


class Circumstance(StrEnum):
    """What of a target's surroundings a decision depends on (SEMANTICS 5)."""

    PLAIN = "plain"
    WAITING = "waiting"
    """A dependency is unavailable, or the disk of its node full."""
    EXHAUSTED = "exhausted"
    """Deploying failed too often in a row."""
    LOOPING = "looping"
    """It starts and fails, again and again."""
    UNFIT = "unfit"
    """An open incident says that a redeploy would make it worse."""
    RESTARTABLE = "restartable"
    """An open incident says that its container stopped."""
    DISK = "disk"
    """The disk of the node is full."""
    UNTOUCHABLE = "untouchable"
    """Nobody cleans the disk of its node without a look."""


class ExplainedBy(StrEnum):
    """How one target explains another: that waits for it, or its drift is held back under it."""

    WAITS = "waits"
    HELD_BACK = "held_back"


class HeldBy(StrEnum):
    """What explains a drift that gives no recommendation, in the order of precedence (SEMANTICS 4)."""

    MAINTENANCE = "maintenance"
    STALE_WORLD = "stale_world"
    OBSERVER_SUSPECT = "observer_suspect"
    OFFLINE_NODE = "offline_node"
    UNREADABLE_OBSERVATION = "unreadable_observation"
    DEPLOYMENT_IN_FLIGHT = "deployment_in_flight"
    SETTLING = "settling"
    NODE_SUSPECT = "node_suspect"


class EventType(StrEnum):
    """What a recommendation asks of the operator, in the order to act on; `resolved` closes an episode."""

    RECONCILE_REQUIRED = "reconcile_required"
    RECONCILE_BLOCKED = "reconcile_blocked"
    RECONCILE_RECOMMENDED = "reconcile_recommended"
    RECONCILE_RESOLVED = "reconcile_resolved"


class Action(StrEnum):
    """What is recommended (SEMANTICS 5); the supervisor itself never does it."""

    OBSERVER_REVIEW = "observer_review"
    FAILOVER_REVIEW = "failover_review"
    NODE_REVIEW = "node_review"
    DIAGNOSTICS = "diagnostics"
    DELAYED_DEPLOYMENT = "delayed_deployment"
    CONTAINER_RESTART = "container_restart"
    REDEPLOY = "redeploy"
    PLACEMENT_REVIEW = "placement_review"
    DISK_CLEANUP = "disk_cleanup"
    INCIDENT_REVIEW = "incident_review"
    INVENTORY_REVIEW = "inventory_review"


class State(StrEnum):
    """The state of the fleet after a run (SEMANTICS 6)."""

    NOMINAL = "nominal"
    RECONCILING = "reconciling"
    DEGRADED = "degraded"
    UNSTABLE = "unstable"


class Outcome(StrEnum):
    """How a run ended: with conclusions, without them, or not at all (SEMANTICS 2)."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    SKIPPED = "skipped"
    FAILED = "failed"


class Transition(StrEnum):
    """What happened to an episode in a run (SEMANTICS 7)."""

    OPENED = "opened"
    CHANGED = "changed"
    REMINDER = "reminder"
    RESOLVED = "resolved"
    CURRENT = "current"


class Resolution(StrEnum):
    """Why an episode ended (SEMANTICS 7)."""

    DRIFT_RESOLVED = "drift_resolved"
    REMOVED_FROM_DESIRED_STATE = "removed_from_desired_state"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


class EmitMode(StrEnum):
    """Which events a run writes: what changed, everything that is open, or nothing."""

    CHANGES = "changes"
    ALL = "all"
    NONE = "none"


class DependencyScope(StrEnum):
    """Where a dependency is looked for: on the same node, on every node, or the same node first."""

    LOCAL = "local"
    EXTERNAL = "external"
    ANYWHERE = "anywhere"


class RunMode(StrEnum):
    """How a service runs: all the time, once until it is done, or every now and then (SEMANTICS 2, jobs)."""

    SERVICE = "service"
    ONCE = "once"
    SCHEDULED = "scheduled"


class SeenState(StrEnum):
    """What a record says of when it was last seen (SEMANTICS 2, times)."""

    ABSENT = "absent"
    """It has no such key."""
    NEVER = "never"
    """The key is there, and says null, nothing, 0, -1 or the year 1."""
    DOUBTFUL = "doubtful"
    """What it says cannot be read, or lies too far after `as_of`."""
    READABLE = "readable"


class Health(StrEnum):
    """What a service's status says of it, the worst first (SEMANTICS 2, health and containers)."""

    LOOPING = "looping"
    UNHEALTHY = "unhealthy"
    UNREADABLE = "unreadable"
    SETTLING = "settling"
    HEALTHY = "healthy"


FLEET = "fleet"
"""The node of a finding about the whole fleet."""

ALL = "all"
"""The service of a finding about a node or the fleet."""
