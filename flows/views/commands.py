"""The command to copy for a recommendation, from the setting `commands`."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from schemas.words import Action


def find_command(commands: Mapping[Action, Mapping[str, str]], action: Action, node: str, service: str) -> str | None:
    """Return the command for an action on a target, with its names filled in; None where the settings have none.

    Nodes are named, or meant by patterns such as `*`; the first that fits counts, a name before any pattern.
    """
    by_node = commands.get(action, {})
    fitting = [node] if node in by_node else [glob for glob in by_node if fnmatchcase(node, glob)]
    return by_node[fitting[0]].replace("{node}", node).replace("{service}", service) if fitting else None
