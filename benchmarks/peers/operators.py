"""What an operator would otherwise run for the same question: the supervisor beside `ansible-playbook --check`, in one run.

    python -m venv /tmp/ansible && /tmp/ansible/bin/pip install ansible-core
    python -m benchmarks.peers.operators --ansible /tmp/ansible/bin/ansible-playbook --hosts 100 --services 10

Both get the same fleet and the same world. A service that runs is a file `run/HOST/SERVICE` with the word `healthy`;
the playbook asks for that file with the local connection, so that no network and no engine is measured: what it would
change is what differs. Gathering facts is off.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import polars as pl

from benchmarks.cases import Place, supervise
from benchmarks.fleet import write_fleet
from benchmarks.measure import Measured, measure
from benchmarks.peers.tables import KEY, flat_tables

PLAY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "name": "each service runs",
                "ansible.builtin.copy": {"content": "healthy", "dest": "{{ run }}/{{ inventory_hostname }}/{{ item }}"},
                "loop": "{{ services }}",
            }
        ],
    }
]


def main() -> int:
    """Print a row for each; return 1 where Ansible counts something else than differs."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="operators-", dir=options.folder) as folder:
        place = Path(folder)
        fleet = write_fleet(place / "fleet", options.hosts, options.services)
        differing = _write_machines(fleet.inventory, fleet.world, place)
        told = {
            "supervisor, cold": _supervise(place),
            "supervisor, warm": _supervise(place),
        }
        output = place / "ansible.out"
        environment = os.environ | {
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_HOME": str(place / "a"),
        }
        command = [
            options.ansible,
            "--check",
            "-f",
            str(options.forks),
            "-i",
            str(place / "hosts.json"),
            str(place / "play.json"),
        ]
        told[f"ansible --check, {options.forks} forks"] = measure(command, output, environment)
        changed = len(re.findall(r"^changed: ", output.read_text(), re.MULTILINE))
    for name, took in told.items():
        figures = f"{took.wall_s:8.2f} s wall {took.cpu_s:8.2f} s processor {took.peak_bytes / 1e6:6.0f} MB"
        print(f"{name:28} {figures}  exit {took.exit_code}")
    print(f"{differing} of {options.hosts * options.services} differ; Ansible would change {changed}")
    return 0 if changed == differing else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the supervisor beside what an operator would otherwise run.")
    parser.add_argument("--ansible", default=shutil.which("ansible-playbook"), help="its ansible-playbook")
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--services", type=int, default=10, help="of each host")
    parser.add_argument("--forks", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, default=None, help="where everything is put for the while")
    return parser


def _write_machines(inventory: Path, world: Path, place: Path) -> int:
    """Write what runs where, and Ansible's inventory and playbook; return how many services differ from what is asked."""
    desired, actual = flat_tables(inventory, world)
    for node, service, status in actual.iter_rows():
        file = place / "run" / node / service
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(status)
    for node in desired["node"].unique():
        (place / "run" / node).mkdir(parents=True, exist_ok=True)
    asked = desired.group_by("node").agg("service")
    hosts = {node: {"services": services} for node, services in asked.iter_rows()}
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "/usr/bin/python3",
        "run": str(place / "run"),
    }
    (place / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}))
    (place / "play.json").write_text(json.dumps(PLAY))
    joined = desired.join(actual, on=KEY, how="left", suffix="_seen")
    return joined.filter(pl.col("status").ne_missing(pl.col("status_seen"))).height


def _supervise(place: Path) -> Measured:
    """Run the supervisor; the first run is cold, the next has the first one's cache."""
    return measure(supervise(Place(place, sys.executable)), place / "supervisor.out")


if __name__ == "__main__":
    sys.exit(main())
