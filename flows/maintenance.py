"""What keeps the past in order, as flows with schedules of their own: compact, prune-archive."""

from datetime import UTC, datetime, timedelta

from prefect import get_run_logger

from flows.ledger.archive import open_archive
from flows.ledger.archive_writer import edit_archive, shrink_archive
from flows.ledger.history_writer import compact as compact_days
from flows.ledger.history_writer import hold_history
from flows.orchestration.own_flow import flow
from flows.orchestration.parameters import Days, Megabytes
from flows.settings import load_settings


@flow(name="compact")
def compact() -> int:
    """Merge the history's files of each day that is over, and return how many there were."""
    settings = load_settings().settings
    with hold_history(settings.places):
        merged = compact_days(settings.history_root(), datetime.now(UTC).date())
    get_run_logger().info("days of a table that were merged: %d", merged)
    return merged


@flow(name="prune-archive")
def prune_archive(older_than_days: Days = 400, max_size_mb: Megabytes | None = None) -> int:
    """Drop archived worlds by age and by size, but never the newest, and return how many went."""
    settings = load_settings().settings
    before = datetime.now(UTC) - timedelta(days=older_than_days)
    with open_archive(settings.state_dir):
        pass
    with edit_archive(settings.state_dir) as archive:
        gone = archive.prune(before, max_size_mb * 1_000_000 if max_size_mb else None)
    shrink_archive(settings.state_dir)
    get_run_logger().info("worlds that were dropped: %d", gone)
    return gone
