"""A home whose supervisor may act: inventory, world, policy, a fake script for its hands, and a clock that stands still."""

import io
import json
import os
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.cli import _run
from tests.helpers.past_worlds import inventory, world, write

START = datetime(2026, 6, 3, 12, tzinfo=UTC)
POLICY = """rules:
  - {id: all, match: {}, mode: auto, ladder: [restart, restart, redeploy, diagnostics]}
"""
EXECUTOR = """secrets: [DEPLOY_TOKEN]
steps:
  - {targets: ["*/*"], verbs: [restart, redeploy, cleanup, diagnostics], backend: script, path: %s, preflight: true, ask: true, reports_deployments: true}
"""
FAKE = """#!/bin/sh
# Notes each call, and heals what it stands for: `answers/OP` is the exit code of OP, 0 without it.
here=$(dirname "$0")
echo "$*" >> "$here/calls"
if [ "$1" = run ]; then
    : > "$here/healed/$3.$4"
    [ -f "$here/output" ] && cat "$here/output"
    [ -f "$here/slow" ] && sleep "$(cat "$here/slow")"
fi
[ -f "$here/answers/$1" ] && exit "$(cat "$here/answers/$1")"
exit 0
"""


@dataclass
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return its one document."""
        return json.loads(self.out)


@dataclass
class Home:
    """The home, with the services of each node, and who is sick."""

    folder: Path
    nodes: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"piha": ("web", "db", "mqtt"), "vps": ("dns",)})
    sick: set[str] = field(default_factory=set)
    now: datetime = START

    def __post_init__(self) -> None:
        """Write everything down."""
        write(self.folder / "inv", inventory(**self.nodes))
        hands = self.folder / "hands"
        for path in (hands / "healed", hands / "answers"):
            path.mkdir(parents=True)
        self.fake.write_text(FAKE)
        self.fake.chmod(0o755)
        self.write("policy.yaml", POLICY)
        self.write("executor.yaml", EXECUTOR % self.fake)
        self.configure()
        self.move_to(self.now)

    @property
    def fake(self) -> Path:
        """The script that stands for all machines."""
        return self.folder / "hands" / "fake"

    @property
    def actions(self) -> Path:
        """The folder of the actions."""
        return self.folder / "state" / "actions"

    def write(self, name: str, text: str) -> None:
        """Write a file that only its owner may write to."""
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o640)

    def configure(self, automation: str = "auto", **actions: object) -> None:
        """Write the settings."""
        places = {
            "inventory": "inv",
            "world": "world",
            "event_log": "events.log",
            "checkpoint": "cp.json",
            "state_dir": "state",
        }
        files = {"executor_config": "executor.yaml", "operators": "operators.yaml", "clock": "clock"}
        settings = {**places, "keep_archive": False, "actions": {"automation": automation, **files, **actions}}
        self.write("supervisor.yaml", json.dumps(settings))

    def move_to(self, moment: datetime) -> None:
        """Set the clock, and let the observer look at that moment."""
        self.now = moment
        (self.folder / "clock").write_text(f"{moment.isoformat().replace('+00:00', 'Z')}\n")
        self.look()

    def pass_time(self, **duration: float) -> None:
        """Let time pass."""
        self.move_to(self.now + timedelta(**duration))

    def look(self) -> None:
        """Write the world as it is now: what was restarted is well again."""
        healed = {path.name.replace(".", "/", 1) for path in (self.folder / "hands" / "healed").iterdir()}
        self.sick -= healed
        targets = [f"{node}/{service}" for node, services in self.nodes.items() for service in services]
        write(self.folder / "world", world(self.now, *targets, sick=self.sick))

    def fall_sick(self, *targets: str) -> None:
        """Let services become unhealthy, and keep them so until they are touched again."""
        self.sick |= set(targets)
        for target in targets:
            (self.folder / "hands" / "healed" / target.replace("/", ".", 1)).unlink(missing_ok=True)
        self.look()

    def run(self, *arguments: str) -> Said:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        before = os.environ.get("SUPERVISOR_CONFIG")
        os.environ["SUPERVISOR_CONFIG"] = str(self.folder / "supervisor.yaml")
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = _run(list(arguments))
        finally:
            if before is None:
                del os.environ["SUPERVISOR_CONFIG"]
            else:
                os.environ["SUPERVISOR_CONFIG"] = before
        return Said(code, out.getvalue(), err.getvalue())

    def propose(self, target: str = "piha/web") -> None:
        """Let a service be sick for so long that its restart is asked for and approved."""
        self.run("act", "--once")
        self.fall_sick(target)
        for _ in range(3):
            self.run("reconcile", "-q")
            self.pass_time(seconds=30)
        self.run("reconcile", "-q")

    def calls(self, operation: str = "run") -> list[str]:
        """Return what the fake was asked to do, in order."""
        path = self.folder / "hands" / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.split()[0] == operation]

    def records(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the ledger's records of these kinds, or all."""
        found: Iterable[dict[str, Any]] = self.run("actions", "log", "--json").json["records"]
        return [record for record in found if not kinds or record["kind"] in kinds]

    def files(self) -> dict[str, bytes]:
        """Return every file of the home, to compare."""
        return {str(path): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}
