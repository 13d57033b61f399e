"""Limits for what comes from outside: no honest homelab meets them, and nothing above them is read."""

from datetime import timedelta
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.rules import Count, Duration, refuse_truth

KIB = 1024
MIB = 1024 * KIB
NonNegative = Annotated[int, BeforeValidator(refuse_truth), Field(ge=0)]


class Limits(BaseModel):
    """What input may be at most; input above a limit is a fault of its file or record, never cut short."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_inventory_file_bytes: Count = Field(8 * MIB, description="bytes of one inventory file")
    max_inventory_bytes: Count = Field(1024 * MIB, description="bytes of all inventory files together")
    max_world_file_bytes: Count = Field(128 * MIB, description="bytes of services.json")
    max_other_file_bytes: Count = Field(64 * MIB, description="bytes of each other world file")
    max_json_values: Count = Field(5_000_000, description="values in services.json")
    max_other_values: Count = Field(2_000_000, description="values in each other world file")
    max_yaml_depth: Count = Field(40, le=200, description="levels of mappings and lists in a YAML file")
    max_yaml_nodes: Count = Field(500_000, description="values in a YAML file")
    max_json_depth: Count = Field(50, le=200, description="levels of objects and lists in a world record")
    max_records: Count = Field(1_250_000, description="records in services.json, and folders under hosts/")
    max_other_records: Count = Field(250_000, description="records in each other world file")
    max_rejected_records: Count = Field(100_000, description="records set aside in a world; more, and it is unreadable")
    max_unexpected_services: Count = Field(
        100_000, description="services in a world that no inventory asks for; more, and it is unreadable"
    )
    max_name_length: Count = Field(63, le=255, description="characters in the name of a node or a service")
    max_key_length: Count = Field(255, description="characters in the key or the id of a world record")
    max_word_length: Count = Field(1000, description="characters in a status, a severity or a trigger type")
    max_faults_per_file: Count = Field(20, description="faults listed for one inventory file; the rest is counted")
    max_events: Count = Field(20_000, description="events of one run; more are refused, and none is written")
    retries: NonNegative = Field(3, le=100, description="further attempts at a world file that cannot be read")
    retry_pause: Duration = Field(timedelta(seconds=0.2), description="pause before each of them")
    max_read_rounds: Count = Field(5, description="times to read again what changed while it was read")

    @cached_property
    def of_other_files(self) -> "Limits":
        """Return the limits of one of the world's files other than `services.json`."""
        others = {
            "max_world_file_bytes": self.max_other_file_bytes,
            "max_json_values": self.max_other_values,
            "max_records": self.max_other_records,
        }
        return self.model_copy(update=others)
