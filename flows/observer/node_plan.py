"""How one node is looked at: what the `observe` block of its `node.yaml` says (OBSERVER 3)."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flows.engines.address import TlsFiles
from flows.sources.formats.yaml_strict import to_plain
from flows.sources.formats.yaml_tree import Node
from schemas.duration import parse_duration

OBSERVE_KEYS = ("docker", "tls", "systemd", "every", "part")
TLS_KEYS = ("ca", "cert", "key")
NONE, SSH = "none", "ssh://"


@dataclass(frozen=True, kw_only=True)
class NodePlan:
    """How one node is looked at."""

    node: str
    addresses: tuple[str, ...] | None = None
    """Where its engines are; None where its `node.yaml` says nothing of it, so that the default holds."""
    tls: TlsFiles | None = None
    has_systemd: bool = False
    every: timedelta = timedelta(seconds=30)
    part: str | None = None
    """The file that the node itself pushes, in place of looking at it; or `ssh://` where a forced command tells it."""
    is_intermittent: bool = False
    is_here: bool = False
    """It is the host that the observer runs on."""
    roles: tuple[str, ...] = ()
    problem: str | None = None
    """Why its `observe` block cannot be used."""


def read_seconds(value: object, what: str) -> float | None:
    """Return a duration in seconds, None where there is none; raises `ValueError` for what is none."""
    if value is None:
        return None
    duration = parse_duration(value)
    if isinstance(duration, timedelta) and duration > timedelta(0):
        return duration.total_seconds()
    raise ValueError(f"{what}: expected a duration such as 30s, 15m or 1d")


def read_block(plan: NodePlan, block: Node, folder: Path) -> NodePlan:
    """Return the plan with what an `observe` block says; raises `ValueError` with what is wrong with it."""
    told = to_plain(block)
    if not isinstance(told, dict):
        raise ValueError("observe: expected a mapping such as {docker: ssh://user@host}")
    unknown = sorted(set(told) - set(OBSERVE_KEYS))
    if unknown:
        raise ValueError(f"observe: unknown key {unknown[0]!a}; there are {', '.join(OBSERVE_KEYS)}")
    every, part, systemd = read_seconds(told.get("every"), "observe.every"), told.get("part"), told.get("systemd")
    if part is not None and not isinstance(part, str):
        raise ValueError("observe.part: expected the path of a file")
    if systemd not in {None, True, False}:
        raise ValueError("observe.systemd: expected true or false")
    given = plan.__dict__ | {
        "addresses": _addresses(told["docker"]) if "docker" in told else plan.addresses,
        "tls": _read_tls(told.get("tls"), folder),
        "has_systemd": bool(systemd),
        "every": timedelta(seconds=every) if every else plan.every,
        "part": part if part is None or part.startswith(SSH) else str(folder / Path(part).expanduser()),
    }
    return NodePlan(**given)


def _addresses(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    texts = [text for text in listed if isinstance(text, str)]
    if len(texts) < len(listed):
        raise ValueError("observe.docker: expected an address such as ssh://user@host, a list of them, or none")
    return tuple(text for text in texts if text != NONE)


def _read_tls(value: object, folder: Path) -> TlsFiles | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) - set(TLS_KEYS) or not all(isinstance(v, str) for v in value.values()):
        raise ValueError("observe.tls: expected {ca: FILE, cert: FILE, key: FILE}")
    if ("cert" in value) != ("key" in value):
        raise ValueError("observe.tls: cert and key belong together")
    files = {name: folder / Path(file).expanduser() for name, file in value.items()}
    return TlsFiles(ca=files.get("ca"), cert=files.get("cert"), key=files.get("key"))
