"""Prefect's environment: nothing leaves the machine, nothing waits for a network, no result is pickled.

Prefect reads its settings when it is imported, so this comes first, and imports nothing of it. What the user has set
stays, but for what would make the supervisor send data or load a pickle.
"""

import os
from collections.abc import Mapping
from pathlib import Path

FORCED = {
    # A module in the current folder, which may be a stranger's inventory, does not come before the installed ones.
    "PYTHONSAFEPATH": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
}

DEFAULTS = {
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES": "false",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    "PREFECT_CLI_PROMPT": "false",
}


def quiet_environment(home: Path | None = None, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment that Prefect runs in; `home` is its folder, where none is given yet."""
    given = os.environ if given is None else given
    homes = {"PREFECT_HOME": str(home)} if home else {}
    return {**DEFAULTS, **homes, **given, **FORCED}


def be_quiet(home: Path | None = None) -> None:
    """Apply the environment to this process and its children; call it before Prefect is imported."""
    os.environ.update(quiet_environment(home))
