"""The comparison alone, by the libraries that a user might take for it; each prints how much is missing and so on.

    python -m benchmarks.peers.comparison duckdb|pandas|datacompy|deepdiff|terraform FOLDER

FOLDER is what `benchmarks.peers.tables` wrote. No rule is applied: nothing is held back, nothing is recommended.
"""

import json
import subprocess
import sys
from pathlib import Path

Counts = dict[str, int]


def compare_with_duckdb(folder: Path) -> Counts:
    """Join in SQL."""
    import duckdb

    rows = duckdb.sql(
        f"""
        select
            count(*) filter (a.status is null),
            count(*) filter (d.status is null),
            count(*) filter (a.status <> d.status)
        from '{folder / "desired.parquet"}' d full join '{folder / "actual.parquet"}' a using (node, service)
        """
    ).fetchall()
    return dict(zip(("missing", "unexpected", "unhealthy"), rows[0], strict=True))


def compare_with_pandas(folder: Path) -> Counts:
    """Merge with an indicator."""
    import pandas as pd

    desired, actual = (pd.read_parquet(folder / f"{name}.parquet") for name in ("desired", "actual"))
    merged = desired.merge(actual, on=["node", "service"], how="outer", indicator=True)
    both = merged[merged["_merge"] == "both"]
    return {
        "missing": int((merged["_merge"] == "left_only").sum()),
        "unexpected": int((merged["_merge"] == "right_only").sum()),
        "unhealthy": int((both["status_x"] != both["status_y"]).sum()),
    }


def compare_with_datacompy(folder: Path) -> Counts:
    """Use datacompy on polars frames."""
    import datacompy
    import polars as pl

    desired, actual = (pl.read_parquet(folder / f"{name}.parquet") for name in ("desired", "actual"))
    result = datacompy.PolarsCompare(desired, actual, join_columns=["node", "service"])
    return {
        "missing": len(result.df1_unq_rows),
        "unexpected": len(result.df2_unq_rows),
        "unhealthy": len(result.all_mismatch()),
    }


def compare_with_deepdiff(folder: Path) -> Counts:
    """Compare two objects."""
    from deepdiff import DeepDiff

    desired, actual = (json.loads((folder / f"{name}.json").read_bytes()) for name in ("desired", "actual"))
    found = DeepDiff(desired, actual)
    return {
        "missing": len(found.get("dictionary_item_removed", ())),
        "unexpected": len(found.get("dictionary_item_added", ())),
        "unhealthy": len(found.get("values_changed", ())),
    }


def compare_with_terraform(folder: Path) -> Counts:
    """Plan a configuration of built-in resources against a local state, without a refresh and without a provider."""
    where = folder / "terraform"
    subprocess.run(["terraform", f"-chdir={where}", "init", "-input=false"], check=True, capture_output=True)
    plan = ["terraform", f"-chdir={where}", "plan", "-json", "-lock=false", "-refresh=false", "-input=false"]
    lines = subprocess.run(plan, check=True, capture_output=True, text=True).stdout.splitlines()
    actions = [line["change"]["action"] for line in map(json.loads, lines) if line["type"] == "planned_change"]
    words = {"missing": "create", "unexpected": "delete", "unhealthy": "update"}
    return {name: actions.count(word) for name, word in words.items()}


PEERS = {
    "duckdb": compare_with_duckdb,
    "pandas": compare_with_pandas,
    "datacompy": compare_with_datacompy,
    "deepdiff": compare_with_deepdiff,
    "terraform": compare_with_terraform,
}

if __name__ == "__main__":
    json.dump(PEERS[sys.argv[1]](Path(sys.argv[2])), sys.stdout)
