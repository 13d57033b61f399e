"""What an operator would otherwise run for the same question, in one run: Ansible's `--check`, Puppet's `--noop`.

    python -m venv /tmp/ansible && /tmp/ansible/bin/pip install ansible-core
    apt-get install puppet
    python -m benchmarks.peers.operators --ansible /tmp/ansible/bin/ansible-playbook --hosts 100 --services 2

All get the same fleet and the same world. A service that runs is a file `run/HOST/SERVICE` with the word `healthy`. The
playbook asks for that file with the local connection, a manifest of each host by `puppet apply`, one host after the
other, so that no network and no engine is measured: what they would change is what differs. Ansible gathers no facts. Of
the two, who is not installed is left out.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

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


class Answer(NamedTuple):
    """What one of them took, and how many services it would change."""

    took: Measured
    changed: int | None = None


def main() -> int:
    """Print a row for each; return 1 where one counts something else than differs."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="operators-", dir=options.folder) as folder:
        place = Path(folder)
        fleet = write_fleet(place / "fleet", options.hosts, options.services)
        differing = _write_machines(fleet.inventory, fleet.world, place)
        told = {"supervisor, cold": Answer(_supervise(place)), "supervisor, warm": Answer(_supervise(place))}
        if options.ansible:
            told[f"ansible --check, {options.forks} forks"] = _ask_ansible(place, options.ansible, options.forks)
        if options.puppet:
            told["puppet apply --noop"] = _ask_puppet(place, options.puppet)
    for name, (took, changed) in told.items():
        figures = f"{took.wall_s:8.2f} s wall {took.cpu_s:8.2f} s processor {took.peak_bytes / 1e6:6.0f} MB"
        print(f"{name:28} {figures}  exit {took.exit_code}" + ("" if changed is None else f", would change {changed}"))
    print(f"{differing} of {options.hosts * options.services} differ")
    return 0 if all(changed in (None, differing) for _, changed in told.values()) else 1


def _ask_ansible(place: Path, program: str, forks: int) -> Answer:
    words = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_HOME": str(place / "a")}
    command = [program, "--check", "-f", str(forks), "-i", str(place / "hosts.json"), str(place / "play.json")]
    output = place / "ansible.out"
    took = measure(command, output, os.environ | words)
    return Answer(took, len(re.findall(r"^changed: ", output.read_text(), re.MULTILINE)))


def _ask_puppet(place: Path, program: str) -> Answer:
    options = f"--noop --color=false --confdir {place}/puppet --vardir {place}/puppet"
    script = f'for manifest in {place}/manifests/*.pp; do {program} apply {options} "$manifest" || exit; done'
    output = place / "puppet.out"
    took = measure(["sh", "-c", script], output)
    return Answer(took, len(re.findall(r"current_value .* \(noop\)", output.read_text())))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the supervisor beside what an operator would otherwise run.")
    parser.add_argument("--ansible", default=shutil.which("ansible-playbook"), help="its ansible-playbook")
    parser.add_argument("--puppet", default=shutil.which("puppet"), help="its puppet")
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--services", type=int, default=10, help="of each host")
    parser.add_argument("--forks", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, default=None, help="where everything is put for the while")
    return parser


def _write_machines(inventory: Path, world: Path, place: Path) -> int:
    """Write what runs where, and what asks the two for it; return how many services differ from what is asked."""
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
    (place / "manifests").mkdir()
    for node, services in asked.iter_rows():
        manifest = "".join(f"file {{ '{place}/run/{node}/{name}': content => 'healthy' }}\n" for name in services)
        (place / "manifests" / f"{node}.pp").write_text(manifest)
    joined = desired.join(actual, on=KEY, how="left", suffix="_seen")
    return joined.filter(pl.col("status").ne_missing(pl.col("status_seen"))).height


def _supervise(place: Path) -> Measured:
    """Run the supervisor; the first run is cold, the next has the first one's cache."""
    return measure(supervise(Place(place, sys.executable)), place / "supervisor.out")


if __name__ == "__main__":
    sys.exit(main())
