"""`supervisor metrics`: the last run in Prometheus' text format."""

from typing import Annotated

import typer

from flows.commands import options

HELP = """Print the last run in Prometheus' text format, or write it to a file for node_exporter's textfile collector.

With the setting metrics_file every run writes the file itself.

Examples:

\b
  supervisor metrics
  supervisor metrics --metrics-file /var/lib/prometheus/node-exporter/supervisor.prom
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=HELP)(metrics)


def metrics(
    metrics_file: options.MetricsFile = None,
    checkpoint: options.Checkpoint = None,
    state_dir: options.StateDir = None,
    config: options.Config = None,
    to_stdout: Annotated[bool, typer.Option("--stdout", help="Print even where metrics_file is set.")] = False,
) -> int:
    """Print or write; return 0. Raises `NoRunError` where there is no run yet: another fleet's file is not replaced."""
    from flows.files.own import replace_file
    from flows.ledger.checkpoint import require_known
    from flows.telling.metrics import to_metrics
    from flows.telling.outbox import read_waiting

    settings = options.load({"checkpoint": checkpoint, "state_dir": state_dir, "metrics_file": metrics_file}, config)
    places = settings.places
    text = to_metrics(require_known(places.checkpoint, places.state_dir), read_waiting(places.state_dir))
    if settings.metrics_file is not None and not to_stdout:
        replace_file(settings.metrics_file.absolute(), text, 0o644)
    else:
        typer.echo(text.decode(), nl=False)
    return 0
