"""What the flows take as parameters: checked as the options of commands are, since whoever has the API can set them."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

from prefect import runtime
from pydantic import AfterValidator, AwareDatetime, Field

from flows.errors import SettingsError
from flows.settings import Settings, load_settings
from flows.text.escape import show
from schemas.duration import LONGEST, YEARS, is_judged

LONGEST_PATH = 4096


def check_path(path: Path) -> Path:
    """Return the path; ValueError for one that no system has."""
    if len(str(path)) > LONGEST_PATH:
        raise ValueError(f"a path of more than {LONGEST_PATH} characters")
    if "\0" in str(path):
        raise ValueError("a path with a NUL in it")
    return path


def check_moment(moment: datetime) -> datetime:
    """Return the moment; ValueError for one whose neighbours no calendar has."""
    if not is_judged(moment):
        raise ValueError(f"no moment to judge at; write one from {YEARS[0]} to {YEARS[-1]}")
    return moment


ParameterPath = Annotated[Path, AfterValidator(check_path)]
AsOf = Annotated[AwareDatetime, AfterValidator(check_moment)]
# Limits that are in a deployment's schema, too: the server refuses what is beyond them, before there is a run.
Jobs = Annotated[int, Field(ge=1, le=64)]
Days = Annotated[int, Field(ge=1, le=LONGEST.days)]
Megabytes = Annotated[int, Field(ge=1, le=10**9)]


def gather_settings(given: dict[str, Path | None]) -> Settings:
    """Return the settings; in a deployment, whose parameters anyone with the API can set, paths stay where it runs.

    Raises SettingsError for a parameter that leads out of the configured folder.
    """
    configured = load_settings().settings
    for name, path in given.items():
        check_inside(name, path, getattr(configured, name))
    return load_settings(given).settings


def check_inside(name: str, path: Path | None, root: Path) -> None:
    """Raise SettingsError where a deployment's parameter leads out of the folder that its machine's settings name."""
    if path is None or runtime.deployment.id is None:
        return
    try:
        is_inside = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # links in a circle
        is_inside = False
    if not is_inside:
        raise SettingsError(f"parameter {name}: {show(path)} is not inside {root}, the {name} of this deployment")


def refuse_in_deployment(name: str, value: object) -> None:
    """Raise SettingsError for a parameter that a deployment may not have, since it says what is done with our rights."""
    if value is not None and runtime.deployment.id is not None:
        raise SettingsError(
            f"parameter {name}: not in a deployment, where whoever has the API could set it; "
            "set SUPERVISOR_CONFIG where its worker runs"
        )
