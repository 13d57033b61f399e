"""The `supervisor` command: how it begins, and each way in which it ends; what it has is in `flows/commands/root.py`."""

import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

from flows.errors import SupervisorError
from flows.files.processes import collect_seldom, keep_memory
from flows.text.escape import show

if TYPE_CHECKING:
    import typer

USAGE_ERROR, INTERNAL_ERROR, INTERRUPTED, READER_GONE = 1, 70, 130, 141
OUT_OF_MEMORY = "error: out of memory; nothing half was written. Lower the limits (max_json_values), or give it more"
SAID_WITHOUT_MEMORY = {
    "PanicException": ("allocate memory", "Resource temporarily unavailable"),
    "RuntimeError": ("can't start new thread",),
}
"""What an error says where there is no memory, or no thread for want of it. Elsewhere Rust aborts: that is as a kill."""


def main() -> None:
    """Run the command line; every way to end has its exit code, and no user error shows a traceback."""
    try:
        _open_closed_streams()
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would look for some in each installed package
        collect_seldom()
        keep_memory()
        sys.exit(_run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run(arguments: list[str]) -> int:
    # Imported behind `collect_seldom`: to look for cycles meanwhile takes a fifteenth of `--help`.
    import typer

    from flows.commands.root import app

    _escape_what_cannot_be_encoded()
    _forget_odd_columns()
    try:
        return app(arguments, standalone_mode=False) or 0
    except typer.TyperException as error:
        _show_usage_error(error)
        return USAGE_ERROR
    except SupervisorError as error:
        _complain(str(error))
        if error.page is not None:
            print(f"       more: {error.page}", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - the last line of defence: a bug of ours, or a panic of polars
        if _is_reader_gone(error):
            sys.stdout = None
            return READER_GONE
        if _is_without_memory(error):
            return _end_without_memory(error)
        return _report_bug(error, with_traceback="--traceback" in arguments)


def _open_closed_streams() -> None:
    """Put nothing in the place of a closed stream, whose number the next file that is opened would get."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def _escape_what_cannot_be_encoded() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_odd_columns() -> None:
    """Take a width that is none, such as the 0 of a console that was never measured, for no width at all."""
    width = os.environ.get("COLUMNS", "")
    if not (width.isdecimal() and int(width)):
        os.environ.pop("COLUMNS", None)


def _show_usage_error(error: "typer.TyperException") -> None:
    """Print the usage and the error on stderr, as typer would before it exits with 2, which means drift here."""
    # What pydantic says stands in typer's message with pydantic's own prefixes.
    error.message = error.message.replace("Value error, ", "").replace("Input should be", "expected")
    show_whole = getattr(error, "show", None)
    if show_whole is not None:
        show_whole()
    else:
        _complain(error.format_message())


def _complain(message: str) -> None:
    from flows.render.screen import print_lines

    lines = message.splitlines()
    print_lines(
        (f"{'error:' if n == 0 else '      '} {show(line, limit=2000)}" for n, line in enumerate(lines)), err=True
    )


def _is_reader_gone(error: BaseException) -> bool:
    """Say whether who reads the output closed it, as `head` does; typer makes an exit with 1 of that, an error here."""
    return isinstance(error.__context__ if isinstance(error, SystemExit) else error, BrokenPipeError)


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"


def _is_without_memory(error: BaseException) -> bool:
    said = SAID_WITHOUT_MEMORY.get(type(error).__name__, ())
    return isinstance(error, MemoryError) or any(words in str(error) for words in said)


def _end_without_memory(error: BaseException) -> int:
    """Say so with what is loaded already: there may be no memory for an import, before what was read is forgotten or after."""
    error.__traceback__ = None
    print(OUT_OF_MEMORY, file=sys.stderr)
    return USAGE_ERROR


def _report_bug(error: BaseException, *, with_traceback: bool) -> int:
    if not isinstance(error, Exception) and not _is_panic(error):
        raise error
    if isinstance(error, OSError) and not with_traceback:
        _complain(f"{error.filename or 'the system says'}: {error.strerror or error}")
        return USAGE_ERROR
    if with_traceback:
        import traceback

        for line in traceback.format_exception(error):
            print(*(show(part, limit=2000) for part in line.splitlines()), sep="\n", file=sys.stderr)
    else:
        print(
            f"error: a bug of the supervisor ({os.urandom(4).hex()}: {type(error).__name__}: {show(error)}); "
            "run 'supervisor --traceback ...' for a report",
            file=sys.stderr,
        )
    return INTERNAL_ERROR
