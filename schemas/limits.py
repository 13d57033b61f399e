"""Limits for what comes from outside: no honest homelab meets them, and nothing above them is read."""

from dataclasses import dataclass, fields
from datetime import timedelta
from functools import cached_property
from typing import Annotated

from schemas.rules import Count, Duration, refuse_truth
from schemas.setting import STRICT, Bound, Read, setting

KIB = 1024
MIB = 1024 * KIB
NonNegative = Annotated[int, Read(refuse_truth), Bound(ge=0)]


_OF_OTHERS = {
    "max_world_file_bytes": "max_other_file_bytes",
    "max_json_values": "max_other_values",
    "max_records": "max_other_records",
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What input may be at most; input above a limit is a fault of its file or record, never cut short."""

    __pydantic_config__ = STRICT

    max_inventory_file_bytes: Count = setting(8 * MIB, "bytes of one inventory file")
    max_inventory_bytes: Count = setting(1024 * MIB, "bytes of all inventory files together")
    max_world_file_bytes: Count = setting(128 * MIB, "bytes of services.json")
    max_other_file_bytes: Count = setting(64 * MIB, "bytes of each other world file")
    max_json_values: Count = setting(5_000_000, "values in services.json")
    max_other_values: Count = setting(2_000_000, "values in each other world file")
    max_yaml_depth: Annotated[Count, Bound(le=200)] = setting(40, "levels of mappings and lists in a YAML file")
    max_yaml_nodes: Count = setting(500_000, "values in a YAML file")
    max_json_depth: Annotated[Count, Bound(le=200)] = setting(50, "levels of objects and lists in a world record")
    max_records: Count = setting(1_250_000, "records in services.json, and folders under hosts/")
    max_other_records: Count = setting(250_000, "records in each other world file")
    max_rejected_records: Count = setting(100_000, "records set aside in a world; more, and it is unreadable")
    max_unexpected_services: Count = setting(
        100_000, "services in a world that no inventory asks for; more, and it is unreadable"
    )
    max_name_length: Annotated[Count, Bound(le=255)] = setting(63, "characters in the name of a node or a service")
    max_key_length: Count = setting(255, "characters in the key or the id of a world record")
    max_word_length: Count = setting(1000, "characters in a status, a severity or a trigger type")
    max_faults_per_file: Count = setting(20, "faults listed for one inventory file; the rest is counted")
    max_events: Count = setting(20_000, "events of one run; more are refused, and none is written")
    retries: Annotated[NonNegative, Bound(le=100)] = setting(3, "further attempts at a world file that cannot be read")
    retry_pause: Duration = setting(timedelta(seconds=0.2), "pause before each of them")
    max_read_rounds: Count = setting(5, "times to read again what changed while it was read")

    @cached_property
    def of_other_files(self) -> "Limits":
        """Return the limits of one of the world's files other than `services.json`."""
        names = (field.name for field in fields(Limits))
        return OtherLimits(**{name: getattr(self, _OF_OTHERS.get(name, name)) for name in names})

    def setting_of(self, name: str) -> str:
        """Return the setting to raise where one of these limits is met, as it is typed."""
        return f"limits.{name}"


class OtherLimits(Limits):
    """The limits of one of the world's files other than `services.json`, by the names of those of `services.json`."""

    def setting_of(self, name: str) -> str:
        """Return the setting to raise where one of these limits is met, as it is typed."""
        return super().setting_of(_OF_OTHERS.get(name, name))
