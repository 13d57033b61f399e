"""`supervisor notify`: whether messages would arrive."""

import typer

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Messages to people.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands.callback()(_hold)
    commands.command(
        name="test",
        help="Send a test message to each address of SUPERVISOR_NOTIFY_URLS, and say which took it; 1 where one did not.",
        short_help="Send a test message to each address.",
        epilog="Example: supervisor notify test",
    )(send_test)
    app.add_typer(commands, name="notify")


def send_test() -> int:
    """Return 0 where every address took it; each is told by its place, since an address is a secret."""
    from flows.errors import SettingsError
    from flows.telling.outbox import VARIABLE, is_address, read_addresses, send_with_apprise
    from schemas.episode import Target
    from schemas.outage import Message, News
    from schemas.words import ALL, FLEET, Severity

    addresses = read_addresses()
    if not addresses:
        raise SettingsError(f"{VARIABLE} is not set: give it one or more addresses of Apprise, with spaces between")
    text = "supervisor: a test message; nothing is wrong"
    message = Message(root=Target(FLEET, ALL), news=News.OPENED, severity=Severity.INFO, title=text, body=text)
    code = 0
    for place, address in enumerate(addresses.values(), 1):
        is_taken = send_with_apprise(address, message)
        refused = "did not take it" if is_address(address) else "is none that Apprise knows; write scheme://..."
        typer.echo(f"address {place} of {VARIABLE} {'took it' if is_taken else refused}")
        code = code if is_taken else 1
    return code


def _hold() -> None:
    """Keep `test` a command of its own, though it is the only one."""
