"""The words of looking at machines: what a look came to, what a part is like, why a look failed (OBSERVER 2)."""

from enum import StrEnum


class WordClass(StrEnum):
    """What a word says of a part, from the best to the worst."""

    GOOD = "good"
    SETTLING = "settling"
    BAD = "bad"


class PartKind(StrEnum):
    """What a service is made of."""

    CONTAINER = "container"
    UNIT = "unit"
    PROBE = "probe"


class SelectorKind(StrEnum):
    """How an entry of the inventory names what runs for it."""

    CONTAINER = "container"
    PROJECT = "project"
    UNIT = "unit"
    PROBE = "probe"


class AttributedBy(StrEnum):
    """Why a container counts for a service, in the order of precedence; `none` for one that no entry asks for."""

    LABEL = "label"
    CONTAINER = "container"
    PROJECT = "project"
    COMPOSE_SERVICE = "compose_service"
    CONTAINER_NAME = "container_name"
    SWARM_SERVICE = "swarm_service"
    PROJECT_NAME = "project_name"
    NONE = "none"


class Run(StrEnum):
    """How a job runs; a service that is no job has none."""

    ONCE = "once"
    SCHEDULED = "scheduled"


class ReasonClass(StrEnum):
    """Why a node, or a part of it, could not be looked at."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    RESET = "reset"
    NO_ROUTE = "no_route"
    DNS = "dns"
    SOCKET = "socket"
    NO_SOCKET = "no_socket"
    ENGINE_DOWN = "engine_down"
    PERMISSION = "permission"
    AUTH = "auth"
    HOST_KEY = "host_key"
    TLS = "tls"
    PROTOCOL = "protocol"
    CONFIG = "config"


HARD = frozenset(
    {
        ReasonClass.PERMISSION,
        ReasonClass.AUTH,
        ReasonClass.HOST_KEY,
        ReasonClass.TLS,
        ReasonClass.PROTOCOL,
        ReasonClass.CONFIG,
    }
)
"""Classes that waiting does not mend: somebody has to change something."""


class NodeStatus(StrEnum):
    """What `nodes.json` says of a node."""

    ONLINE = "online"
    UNREACHABLE = "unreachable"
    UNOBSERVABLE = "unobservable"


HEALTHY, STARTING, DEGRADED = "healthy", "starting", "degraded"
"""What `services.json` says where all parts are good, where one settles, and where parts are missing."""

WORST_FIRST = (
    "start_failed",
    "oom_killed",
    "crash_looping",
    "dead",
    "job_failed",
    "failed",
    "exited",
    "load_failed",
    "masked",
    "inactive",
    "skipped",
    "job_overdue",
    "created",
    "paused",
    "restarting",
    "removing",
    "http_unreachable",
    "tcp_unreachable",
    "mqtt_unreachable",
    "unhealthy",
    DEGRADED,
)
"""The bad words, the worst first; one that no table has comes behind them."""

TRIGGERS = {
    "exited": "containers_not_running",
    "dead": "containers_not_running",
    "created": "containers_not_running",
    "paused": "containers_not_running",
    "start_failed": "containers_not_running",
    "removing": "containers_not_running",
    DEGRADED: "containers_not_running",
    "restarting": "crash_loop",
    "crash_looping": "crash_loop",
    "unhealthy": "healthcheck_failing",
    "oom_killed": "out_of_memory",
    "job_failed": "job_failed",
    "job_overdue": "job_failed",
    "failed": "unit_failed",
    "inactive": "unit_failed",
    "skipped": "unit_failed",
    "masked": "unit_failed",
    "load_failed": "unit_failed",
    "http_unreachable": "http_unreachable",
    "tcp_unreachable": "tcp_unreachable",
    "mqtt_unreachable": "mqtt_unreachable",
}
"""What an incident of a bad word is called; one of a word that no table has is `containers_not_running`."""

NODE_TRIGGERS = ("disk_pressure", "memory_pressure", "clock_skew")
"""What an incident of a node itself is called, the worst first."""
