"""Addresses of engines: `unix://`, `tcp://`, `ssh://`, `context:NAME`, as an inventory or Docker itself has them."""

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from flows.engines.reasons import LookError
from schemas.look_words import ReasonClass

SSH_DESTINATION = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,63}@)?[A-Za-z0-9_][A-Za-z0-9._-]{0,252}")
"""`[user@]host`: nothing that ssh could take for an option, nor a shell for anything else."""
REMOTE_PATH = re.compile(r"/[A-Za-z0-9._/@+-]{1,200}")
REMOTE_SOCKET = "/run/docker.sock"
PLAIN_PORT, TLS_PORT = 2375, 2376
CONTEXT = "context:"
EXAMPLES = "unix:///run/docker.sock, ssh://user@host, tcp://host:2376 with tls, context:NAME or none"


class Way(StrEnum):
    """How an engine is reached."""

    UNIX = "unix"
    TCP = "tcp"
    SSH = "ssh"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The files of TLS; a certificate of ours needs its key."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    is_unverified: bool = False
    """A docker context says `SkipTLSVerify`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an engine is."""

    way: Way
    text: str
    """As it is shown and compared: without a password."""
    path: str = ""
    """The socket: here, or behind ssh on the other host."""
    host: str = ""
    """For ssh with the user before it, as `user@host`."""
    port: int | None = None
    tls: TlsFiles | None = None


def parse_address(text: str, tls: TlsFiles | None = None) -> Address:
    """Return the address that a text names; raises `LookError` of the class config."""
    if not text.isprintable():  # urlsplit would leave line ends and tabs out
        raise _unusable(text)
    if text.startswith(CONTEXT):
        return _read_context(text.removeprefix(CONTEXT))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _unusable(text) from None
    if parts.password is not None or parts.query or parts.fragment:
        raise LookError(ReasonClass.CONFIG, f"an address has no password, '?' or '#'; expected {EXAMPLES}")
    if parts.scheme == Way.UNIX and not parts.netloc and parts.path.startswith("/"):
        return Address(way=Way.UNIX, text=text, path=parts.path)
    if parts.scheme == Way.TCP and parts.hostname and parts.path in {"", "/"}:
        usual = TLS_PORT if tls else PLAIN_PORT
        return Address(way=Way.TCP, text=text, host=parts.hostname, port=port or usual, tls=tls)
    if parts.scheme == Way.SSH and parts.hostname:
        return _ssh_address(text, parts, port)
    raise _unusable(text)


def _unusable(text: str) -> LookError:
    shown = ascii(text[:80])
    return LookError(ReasonClass.CONFIG, f"{shown} is no address of an engine; expected {EXAMPLES}")


def _ssh_address(text: str, parts: SplitResult, port: int | None) -> Address:
    host = parts.hostname or ""
    destination = f"{parts.username}@{host}" if parts.username else host
    path = parts.path if parts.path not in {"", "/"} else REMOTE_SOCKET
    if not SSH_DESTINATION.fullmatch(destination) or not REMOTE_PATH.fullmatch(path):
        raise _unusable(text)
    return Address(way=Way.SSH, text=text, host=destination, port=port, path=path)


def is_loopback(host: str) -> bool:
    """Return whether a host is this one, by its name."""
    return host in {"localhost", "::1"} or host.startswith("127.")


class _Endpoint(msgspec.Struct):
    host: str = msgspec.field(name="Host", default="")
    is_unverified: bool = msgspec.field(name="SkipTLSVerify", default=False)


class _Context(msgspec.Struct):
    name: str = msgspec.field(name="Name", default="")
    endpoints: dict[str, _Endpoint] = msgspec.field(name="Endpoints", default_factory=dict)


class _DockerConfig(msgspec.Struct):
    context: str = msgspec.field(name="currentContext", default="")


def docker_folder() -> Path:
    """Return the folder of Docker's own settings."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _read_context(name: str) -> Address:
    folder = docker_folder() / "contexts"
    for file in sorted(folder.glob("meta/*/meta.json")):
        context = _decode(file, _Context)
        if context is not None and context.name == name and "docker" in context.endpoints:
            endpoint = context.endpoints["docker"]
            if endpoint.host.startswith(CONTEXT):
                break
            return parse_address(endpoint.host, _context_tls(folder, name, endpoint))
    raise LookError(ReasonClass.CONFIG, f"there is no docker context {name[:80]!a} in {folder}")


def _context_tls(folder: Path, name: str, endpoint: _Endpoint) -> TlsFiles | None:
    files = folder / "tls" / hashlib.sha256(name.encode()).hexdigest() / "docker"
    found = {part: files / f"{part}.pem" for part in ("ca", "cert", "key") if (files / f"{part}.pem").is_file()}
    return TlsFiles(**found, is_unverified=endpoint.is_unverified) if found or endpoint.is_unverified else None


def _decode(file: Path, kind: type[Any]) -> Any:
    if not file.is_file():  # a named pipe would be waited for
        return None
    try:
        return msgspec.json.decode(file.read_bytes()[:1_000_000], type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def list_local_addresses() -> Iterator[str]:
    """Yield where an engine of this host may be, in the order to try: what Docker is told, then the usual sockets."""
    if host := os.environ.get("DOCKER_HOST"):
        yield host
    config = _decode(docker_folder() / "config.json", _DockerConfig)
    context = os.environ.get("DOCKER_CONTEXT") or (config.context if config else "")
    if context and context != "default":
        yield f"{CONTEXT}{context}"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    yield "unix:///run/docker.sock"
    if runtime:
        yield f"unix://{runtime}/docker.sock"
    yield "unix:///run/podman/podman.sock"
    if runtime:
        yield f"unix://{runtime}/podman/podman.sock"


def find_local_address() -> str | None:
    """Return the first address of this host that is set, or whose socket is there; None where none is."""
    for text in list_local_addresses():
        if not text.startswith("unix://") or _is_socket(text.removeprefix("unix://")):
            return text
    return None


def _is_socket(path: str) -> bool:
    try:
        return Path(path).is_socket()
    except OSError:
        return False
