"""Limits for what comes from outside: no honest homelab meets them, and nothing above them is read."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.rules import Count, Duration

MIB = 1024 * 1024
NonNegative = Annotated[int, Field(ge=0)]


class Limits(BaseModel):
    """What input may be at most; input above a limit is a fault of its file or record, never cut short."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_inventory_file_bytes: Count = Field(8 * MIB, description="bytes of one inventory file")
    max_world_file_bytes: Count = Field(256 * MIB, description="bytes of one world file")
    max_json_values: Count = Field(10_000_000, description="values in a world file")
    max_yaml_depth: Count = Field(40, le=200, description="levels of mappings and lists in a YAML file")
    max_yaml_nodes: Count = Field(500_000, description="values in a YAML file")
    max_json_depth: Count = Field(50, le=200, description="levels of objects and lists in a world record")
    max_records: Count = Field(2_000_000, description="records in a world file, and folders under hosts/")
    max_name_length: Count = Field(63, le=255, description="characters in the name of a node or a service")
    max_key_length: Count = Field(255, description="characters in the id of an incident or a deployment")
    max_faults_per_file: Count = Field(20, description="faults listed for one inventory file; the rest is counted")
    max_events: Count = Field(20_000, description="events of one run; more are refused, and none is written")
    retries: NonNegative = Field(3, le=100, description="further attempts at a world file that cannot be read")
    retry_pause: Duration = Field(timedelta(seconds=0.2), description="pause before each of them")
    max_read_rounds: Count = Field(5, description="times to read again what changed while it was read")
