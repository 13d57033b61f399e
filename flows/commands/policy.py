"""`supervisor policy`: what may be done, without doing it: check a policy, try it on cases, ask it about a target."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options

if TYPE_CHECKING:
    from flows.views.policy_check import PolicyInspection

CHECK = """Say all that is wrong or odd about a policy: every fault at once, with file, line and column.

Ends with the services that would be repaired by themselves today, and what others lack for it. Exit codes: 0 no fault,
1 a fault (with --strict, a warning too).

Examples:

\b
  supervisor policy check
  supervisor policy check draft.yaml --strict
  supervisor policy check --json | jq -r '.could_be[] | [.target, (.missing | join(" "))] | @tsv'
"""
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
HELP = """Say what may be done, without doing it: check a policy, try it on cases, ask it about a target.

Examples:

\b
  supervisor policy check --strict
  supervisor policy test cases.yaml --policy draft.yaml
  supervisor policy explain piha/mosquitto
"""
policy = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=HELP)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    policy.command("check", help=CHECK, short_help="Find every fault of a policy.")(check)
    app.add_typer(policy, name="policy", short_help="Check a policy, try it on cases, ask it about a target.")


def check(
    file: Annotated[Path | None, typer.Argument(help="A draft; otherwise the settings' policy.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A warning is a fault, too.")] = False,
    as_json: AsJson = False,
    inventory: options.Inventory = None,
    config: options.Config = None,
) -> int:
    """Print what is found and return the exit code."""
    from flows.errors import SettingsError
    from flows.run.acting.place import read_now
    from flows.views.policy_check import check_policy

    settings = options.load({"inventory": inventory}, config)
    if file is not None and not file.is_file():
        raise SettingsError(f"{file}: no such policy")
    found = check_policy(settings, file, read_now(settings))
    if as_json:
        from flows.render.document import dump

        typer.echo(dump(found.to_document(), indent=2))
    else:
        _print(found)
    return found.exit_code(is_strict=strict)


def _print(found: "PolicyInspection") -> None:
    from flows.render.policy import inspection_to_lines
    from flows.render.screen import print_lines

    print_lines(inspection_to_lines(found))
