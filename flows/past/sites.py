"""The past of several sites: each one's own history, read by itself; one that cannot be read hides no other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.errors import HistoryError, SettingsError
from flows.past.study import Past
from flows.setting_faults import suggest
from flows.setting_sections import Site
from flows.settings import Settings


@dataclass(frozen=True)
class SitePast:
    """A site's past, or why there is none."""

    name: str
    past: Past | None
    problem: str | None = None


def choose_sites(settings: Settings, names: list[str]) -> Mapping[str, Site]:
    """Return the sites of these names, all where none is named. Raises `SettingsError` for one that there is not."""
    for name in names:
        if name not in settings.sites:
            known = f"; there are {', '.join(settings.sites)}" if settings.sites else "; the setting sites names them"
            raise SettingsError(f"{name!a} is no site{suggest(name, settings.sites) or known}")
    return {name: site for name, site in settings.sites.items() if not names or name in names}


def study_sites(sites: Mapping[str, Site], study: Callable[[Path | str], Past]) -> list[SitePast]:
    """Return what a question to each site's history comes to."""
    found = []
    for name, site in sites.items():
        root = site.history_root
        if isinstance(root, Path) and not root.is_dir():
            found.append(SitePast(name, None, f"{root}: no such folder"))
            continue
        try:
            found.append(SitePast(name, study(root)))
        except HistoryError as error:
            found.append(SitePast(name, None, str(error)))
    return found
