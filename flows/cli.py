"""The `supervisor` command: help and version need no polars, no Prefect and no settings."""

import gc
import sys
import traceback
import uuid
from importlib import import_module
from io import TextIOWrapper

import typer
from typer.core import TyperGroup

from flows.errors import SupervisorError
from flows.text.escape import show

USAGE_ERROR, INTERNAL_ERROR, INTERRUPTED = 1, 70, 130
COMMANDS = (
    "reconcile",
    "status",
    "explain",
    "ack",
    "actions",
    "operate",
    "report",
    "history",
    "log",
    "check",
    "policy",
    "config",
    "replay",
    "backfill",
    "archive",
    "metrics",
    "observe",
    "deployment",
    "watch",
    "serve",
    "web",
)


class _Commands(TyperGroup):
    """Lists the commands as a user comes to need them; those with commands of their own would come last."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return their names in that order."""
        return sorted(super().list_commands(ctx), key=lambda name: COMMANDS.index(_MODULES.get(name, name)))


_OPERATE = ("approve", "reject", "hold", "release", "halt", "resume", "attest-down")
_MODULES = {"what-if": "replay"} | dict.fromkeys(_OPERATE, "operate")
app = typer.Typer(
    name="supervisor",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Is what runs what I asked for, and if not, what should I do first? "
    "Compares the inventory (desired) with the world (actual), and recommends; it never changes anything.",
    epilog="Exit codes: 0 nominal or reconciling, 1 error, 2 drift, 3 skipped (world unreadable), "
    "4 another run holds the lock, 5 events could not be written, 70 a bug of ours.",
)
for _name in COMMANDS:
    import_module(f"flows.commands.{_name}").register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # 30 ms that no other command needs

        typer.echo(f"runtime-supervisor {version('runtime-supervisor')}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print it."),
    traceback: bool = typer.Option(False, "--traceback", help="For a bug report: show where an error came from."),
) -> None:
    """Hold the options that every command has."""


def main() -> None:
    """Run the command line; every way to end has its exit code, and no user error shows a traceback."""
    # Looking for cycles among a million good objects took a fifth of a large run, and a tenth of a second at its end.
    gc.set_threshold(200_000, 50, 100)
    code = _run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    _escape_what_cannot_be_encoded()
    try:
        return app(arguments, standalone_mode=False) or 0
    except typer.TyperException as error:
        _show_usage_error(error)
        return USAGE_ERROR
    except SupervisorError as error:
        _complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None
        return 0
    except MemoryError:
        _complain("out of memory; nothing half was written. Lower the limits (max_json_values), or give it more")
        return USAGE_ERROR
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug of ours
        return _report_bug(error, with_traceback="--traceback" in arguments)


def _escape_what_cannot_be_encoded() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _show_usage_error(error: typer.TyperException) -> None:
    """Print the usage and the error on stderr, as typer would before it exits with 2, which means drift here."""
    # What pydantic says stands in typer's message with pydantic's own prefix.
    error.message = error.message.replace("Value error, ", "")
    show_whole = getattr(error, "show", None)
    if show_whole is not None:
        show_whole()
    else:
        _complain(error.format_message())


def _complain(message: str) -> None:
    for number, line in enumerate(message.splitlines()):
        print("error:" if number == 0 else "      ", show(line, limit=2000), file=sys.stderr)


def _report_bug(error: Exception, *, with_traceback: bool) -> int:
    if isinstance(error, OSError) and not with_traceback:
        _complain(f"{error.filename or 'the system says'}: {error.strerror or error}")
        return USAGE_ERROR
    number = uuid.uuid4().hex[:8]
    if with_traceback:
        for line in traceback.format_exception(error):
            print(*(show(part, limit=2000) for part in line.splitlines()), sep="\n", file=sys.stderr)
    else:
        print(
            f"error: a bug of the supervisor ({number}: {type(error).__name__}: {show(error)}); "
            "run 'supervisor --traceback ...' for a report",
            file=sys.stderr,
        )
    return INTERNAL_ERROR
