"""What the peers that only compare are given: desired and actual as flat tables, already read, normalised and prepared.

    python -m benchmarks.peers.tables INVENTORY WORLD FOLDER

A row is a service with a word for its status: `healthy`, or what the world says. The desired table asks for `healthy`.
Services that are not monitored, and those whose record the reader sets aside, are in neither table, so that a peer
needs no rules: what is only desired is missing, what is only actual is unexpected, what differs is unhealthy.
"""

import argparse
import json
from pathlib import Path

import polars as pl

from benchmarks.fleet import AS_OF
from flows.run.gather import read_actual
from flows.settings import load_settings
from flows.sources.inventory.desired import read_inventory

KEY = ["node", "service"]


def write_tables(inventory: Path, world: Path, folder: Path) -> None:
    """Write `desired` and `actual` as Parquet, as one JSON object each, and as a Terraform configuration and state."""
    desired, actual = flat_tables(inventory, world)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in {"desired": desired, "actual": actual}.items():
        table.write_parquet(folder / f"{name}.parquet")
        (folder / f"{name}.json").write_text(json.dumps(as_object(table)))
    write_terraform(as_object(desired), as_object(actual), folder / "terraform")


def flat_tables(inventory: Path, world: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the desired and the actual table."""
    settings = load_settings({"inventory": inventory, "world": world}).settings
    desired = read_inventory(settings.inventory, settings.limits)
    actual = read_actual(settings, desired, AS_OF)[0].actual
    healthy = pl.col("status").is_in(sorted(settings.healthy_words)).fill_null(False)
    word = pl.when(healthy).then(pl.lit("healthy")).otherwise(pl.col("status").fill_null("unknown"))
    spared = pl.concat([desired.services.filter(~pl.col("is_monitored")).select(KEY), actual.rejected.select(KEY)])
    wanted = desired.services.join(spared, on=KEY, how="anti").select(*KEY, status=pl.lit("healthy"))
    shown = actual.services.join(spared, on=KEY, how="anti").select(*KEY, status=word)
    return wanted.sort(KEY), shown.sort(KEY)


def as_object(table: pl.DataFrame) -> dict[str, str]:
    """Return the table as an object keyed by `node/service`."""
    keys = table.select(pl.concat_str("node", pl.lit("/"), "service")).to_series()
    return dict(zip(keys, table["status"], strict=True))


def write_terraform(desired: dict[str, str], actual: dict[str, str], folder: Path) -> None:
    """Write a configuration with a resource for each desired service, and a state that holds the actual ones."""
    folder.mkdir(parents=True, exist_ok=True)
    resource = {"for_each": '${jsondecode(file("desired.json"))}', "input": "${each.value}"}
    (folder / "main.tf.json").write_text(json.dumps({"resource": {"terraform_data": {"service": resource}}}))
    (folder / "desired.json").write_text(json.dumps(desired))
    instances = [
        {
            "index_key": key,
            "schema_version": 0,
            "attributes": {
                "id": key,
                "input": {"value": status, "type": "string"},
                "output": {"value": status, "type": "string"},
                "triggers_replace": None,
            },
        }
        for key, status in actual.items()
    ]
    state = {
        "version": 4,
        "terraform_version": "1.0.0",
        "serial": 1,
        "lineage": "benchmark",
        "outputs": {},
        "resources": [
            {
                "mode": "managed",
                "type": "terraform_data",
                "name": "service",
                "provider": 'provider["terraform.io/builtin/terraform"]',
                "instances": instances,
            }
        ],
    }
    (folder / "terraform.tfstate").write_text(json.dumps(state))


def main() -> None:
    """Write the tables that the command line asks for."""
    parser = argparse.ArgumentParser(description="Prepare the tables for the peers that only compare.")
    parser.add_argument("inventory", type=Path)
    parser.add_argument("world", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    write_tables(options.inventory, options.world, options.folder)


if __name__ == "__main__":
    main()
