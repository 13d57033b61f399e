"""Every number, word list and path, in one model: `supervisor.yaml`, the environment, options; the later wins."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from flows.errors import SettingsError
from flows.files.own import trusted_owners
from flows.glance import CHECKPOINT, LOCK_TIMEOUT, RUN_TTL, Glance
from flows.ledger.places import Places
from flows.setting_faults import explain_faults, suggest
from flows.setting_sections import (
    ActionSettings,
    AliasMap,
    CommandsByNode,
    Owners,
    PositiveDuration,
    SiteByFolder,
    UserPath,
    WebSettings,
)
from flows.setting_sources import (
    PREFIX,
    default_state_dir,
    find_file,
    find_kept,
    merge_sections,
    read_environment,
    read_file_values,
)
from flows.text.spoken import read_zone
from flows.text.values import FaultsError, read_as
from schemas.limits import MIB, Limits
from schemas.numbers import Automation
from schemas.rules import Count, Duration, OpenAfter, PastRules, Rules
from schemas.setting import Check, setting, settings_of
from schemas.words import Action, EmitMode, Severity

OTHER_VARIABLES = ("CONFIG", "NOTIFY_URLS")


def _check_zone(name: str) -> str:
    read_zone(name)
    return name


@dataclass(frozen=True, kw_only=True)
class Settings(Rules, PastRules):
    """The rules' settings, and where things are; each field's environment variable is `SUPERVISOR_<FIELD>`."""

    inventory: UserPath = setting(Path(), "the folder that holds hosts/")
    world: UserPath = setting(Path("/opt/homelab/world"), "the folder that the observer writes")
    runtime_summary: UserPath | None = setting(None, "runtime-summary.json, where it is not in the world")
    event_log: UserPath = setting(Path("/tmp/agent-events.log"), "the log that events are appended to")  # noqa: S108
    checkpoint: UserPath = setting(CHECKPOINT, "open episodes, last run")
    state_dir: UserPath = setting(default_state_dir, "history, archive, cache and lock")
    log_owners: Owners = setting(list, "users besides root and us who may own the log")
    keep_history: bool = setting(True, "record each run in the history")
    keep_archive: bool = setting(True, "keep each distinct world and inventory that a run reads")
    archive_max_world_bytes: Count = setting(16 * MIB, "a larger world is not archived")
    history: str | None = setting(None, "where the history is, if not in the state folder; s3:// too")
    node_alias_map: AliasMap = setting(dict, "world node name: inventory node name")
    emit_mode: EmitMode = setting(EmitMode.CHANGES, "which events a run writes: changes, all, none")
    cloudevents: bool = setting(False, "write events as CloudEvents 1.0")
    lock_timeout: Duration = setting(LOCK_TIMEOUT, "wait this long for another run")
    timezone: Annotated[str, Check(_check_zone)] = setting(
        "UTC", "in which people read times: UTC, local, or such as Europe/Berlin; files stay in UTC"
    )
    commands: dict[Action, CommandsByNode] = setting(
        dict, "what to copy for an action, by node: {redeploy: {piha: 'make {service}'}}"
    )
    deadline: PositiveDuration = setting(timedelta(minutes=10), "a run that takes longer is ended")
    history_url: str | None = setting(None, "where the history is published; else its folder is linked")
    serve_interval: PositiveDuration = setting(timedelta(minutes=5), "supervisor serve: time between runs")
    serve_cron: str | None = setting(None, "supervisor serve: a cron schedule in UTC, in place of the interval")
    watch_settle: Duration = setting(timedelta(milliseconds=20), "supervisor watch: quiet after a change")
    watch_min_interval: Duration = setting(timedelta(seconds=1), "supervisor watch: at most one run in it")
    watch_max_interval: PositiveDuration = setting(timedelta(minutes=1), "supervisor watch: at least one run in it")
    observe_every: PositiveDuration = setting(timedelta(seconds=30), "supervisor observe: time between looks at a node")
    fleet_sites: str | None = setting(
        None, "reconcile-sites: the settings files of its sites, such as /srv/sites/*/supervisor.yaml"
    )
    inputs: str | None = setting(
        None,
        "reconcile-sites: s3://… with inventory/ and world/, fetched into the state folder for each run",
    )
    fleet_shards: Count = setting(4, "reconcile-fleet: parts that the nodes are judged in")
    dask_workers: Count = setting(2, "reconcile-fleet: processes on this machine")
    dask_address: str | None = setting(None, "reconcile-fleet: a Dask scheduler, in place of own processes")
    dask_patience: PositiveDuration = setting(
        timedelta(minutes=2), "reconcile-fleet: a Dask cluster without any worker for so long ends the run"
    )
    open_after: OpenAfter = setting(dict, "drift must last so long (10m, 3 runs) to open an episode, by kind")
    flapping_diagnostics: bool = setting(False, "recommend diagnostics for a target that flaps")
    metrics_file: UserPath | None = setting(None, "a file that every run writes its Prometheus metrics to")
    report_file: UserPath | None = setting(None, "a file that every run writes its report to, as HTML")
    notify_severity: Severity = setting(Severity.WARNING, "tell SUPERVISOR_NOTIFY_URLS of no less than this")
    notify_per_hour: Count = setting(12, "and send no more messages than this within an hour")
    run_ttl: Duration = setting(RUN_TTL, "supervisor status: an older last run is stale")
    sites: dict[str, SiteByFolder] = setting(
        dict,
        "other sites to show beside this one: name: its state folder, as seen from here",
    )
    limits: Limits = setting(Limits, "what input may be at most")
    actions: ActionSettings = setting(ActionSettings, "what may be done, and how often")
    web: WebSettings = setting(WebSettings, "the page")

    def rules(self) -> Rules:
        """Return what a judgement depends on, alone."""
        return Rules(**{name: getattr(self, name) for name in settings_of(Rules)})

    def past_rules(self) -> PastRules:
        """Return what the past is read by, alone."""
        return PastRules(**{name: getattr(self, name) for name in settings_of(PastRules)})

    @cached_property
    def places(self) -> Places:
        """Where everything is that is written and read back."""
        root = self.history_root()
        return Places(
            event_log=self.event_log.absolute(),
            checkpoint=self.checkpoint.absolute(),
            state_dir=self.state_dir.absolute(),
            history=root.absolute() if isinstance(root, Path) else root,
            log_owners=trusted_owners(self.log_owners),
            lock_timeout_s=self.lock_timeout.total_seconds(),
        )

    def glance(self) -> Glance:
        """Return what `status` and `ack` need, alone."""
        return Glance(
            checkpoint=self.places.checkpoint,
            state_dir=self.places.state_dir,
            run_ttl=self.run_ttl,
            lock_timeout=self.lock_timeout,
            timezone=self.timezone,
            node_alias_map=self.node_alias_map,
            is_acting=self.actions.automation is not Automation.OFF,
            clock=self.actions.clock and self.actions.clock.absolute(),
        )

    def actions_root(self) -> Path:
        """Return the folder of the journals and files of actions."""
        return (self.actions.actions_dir or self.state_dir / "actions").absolute()

    def history_root(self) -> Path | str:
        """Return the place that holds the history: a folder, or an address with `://`."""
        if self.history is None:
            return self.state_dir
        return self.history if "://" in self.history else Path(self.history).expanduser()


class Loaded:
    """Settings, where each value came from, and the settings file, where there is one."""

    def __init__(self, settings: Settings, origins: Mapping[str, str], file: Path | None = None) -> None:
        """Keep all three."""
        self.settings = settings
        self.origins = origins
        self.file = file


def load_settings(options: Mapping[str, Any] | None = None, config: Path | None = None) -> Loaded:
    """Return the settings of `supervisor.yaml`, the environment and the options, the later over the earlier.

    The file is `config`, else `SUPERVISOR_CONFIG`, else `supervisor.yaml` here, in the inventory's folder, or in
    `/etc/runtime-supervisor`, which is that of the units.
    Raises `SettingsError` naming the file, line and key, or the variable or option.
    """
    given = {name: value for name, value in (options or {}).items() if value is not None}
    environment, variables = _environment()
    file = find_file(config, given.get("inventory", environment.get("inventory")))
    written, lines = _file_values(file) if file else ({}, {})
    origins = dict.fromkeys(settings_of(Settings), "default")
    origins |= {name: f"{file}:{lines[name]}" for name in written if name in lines}
    origins |= {name: f"environment {variables[name]}" for name in environment}
    kept = {key: key.partition(".")[0] for key in find_kept(written, environment)}
    origins |= {key: f"{file}:{lines[section]}" for key, section in kept.items() if section in lines}
    origins |= {name: f"option --{name.replace('_', '-')}" for name in given}
    try:
        return Loaded(read_as(Settings, {**merge_sections(written, environment), **given}), origins, file)
    except FaultsError as error:
        raise SettingsError(explain_faults(Settings, error, origins)) from None


def _environment() -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values that the environment gives for settings, and the variable of each."""
    _refuse_misspelt_variables()
    values, variables = read_environment()
    return {name: value for name, value in values.items() if name in settings_of(Settings)}, variables


def _refuse_misspelt_variables() -> None:
    """Raise `SettingsError` for a variable that is nearly a setting's; others may be anyone's (supervisord has some)."""
    fields = [name.upper() for name in settings_of(Settings)]
    for variable in os.environ:
        name = variable.removeprefix(PREFIX).partition("__")[0]
        if variable.startswith(PREFIX) and name not in (*fields, *OTHER_VARIABLES):
            close = difflib.get_close_matches(name, fields, n=1, cutoff=0.8)
            if close:
                raise SettingsError(f"environment {variable}: not a setting; did you mean {PREFIX}{close[0]}?")


def _file_values(file: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the file's values and the line of each key, once each is a setting."""
    values, lines = read_file_values(file)
    for name in lines:
        if name not in settings_of(Settings):
            raise SettingsError(
                f"{file}:{lines[name]}: {name!a} is not a setting{suggest(name, settings_of(Settings))}"
            )
    return values, lines
