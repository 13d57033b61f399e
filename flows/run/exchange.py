"""Sites that know of each other: what each asks and shows, and the run of each with what the others showed."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from flows.errors import SettingsError, SupervisorError
from flows.ledger.checkpoint import Known, read_known
from flows.ledger.elsewhere import SHOWN, Elsewhere, write_elsewhere
from flows.run.cycle import run_once
from flows.run.decide import remember_settling
from flows.run.gather import InputReader, read_others
from flows.run.judge import survey
from flows.settings import Settings, load_settings
from flows.sources.fetched import fetch_inputs
from schemas.drift import Drift
from schemas.frame import DataFrame
from schemas.link import Links
from schemas.shown import Shown, join_shown, pick
from schemas.words import Outcome, State
from stages.link import link_dependencies
from stages.share import find_needs, find_parts, pick_related, share


class SiteEnd(NamedTuple):
    """What the run of one site came to."""

    site: Path
    """Its settings file."""
    outcome: Outcome
    state: State | None
    event_count: int
    problem: str | None
    """Why it came to no conclusions, or could not be written."""


def ask_site(site: Path, as_of: datetime) -> tuple[str, ...]:
    """Return the names that broken services of a site need and no service of it gives.

    Of one that cannot be read, those of what it last showed: that nothing is known of it is no news.
    """
    with suppress(SupervisorError):
        _fetch(site)
    try:
        return name_needs(_look(site, as_of)[0])
    except SupervisorError:
        return name_needs(recall_site(site, as_of))


def show_site(site: Path, as_of: datetime, asked: Collection[str]) -> Shown | None:
    """Return what a site shows the others; of one that cannot be read, what it last showed, for `world_ttl`, then None."""
    try:
        shown, links = _look(site, as_of)
    except SupervisorError:
        return recall_site(site, as_of)
    told = share(shown, links, asked)
    with suppress(SupervisorError):  # where it cannot be written, neither can the site's run, and that one tells
        write_elsewhere(load_settings(config=site).settings.places.state_dir, Elsewhere(told, as_of), SHOWN)
    return told


def recall_site(site: Path, as_of: datetime) -> Shown | None:
    """Return what a site last showed; None where that is too old, or not known."""
    with suppress(SupervisorError):
        return read_others(load_settings(config=site).settings, as_of, SHOWN)[0]
    return None


def name_needs(shown: Shown | None) -> tuple[str, ...]:
    """Return the names that what a site shows needs of others, sorted."""
    return tuple(find_needs(shown)["dependency"].unique().sort()) if shown else ()


def _fetch(site: Path) -> None:
    settings = load_settings(config=site).settings
    if settings.inputs is not None:
        limits = settings.limits
        most = limits.max_inventory_bytes + limits.max_world_file_bytes + 4 * limits.max_other_file_bytes
        fetch_inputs(settings.inputs, _copy_of(settings), most)


def _load(site: Path) -> Settings:
    """Return the settings of a site; of one whose inputs are on object storage, with the copy in place of them."""
    settings = load_settings(config=site).settings
    if settings.inputs is None:
        return settings
    copy = _copy_of(settings)
    return replace(settings, inventory=copy / "inventory", world=copy / "world")


def _copy_of(settings: Settings) -> Path:
    return settings.state_dir.absolute() / "inputs"


def _look(site: Path, as_of: datetime) -> tuple[Shown, Links]:
    settings = _load(site)
    inputs = InputReader(settings, is_caching=True).read_inputs(settings, as_of)
    known = read_known(settings.places.checkpoint) or Known()
    settling = remember_settling(known.last_run.settling if known.last_run else (), as_of)
    shown = survey(inputs.desired, inputs.actual, settings.rules(), remembered=settling).shown
    return shown, link_dependencies(inputs.desired, shown.services, _all_standing(shown.drift))


def _all_standing(drift: DataFrame[Drift]) -> DataFrame[Drift]:
    return Drift.validate(drift.with_columns(held_by=pl.lit(None, dtype=drift.schema["held_by"])))


class Joined(NamedTuple):
    """What all sites show, and what of it hangs together."""

    sites: list[Shown]
    whole: Shown
    parts: pl.DataFrame
    twice: tuple[str, ...]
    """The nodes that two sites have: what the second of them shows of such a node is left out."""

    def tell(self) -> Iterator[Shown]:
        """Yield for each site what the others show of what hangs together with what it shows itself."""
        return (pick_related(self.whole, self.parts, own) for own in self.sites)


def join_sites(shown: Iterable[Shown | None]) -> Joined:
    """Return what the sites show together; None of one that could not be read."""
    kept, twice, known = list[Shown](), set[str](), pl.DataFrame(schema={"node": pl.String})
    for part in shown:
        told = part or join_shown([])
        both = told.desired.nodes.join(known, on="node", how="semi").select("node")
        twice |= set(both["node"])
        kept.append(pick(told, partial(pl.DataFrame.join, other=both, on="node", how="anti")))
        known = pl.concat([known, kept[-1].desired.nodes.select("node")])
    whole = join_shown(kept)
    return Joined(kept, whole, find_parts(whole), tuple(sorted(twice)))


def run_site(site: Path, as_of: datetime | None, shown: Shown, shown_at: datetime) -> SiteEnd:
    """Do the run of one site, with what others showed of what it needs; its fault is its own end, and no exception."""
    try:
        settings = _load(site)
        write_elsewhere(settings.places.state_dir, Elsewhere(shown, _find_oldest(shown, shown_at)))
        report = run_once(settings, as_of)
    except SupervisorError as error:
        return SiteEnd(site, Outcome.FAILED, None, 0, str(error))
    return SiteEnd(site, report.outcome, report.state, len(report.events), report.emit_error or report.error)


def _find_oldest(shown: Shown, shown_at: datetime) -> datetime:
    """Return when the oldest of it was judged; what stands for a site that cannot be read is older than the rest."""
    judged: list[datetime] = shown.drift["as_of"].unique().to_list()
    return min([shown_at, *judged])


def find_sites(pattern: str) -> list[Path]:
    """Return the settings files of the sites, sorted by path; of one that is wrong, its site's run tells.

    Raises `SettingsError` where there is none, or two sites keep what they write in one place.
    """
    root = Path(pattern).expanduser().absolute()
    sites = sorted(path for path in Path(root.anchor).glob(str(root.relative_to(root.anchor))) if path.is_file())
    if not sites:
        raise SettingsError(f"fleet_sites: {pattern!a} matches no file; it names the settings file of each site")
    owners: dict[Path, Path] = {}
    for site in sites:
        for place in _places_of(site):
            other = owners.setdefault(place, site)
            if other != site:
                raise SettingsError(
                    f"{site}: its state is kept in {place}, which is that of {other} as well; set checkpoint and"
                    " state_dir of each site, and none of them in the environment"
                )
    return sites


def _places_of(site: Path) -> tuple[Path, ...]:
    try:
        places = load_settings(config=site).settings.places
    except SettingsError:
        return ()
    return (places.checkpoint, places.state_dir)
