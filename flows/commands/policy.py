"""`supervisor policy`: what may be done, without doing it: check a policy, try it on cases, ask it about a target."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands import options
from flows.commands.completion import complete_target

if TYPE_CHECKING:
    from flows.past.policy_replay import Replayed
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
TEST = """Decide cases as a live run would, and say what differs from what they expect.

A case is a moment, a world with changes, a past, and what is to be decided for its targets; docs/policy.md has them all.
Nothing is written. Exit codes: 0 all as expected, 1 a fault of the file, 2 a case differs.

Examples:

\b
  supervisor policy test cases.yaml
  supervisor policy test examples/policy/cases.yaml --policy examples/policy/policy.yaml --json
"""
EXPLAIN = """Say what would be done for a target: by which rule, all that is missing, what holds it back, until when.

Judges and decides as a run would, and writes nothing. Of a target that is well it says what would be done if it were
unhealthy. An id is that of a recommendation, of an action, or 12 or more digits of an intent.

Examples:

\b
  supervisor policy explain piha/mosquitto
  supervisor policy explain redeploy-piha-mosquitto --json | jq .missing
"""
REPLAY = """Decide the archive again: what another policy would have asked for and started, beside the policy in force.

Each start ends at once, as if it had been done, and nothing is ever really done: with --assume recorded (the default)
outcomes follow the recorded worlds, with helped a target counts as clean until its drift opens anew. Neither says what
would have happened.

Examples:

\b
  supervisor policy replay --policy draft.yaml --from 90d
  supervisor policy replay --policy draft.yaml --from 30d --assume helped --approve-all --json
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
    policy.command("test", help=TEST, short_help="Decide cases, and compare.")(run_cases)
    policy.command("explain", help=EXPLAIN, short_help="Say what would be done for a target.")(explain)
    policy.command("replay", help=REPLAY, short_help="Decide the archive again by another policy.")(replay)
    app.add_typer(policy, name="policy")


def check(
    file: Annotated[Path | None, typer.Argument(help="A draft; otherwise the settings' policy.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A warning is a fault, too.")] = False,
    history: Annotated[
        str | None, typer.Option("--history", help="Name rules that decided nothing in the archive of 90d, 12h, ...")
    ] = None,
    as_json: AsJson = False,
    inventory: options.Inventory = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
) -> int:
    """Print what is found and return the exit code."""
    from flows.errors import SettingsError
    from flows.run.clock import read_now
    from flows.views.policy_check import check_policy

    settings = options.load({"inventory": inventory, "state_dir": state_dir}, config)
    if file is not None and not file.is_file():
        raise SettingsError(f"{file}: no such policy")
    now = read_now(settings)
    period = now - options.parse_since(history, now) if history else None
    found = check_policy(settings, file, now, period)
    if as_json:
        from flows.render.document import dump

        typer.echo(dump(found.to_document(), indent=2))
    else:
        _print(found)
    return found.exit_code(is_strict=strict)


def run_cases(
    cases: Annotated[Path, typer.Argument(help="The file of cases.")],
    policy: Annotated[Path | None, typer.Option("--policy", help="A draft, in place of the settings' policy.")] = None,
    as_json: AsJson = False,
    inventory: options.Inventory = None,
    world: options.World = None,
    config: options.Config = None,
) -> int:
    """Print how the cases went and return the exit code."""
    from flows.errors import SettingsError
    from flows.run.clock import read_now
    from flows.views.policy_cases import try_cases

    settings = options.load({"inventory": inventory, "world": world}, config)
    if policy is not None and not policy.is_file():
        raise SettingsError(f"{policy}: no such policy")
    tried = try_cases(settings, cases, policy, read_now(settings))
    if as_json:
        from flows.render.document import dump

        typer.echo(dump(tried.to_document(), indent=2))
    else:
        from flows.render.policy import cases_to_lines
        from flows.render.screen import print_lines

        print_lines(cases_to_lines(tried))
    return tried.exit_code


def explain(
    target: Annotated[
        str, typer.Argument(metavar="TARGET_OR_ID", help="node/service, or an id.", autocompletion=complete_target)
    ],
    inventory: options.Inventory = None,
    world: options.World = None,
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
    as_of: options.AsOf = None,
    as_json: AsJson = False,
) -> int:
    """Print it and return 0."""
    from flows.render.policy_explanation import to_document, to_lines
    from flows.run.clock import read_now
    from flows.views.policy_explain import explain_policy

    given = {"inventory": inventory, "world": world, "checkpoint": checkpoint, "state_dir": state_dir}
    settings = options.load(given, config)
    found = explain_policy(settings, target, options.parse_as_of(as_of) or read_now(settings))
    if as_json:
        from flows.render.document import dump

        typer.echo(dump(to_document(found), indent=2))
    else:
        from flows.render.screen import print_lines

        print_lines(to_lines(found))
    return 0


def replay(
    policy: Annotated[Path, typer.Option("--policy", help="The other policy.")],
    since: Annotated[str | None, typer.Option("--from", "--since", help=f"Begin here: {options.POINT}.")] = None,
    until: Annotated[str | None, typer.Option("--to", "--until", help=f"End before this: {options.POINT}.")] = None,
    source: Annotated[Path | None, typer.Option("--source", help="Snapshots, in place of our archive.")] = None,
    assume: Annotated[str, typer.Option("--assume", help="recorded, or helped.")] = "recorded",
    approve_all: Annotated[bool, typer.Option("--approve-all", help="As if people always said yes.")] = False,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes; otherwise one a core.")] = None,
    inventory: options.Inventory = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
    as_json: AsJson = False,
) -> int:
    """Decide both ways, print them side by side and return 0."""
    from flows.errors import SettingsError
    from flows.past.policy_replay import Assume
    from flows.past.policy_studies import study_policies
    from flows.run.clock import read_now

    if assume not in [*Assume]:
        raise typer.BadParameter(f"{assume!a}: expected {' or '.join(Assume)}")
    if not policy.is_file():
        raise SettingsError(f"{policy}: no such policy")
    settings = options.load({"inventory": inventory, "state_dir": state_dir}, config)
    begin, end = options.parse_period(since, until, read_now(settings))
    found = study_policies(
        settings, policy, begin, end, Assume(assume), approves_all=approve_all, jobs=jobs, source=source
    )
    for fault in found.faults:
        typer.echo(f"warning: the policy in force would hold everything back: {fault}", err=True)
    _print_replayed(found, as_json=as_json)
    return 0


def _print_replayed(found: "Replayed", *, as_json: bool) -> None:
    from flows.render.document import dump
    from flows.render.policy import replay_to_document, replay_to_lines
    from flows.render.screen import print_lines

    if as_json:
        typer.echo(dump(replay_to_document(found), indent=2))
    else:
        print_lines(replay_to_lines(found))


def _print(found: "PolicyInspection") -> None:
    from flows.render.policy import inspection_to_lines
    from flows.render.screen import print_lines

    print_lines(inspection_to_lines(found))
