"""`supervisor observe`: look at the machines, and write the world that everything else reads."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options

if TYPE_CHECKING:
    from flows.observer.observer import Observer

HELP = """Look at the engines, units and addresses that the inventory names, and write what there is: the world.

Runs until interrupted; --once looks once, for timers. What cannot be looked at keeps what was seen last, with its time.

Examples:

\b
  supervisor observe --init ~/homelab            # an inventory of what runs here
  supervisor observe --check --inventory ~/homelab
  supervisor observe --inventory ~/homelab --world /opt/homelab/world
  supervisor observe --once && supervisor reconcile
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(observe)


def observe(
    inventory: options.Inventory = None,
    world: options.World = None,
    config: options.Config = None,
    state_dir: options.StateDir = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, write, and end.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Say for each node what works and what to do.")] = False,
    part: Annotated[bool, typer.Option("--part", help="Print this host's own look, for another to take.")] = False,
    node: Annotated[str | None, typer.Option("--node", help="With --part: this host's name in the inventory.")] = None,
    init: Annotated[
        Path | None, typer.Option("--init", metavar="FOLDER", help="Write an inventory of what runs, and end.")
    ] = None,
    docker: Annotated[
        list[str] | None, typer.Option("--docker", metavar="URL", help="With --init: an engine; again for more.")
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="With --init: append what existing files lack.")] = False,
    group: Annotated[str | None, typer.Option("--group", help="With --init: 'project' makes each one service.")] = None,
    take_over: Annotated[bool, typer.Option("--take-over", help="Replace another host's observer, once.")] = False,
) -> int:
    """Run until SIGINT or SIGTERM; return 0."""
    if init is None:
        _refuse_without("--init", {"--docker": docker, "--merge": merge, "--group": group})
    if not part:
        _refuse_without("--part", {"--node": node})
    if init is not None:
        return _init(init, docker or [], group, merge=merge)
    settings = options.load({"inventory": inventory, "world": world, "state_dir": state_dir}, config)
    if part:
        return _print_part(settings, node)
    if check:
        return _check(settings)
    from flows.observer.observer import Observer

    observer = Observer(settings, _complain)
    _warn_of_network_disk(settings.world)
    return asyncio.run(_observe(observer, once=once, take_over=take_over))


def _refuse_without(needed: str, given: Mapping[str, object]) -> None:
    """Raise a usage error for an option that would be passed over."""
    stray = next((name for name, value in given.items() if value), None)
    if stray is not None:
        raise typer.BadParameter(f"{stray} is of use with {needed} alone; add it, or leave {stray} out")


def _complain(message: str) -> None:
    from flows.text.escape import show

    for number, line in enumerate(message.splitlines()):
        print("error:" if number == 0 else "      ", show(line, limit=2000), file=sys.stderr, flush=True)


def _warn_of_network_disk(world: Path) -> None:
    from flows.files.file_system import doubt_file_systems

    for warning in doubt_file_systems([world.absolute()]):
        print("warning:", warning, file=sys.stderr)


async def _observe(observer: "Observer", *, once: bool, take_over: bool) -> int:
    from flows.observer.loop import observe_until

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with observer.opened(take_over=take_over):
        for warning in observer.warnings():
            print("warning:", warning, file=sys.stderr)
        if once:
            await observer.look_once()
            _print_look(observer)
        else:
            await observe_until(observer, stop)
    return 0


def _print_look(observer: "Observer") -> None:
    """Print what was seen, in a line, and a line for each node that could not be."""
    from flows.text.escape import show
    from schemas.spoken import count

    nodes = observer.memory.nodes.values()
    failing = [node for node in nodes if node.look is None or node.look.reason_class is not None]
    services = sum(one.gone_looks < 2 for of_node in observer.memory.services.values() for one in of_node.values())
    seen = len(nodes) - len(failing)
    print(
        f"{seen} of {count(len(nodes), 'node')} seen, {count(services, 'service')}; generation {observer.memory.generation}"
    )
    for node in failing:
        if node.look is not None:
            print(f"  {show(node.node)}: {node.status}: {node.look.reason_class}: {show(node.look.reason, limit=500)}")


def _init(folder: Path, addresses: list[str], group: str | None, *, merge: bool) -> int:
    """Write what is not there, say what is; return 1 where an existing file lacks something."""
    from flows.observer.start import start_inventory
    from flows.text.escape import show

    if group not in {None, "project"}:
        raise typer.BadParameter(f"--group {group!a}: expected 'project'")
    outcome = asyncio.run(start_inventory(folder.expanduser(), addresses, merge=merge, by_project=group == "project"))
    for file in outcome.written:
        print(f"written: {show(file, limit=1000)}")
    for line in (*outcome.said, *(line for diff in outcome.lacks for line in diff.splitlines())):
        print(show(line, limit=1000))
    if outcome.lacks:
        print("nothing that is there was changed; --merge appends what is shown", file=sys.stderr)
        return 1
    print(f"now: supervisor watch --observe --inventory {show(folder, limit=1000)}")
    return 0


def _print_part(settings: object, node: str | None) -> int:
    from flows.observer.self_look import look_at_self
    from flows.settings import Settings
    from flows.sources.names import explain_name

    assert isinstance(settings, Settings)  # noqa: S101 - the caller loaded them
    problem = explain_name(node, settings.limits.max_name_length, "node") if node is not None else None
    if problem is not None:
        raise typer.BadParameter(f"--node: {problem}")
    sys.stdout.buffer.write(asyncio.run(look_at_self(settings, node)))
    return 0


def _check(settings: object) -> int:
    from flows.observer.advise import check_nodes
    from flows.render.progress import working
    from flows.render.screen import print_lines
    from flows.settings import Settings
    from flows.text.escape import show

    assert isinstance(settings, Settings)  # noqa: S101 - the caller loaded them
    with working("asking every node"):
        lines, is_fine = asyncio.run(check_nodes(settings))
    print_lines(show(line, limit=1000) for line in lines)
    return 0 if is_fine else 1
