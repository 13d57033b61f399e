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
    """Print or write; return 0, or 3 where there is no run yet."""
    from flows.files.own import replace_file
    from flows.ledger.checkpoint import Known, read_known
    from flows.telling.metrics import to_metrics
    from flows.telling.outbox import read_waiting

    settings = options.load({"checkpoint": checkpoint, "state_dir": state_dir, "metrics_file": metrics_file}, config)
    known = read_known(settings.places.checkpoint) or Known()
    text = to_metrics(known, read_waiting(settings.places.state_dir))
    if not known.last_run:
        typer.echo(f"note: {settings.places.checkpoint}: no run yet", err=True)
    if settings.metrics_file is not None and not to_stdout:
        replace_file(settings.metrics_file.absolute(), text, 0o644)
    else:
        typer.echo(text.decode(), nl=False)
    return 0 if known.last_run else 3
