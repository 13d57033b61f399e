"""`supervisor install-units`: the systemd units of the package, filled in for this machine."""

import pwd
import re
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from flows.errors import SettingsError

HELP = """Write the systemd units that run the supervisor, filled in with this program, its settings and its user.

What is there already and differs is never replaced without --force: changes of yours belong into a drop-in, which
'systemctl edit NAME' makes.

Examples:

\b
  supervisor install-units timer maintenance --dry-run
  sudo supervisor install-units watch observe maintenance
  sudo supervisor install-units timer notify
  sudo supervisor install-units watch observe act --user supervisor
"""
PACKED_PROGRAM = "/opt/runtime-supervisor/.venv/bin/supervisor"
PACKED_CONFIG = "/etc/runtime-supervisor/supervisor.yaml"
JUDGE = "runtime-supervisor"
OBSERVER = "supervisor-observer"
_USER = re.compile(rf"(?:(?<=User=)|(?<=Group=)|(?<=\s)){JUDGE}(?=\s)")


class Way(StrEnum):
    """What of the supervisor is to run."""

    TIMER = "timer"
    WATCH = "watch"
    SERVE = "serve"
    OBSERVE = "observe"
    ACT = "act"
    MAINTENANCE = "maintenance"
    NOTIFY = "notify"


class Unit(NamedTuple):
    """A file to write."""

    name: str
    """What it is called in the package."""
    place: str
    """Where it goes, below `/etc`."""
    is_enabled: bool = False


def _unit(name: str, *, is_enabled: bool = True) -> Unit:
    return Unit(name, f"systemd/system/{name}", is_enabled)


UNITS: Mapping[Way, Sequence[Unit]] = {
    Way.TIMER: (_unit("runtime-supervisor.service", is_enabled=False), _unit("runtime-supervisor.timer")),
    Way.WATCH: (_unit("runtime-supervisor-watch.service"),),
    Way.SERVE: (_unit("runtime-supervisor-serve.service"),),
    Way.OBSERVE: (_unit("runtime-supervisor-observe.service"),),
    Way.ACT: (
        Unit("sysusers.conf", "sysusers.d/runtime-supervisor-acting.conf"),
        Unit("tmpfiles.conf", "tmpfiles.d/runtime-supervisor-acting.conf"),
        _unit("runtime-supervisor-act.service"),
    ),
    Way.MAINTENANCE: (
        _unit("runtime-supervisor-maintenance.service", is_enabled=False),
        _unit("runtime-supervisor-maintenance.timer"),
    ),
    Way.NOTIFY: (),
}
JUDGES = (Way.TIMER, Way.WATCH, Way.SERVE)
"""Those that judge: beside an executor each needs the drop-in that shares the ledger, and for messages that of the network."""
DROP_INS = {Way.ACT: "judge.conf", Way.NOTIFY: "notify.conf"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("install-units", help=HELP)(install_units)


def install_units(
    ways: Annotated[
        list[Way], typer.Argument(metavar="WAY...", help="timer, watch, serve, observe, act, maintenance, notify.")
    ],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="In place of /etc.")] = Path("/etc"),
    user: Annotated[str, typer.Option("--user", help="Who judges.")] = JUDGE,
    config: Annotated[Path, typer.Option("--config", help="The settings that the units read.")] = Path(PACKED_CONFIG),
    force: Annotated[bool, typer.Option("--force", help="Replace what is there and differs.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the files, and write nothing.")] = False,
) -> int:
    """Write or print them, and say what is to be done next; return 0."""
    program = Path(sys.argv[0]).absolute().with_name("supervisor")
    chosen = list_units(ways)
    texts = {to / unit.place: fill(unit.name, str(program), str(config.absolute()), user) for unit in chosen}
    if dry_run:
        for path, text in texts.items():
            typer.echo(f"# {path}\n{text}")
    else:
        write(texts, force=force)
    for line in _list_next(chosen, ways, program, user):
        typer.echo(line, err=dry_run)
    return 0


def list_units(ways: Sequence[Way]) -> list[Unit]:
    """Return the files for what is to run, each once, with the drop-ins of each judge where something acts or tells."""
    chosen = [unit for way in dict.fromkeys(ways) for unit in UNITS[way]]
    judges = [UNITS[way][0].name for way in JUDGES if way in ways]
    wanted = [file for way, file in DROP_INS.items() if way in ways]
    return chosen + [Unit(file, f"systemd/system/{name}.d/{file}") for file in wanted for name in judges]


def fill(name: str, program: str, config: str, user: str) -> str:
    """Return a packed file with the program, the settings and the judging user of this machine in it."""
    packed = (files("flows.commands") / "units" / name).read_text()
    return _USER.sub(user, packed.replace(PACKED_PROGRAM, program).replace(PACKED_CONFIG, config))


def write(texts: Mapping[Path, str], *, force: bool) -> None:
    """Write the files; none where one is in the way (SettingsError)."""
    changed = {path: text for path, text in texts.items() if not path.exists() or path.read_text() != text}
    in_the_way = [str(path) for path in changed if path.exists()]
    if in_the_way and not force:
        raise SettingsError(
            f"{', '.join(in_the_way)}: there already, and different; put your changes into a drop-in "
            "('systemctl edit NAME') and use --force, or keep it and leave its way out"
        )
    for path, text in changed.items():
        _write(path, text)
    for path in texts:
        typer.echo(f"{'wrote' if path in changed else 'as it is:'} {path}")


def _write(path: Path, text: str) -> None:
    from flows.files.own import replace_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{path.parent}: cannot be made: {error.strerror}; run it as root, or name a folder of yours with --to"
        ) from None
    replace_file(path, text.encode(), 0o644)


def _list_next(chosen: Sequence[Unit], ways: Sequence[Way], program: Path, user: str) -> Iterator[str]:
    """Yield what is to be done by hand, as commands to copy."""
    closed = find_closed_folder(program)
    if closed is not None:
        yield f"\nwarning: {program} lies in {closed}, which other users cannot enter: install it elsewhere, as in /opt"
    yield "\nNext:"
    if not _is_user(user):
        yield f"  useradd --system --home-dir /var/lib/runtime-supervisor --shell /usr/sbin/nologin {user}"
    if Way.OBSERVE in ways and not _is_user(OBSERVER):
        yield (
            f"  useradd --system --home-dir /var/lib/runtime-supervisor-observer --shell /usr/sbin/nologin {OBSERVER}"
        )
        yield f"  install -d -o {OBSERVER} -m 755 /opt/homelab/world"
    if Way.ACT in ways:
        yield "  systemd-sysusers && systemd-tmpfiles --create"
    yield "  systemctl daemon-reload"
    yield f"  systemctl enable --now {' '.join(unit.name for unit in chosen if unit.is_enabled)}"


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def find_closed_folder(program: Path) -> Path | None:
    """Return the first folder above a program that users other than its owner cannot enter."""
    for folder in reversed(program.parents):
        if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None
