"""Other sites: what each one's own supervisor left behind, read by the others' overview; never locked, never written to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.errors import SupervisorError
from flows.files.own import settle_path, trusted_owners
from flows.ledger.checkpoint import load_checkpoint
from flows.setting_sections import Site
from flows.settings import Settings
from flows.text.spoken import spoken_since
from flows.views.status import Status, read_status
from schemas.words import Outcome, State

UNKNOWN = "unknown"
WORST_FIRST = (State.UNSTABLE, UNKNOWN, State.DEGRADED, State.RECONCILING, State.NOMINAL)


@dataclass(frozen=True, kw_only=True)
class SiteSeen:
    """What is known of a site, and what is wrong with that."""

    name: str
    url: str | None = None
    """Where its own page is."""
    status: Status | None = None
    problem: str | None = None
    """Why what is known does not speak for now."""

    @property
    def tone(self) -> str:
        """Return its state; unknown where what is known of it does not speak for now."""
        state = self.status.state if self.status else None
        return UNKNOWN if state is None or self.problem else str(state)


def read_sites(settings: Settings, now: datetime) -> tuple[SiteSeen, ...]:
    """Return each site of the settings, in their order; what is wrong with one is told with it, and hides no other."""
    return tuple(_look(name, site, settings, now) for name, site in settings.sites.items())


def find_worst(sites: Sequence[SiteSeen]) -> str:
    """Return the worst of their states; one that is not known may be as bad as any but the worst."""
    return min((site.tone for site in sites), key=WORST_FIRST.index, default=UNKNOWN)


def shorten(error: Exception) -> str:
    """Return what is wrong with a file of a site, without what its own operator would do about it."""
    return str(error).partition(";")[0]


def _look(name: str, site: Site, settings: Settings, now: datetime) -> SiteSeen:
    try:
        status = read_status(site.checkpoint_file, settings.run_ttl, now)
        problem = _find_problem(site, status, settings, now)
    except (SupervisorError, OSError) as error:
        return SiteSeen(name=name, url=site.url, problem=shorten(error))
    return SiteSeen(name=name, url=site.url, status=status, problem=problem)


def _find_problem(site: Site, status: Status, settings: Settings, now: datetime) -> str | None:
    run, attempt = status.last_run, status.last_attempt
    if run is None:
        return _find_damage(site) or f"{site.checkpoint_file}: no run of it is here"
    if run.as_of > now + settings.clock_tolerance:
        return "its last run lies in the future: its clock or ours is wrong"
    if attempt is not None:
        return f"its last run {'failed' if attempt.outcome is Outcome.FAILED else 'was skipped'}: {attempt.reason}"
    return (
        f"nothing new for {spoken_since(run.as_of, now)}: its runs have ended, or its files no longer come here"
        if status.is_old
        else None
    )


def _find_damage(site: Site) -> str | None:
    """Return why a checkpoint that is there cannot be used."""
    if not site.checkpoint_file.parent.is_dir():
        return f"{site.checkpoint_file.parent}: no such folder"
    broken = load_checkpoint(settle_path(site.checkpoint_file, trusted_owners())).broken
    return "; ".join(f"{path}: {why}" for path, why in broken) or None
