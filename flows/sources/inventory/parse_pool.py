"""Parse many files on all cores: this process takes a share, and a worker process each of the others.

A worker is a Python that is given its files on its standard input and answers on its output. It imports no more than
the parsers, and nothing of the program that runs here: a script without a main guard is not run again.
"""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import msgspec

from flows.files.processes import count_cores, spell_worker
from flows.sources.inventory.services_file import ParsedServices, parse_services
from schemas.limits import Limits
from schemas.rules import Rules

POOL_BYTES = 1024 * 1024
"""Below it, a second process costs more time than it saves."""


class File(NamedTuple):
    """One file to parse."""

    data: bytes
    is_compose: bool


class Work(msgspec.Struct):
    """What a worker is asked."""

    files: list[File]
    limits: Limits
    rules: Rules


def parse_on_all_cores(files: Sequence[File], limits: Limits, rules: Rules) -> list[ParsedServices]:
    """Return what `parse_services` returns of each file; where no worker can be had, this process does all the work."""
    workers = count_cores() - 1
    if workers < 1 or _count_bytes(files) < POOL_BYTES or not sys.executable:
        return _parse(files, limits, rules)
    own, *shares = _share_out(files, workers + 1)
    with ThreadPoolExecutor(len(shares)) as threads:
        asked = [threads.submit(_ask_worker, share, limits, rules) for share in shares]
        parsed = _parse(own, limits, rules)
        return parsed + [one for future in asked for one in future.result()]


def _parse(files: Sequence[File], limits: Limits, rules: Rules) -> list[ParsedServices]:
    return [parse_services(file.data, limits, rules, is_compose=file.is_compose) for file in files]


def _count_bytes(files: Sequence[File]) -> int:
    return sum(len(file.data) for file in files)


def _share_out(files: Sequence[File], count: int) -> list[list[File]]:
    """Return the files in order in shares of about as many bytes each."""
    total = _count_bytes(files) + 1
    shares: list[list[File]] = [[] for _ in range(count)]
    seen = 0
    for file in files:
        shares[seen * count // total].append(file)
        seen += len(file.data)
    return shares


def _ask_worker(files: list[File], limits: Limits, rules: Rules) -> list[ParsedServices]:
    """Return a worker's answer; the share of a worker that fails, or that no message can be written to, is parsed here."""
    command, environment = spell_worker("flows.sources.inventory.parse_pool")
    with suppress(OSError, OverflowError, subprocess.SubprocessError, msgspec.DecodeError):
        work = msgspec.msgpack.encode(Work(files, limits, rules))  # OverflowError: a setting of more than 64 bits
        answer = subprocess.run(
            command, input=work, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, check=True
        )
        return msgspec.msgpack.decode(answer.stdout, type=list[ParsedServices])
    return _parse(files, limits, rules)


def main() -> None:
    """Parse the files of the standard input."""
    work = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Work)
    parsed = _parse(work.files, work.limits, work.rules)
    sys.stdout.buffer.write(msgspec.msgpack.encode(parsed))
