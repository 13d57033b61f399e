"""`supervisor doctor`: what is installed, what it may read and write, and what stands in the way."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options

if TYPE_CHECKING:
    from flows.views.doctor import Finding

HELP = """Look at this machine as the supervisor does: versions, programs, files and rights, clock, engine, messages, space.

Writes nothing. What it prints holds no secret: of an address for messages the kind of service alone, of the environment
the names alone.

Exit codes: 0 nothing stands in the way, 1 something does.

Examples:

\b
  supervisor doctor
  supervisor doctor --inventory ~/homelab --json > doctor.json
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(doctor)


def doctor(
    inventory: options.Inventory = None,
    world: options.World = None,
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for a report of a bug.")] = False,
) -> int:
    """Print what was found; return the exit code."""
    from flows.render.progress import working
    from flows.views.doctor import Word, examine, to_document

    given = {"inventory": inventory, "world": world, "checkpoint": checkpoint, "state_dir": state_dir}
    loaded, now = options.load_all(given, config), datetime.now(UTC)
    with working("looking around"):
        found = [*examine(loaded, now), _look_at_engine()]
    if as_json:
        from flows.render.document import dump

        typer.echo(dump(to_document(found, now), indent=2))
    else:
        from flows.render.screen import print_lines

        print_lines(to_lines(found))
    return 1 if any(finding.word is Word.FAULT for finding in found) else 0


def _look_at_engine() -> "Finding":
    from flows.observer.advise import look_here
    from flows.views.doctor import Finding, Word

    said, is_fine = asyncio.run(look_here())
    more = "'supervisor observe --check' asks every node of the inventory"
    return Finding("engine", "on this machine", Word.OK if is_fine else Word.NOTE, said, "" if is_fine else more)


def to_lines(found: "list[Finding]") -> Iterator[str]:
    """Return the screen: a section for each group, and last of all what stands in the way."""
    from flows.text.escape import show
    from flows.views.doctor import Word
    from schemas.spoken import count

    colors = {Word.OK: "green", Word.NOTE: "yellow", Word.FAULT: "red"}
    width = max(len(finding.name) for finding in found) + 2
    for group in dict.fromkeys(finding.group for finding in found):
        yield typer.style(group, bold=True)
        for finding in (finding for finding in found if finding.group == group):
            word = typer.style(finding.word.ljust(7), fg=colors[finding.word])
            yield f"  {word}{finding.name:<{width}}{show(finding.said, 1000)}"
            if finding.advice:
                yield f"  {'':7}{'':{width}}{typer.style(finding.advice, dim=True)}"
        yield ""
    faults = [finding for finding in found if finding.word is Word.FAULT]
    names = ", ".join(finding.name for finding in faults)
    yield f"{count(len(faults), 'thing')} in the way: {names}" if faults else "nothing is in the way"
