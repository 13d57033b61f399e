"""What commands there are, by what they are for; the module of one is imported when somebody types it."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any

import typer

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Every day": {
        "reconcile": "Compare desired with actual; print what to do first.",
        "status": "Show the last run: its state, since when and why.",
        "explain": "Say everything about one target, and why it is so.",
        "ack": "Answer for a target until a moment.",
        "watch": "Reconcile whenever the input changes.",
        "web": "Serve the page that operators keep open.",
        "report": "Write one HTML file to look at.",
    },
    "What is asked for, and what is there": {
        "check": "Find every fault of the inventory and the world.",
        "observe": "Look at the machines, and write the world.",
        "deployment": "Tell of a deployment.",
    },
    "The past": {
        "history": "Show what drifted, for how long, how often.",
        "what-if": "Judge today's world against another inventory.",
        "replay": "Judge the archive again under other rules.",
        "backfill": "Make the history of a past kept as snapshots.",
        "archive": "List, prune and export what runs have read.",
    },
    "Acting": {
        "policy": "Check a policy, try it on cases, ask it about a target.",
        "actions": "What is asked, runs, and was done.",
        "approve": "Say yes to what is asked.",
        "reject": "Say no to what is asked.",
        "hold": "Keep automation off a target until a moment.",
        "release": "End a hold.",
        "halt": "Keep automation off everything.",
        "resume": "End the halt.",
        "attest-down": "Say that a node is down, so that it may be replaced.",
        "act": "Do what the policy lets be done, or ask for it by hand.",
    },
    "Plumbing": {
        "config": "Show each setting, its value and where it came from.",
        "doctor": "Say what stands in the way on this machine.",
        "log": "Read and verify our events in the shared log.",
        "notify": "Try whether messages arrive.",
        "metrics": "Print the last run as Prometheus metrics.",
        "serve": "Reconcile on a schedule, with a page for each run.",
        "install-units": "Write the systemd units for this machine.",
        "demo": "Show a bad evening of an example homelab.",
    },
}
SAID = {name: said for names in GROUPS.values() for name, said in names.items()}
_HOMES = {
    **dict.fromkeys(("hold", "release", "halt", "resume", "attest-down"), "operate"),
    **dict.fromkeys(("approve", "reject"), "approve"),
    "what-if": "replay",
}


def home(name: str) -> str:
    """Return the module here that has a command."""
    return _HOMES.get(name, name.replace("-", "_"))


def make_commands(module: str) -> dict[str, Any]:
    """Return the commands that a module here has."""
    part = typer.Typer(rich_markup_mode=None)
    import_module(f"flows.commands.{module}").register(part)
    return dict(typer.main.get_group(part).commands)


class OnDemand(MutableMapping[str, Any]):
    """All commands by their names, in the order of the groups; each is made when it is asked for."""

    def __init__(self) -> None:
        """Begin with none made."""
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """Return a command, made with those of the same module."""
        if name in SAID and name not in self._made:
            made = make_commands(home(name))
            for one, command in made.items():
                command.short_help = SAID.get(one)
            self._made |= made
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        """Take a command in the place of one."""
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        """Forget that it was made."""
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        """Go through all names."""
        return iter(SAID)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(SAID)
