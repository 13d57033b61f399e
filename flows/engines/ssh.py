"""OpenSSH's own client: one kept tunnel to a socket, and one command at a time (OBSERVER 0.3, 2.5, 7).

The user's configuration, agent, jump hosts and host keys work as they do by hand. Nothing is ever asked, no host key is
accepted, and nothing of what ssh prints is kept: it only tells which class a fault is of.
"""

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from flows.engines.address import REMOTE_PATH, SSH_DESTINATION, Address
from flows.engines.reasons import LookError, explain_ssh
from schemas.look_words import ReasonClass

CONNECT_S = 4
READY_S = 10.0
COMMAND_S = 10.0
ALIVE_S, ALIVE_COUNT = 10, 2
POLL_S = 0.02
KEPT_LINES = 40
MOST_OUTPUT = 2 * 2**20
OPTIONS = (
    "BatchMode=yes",
    f"ConnectTimeout={CONNECT_S}",
    f"ServerAliveInterval={ALIVE_S}",
    f"ServerAliveCountMax={ALIVE_COUNT}",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ControlMaster=no",
    "ControlPath=none",
    "PermitLocalCommand=no",
    "ClearAllForwardings=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "LogLevel=INFO",
)
NO_SSH = "there is no ssh on this machine; install OpenSSH's client"
TUNNEL_OPTIONS = ("ExitOnForwardFailure=yes", "StreamLocalBindMask=0177", "StreamLocalBindUnlink=yes")


def ssh_command(address: Address, *flags: str, options: tuple[str, ...] = (), compress: bool = False) -> list[str]:
    """Return the command line up to the destination, which stands behind `--`; raises `LookError` for an unsafe one."""
    if not SSH_DESTINATION.fullmatch(address.host):
        raise LookError(ReasonClass.CONFIG, "the destination of ssh is not [user@]host")
    told = [part for option in (*OPTIONS, *options) for part in ("-o", option)]
    port = ["-p", str(address.port)] if address.port else []
    return ["ssh", *flags, *(["-C"] if compress else []), *told, *port, "--", address.host]


class Tunnel:
    """One kept `ssh -nNT -L`: a socket here that is the engine's socket there."""

    def __init__(self, address: Address, folder: Path, *, compress: bool = False) -> None:
        """Connect to nothing yet; the socket will be in the folder, which is ours alone."""
        self._address = address
        self._compress = compress
        self._folder = folder
        self._process: Process | None = None
        self._said: deque[str] = deque(maxlen=KEPT_LINES)
        self._listener: asyncio.Task[None] | None = None
        self.socket = folder / "s"
        """At most 108 bytes, or no socket can have the name."""

    @property
    def is_open(self) -> bool:
        """Return whether ssh is there."""
        return self._process is not None and self._process.returncode is None

    async def open(self) -> None:
        """Connect, where it is not yet; raises `LookError`."""
        if self.is_open:
            return
        if not REMOTE_PATH.fullmatch(self._address.path):
            raise LookError(ReasonClass.CONFIG, "the path of the remote socket has odd characters")
        await self.close()
        self._said.clear()
        self.socket.unlink(missing_ok=True)
        forward = ("-L", f"{self.socket}:{self._address.path}")
        if shutil.which("ssh") is None:
            raise LookError(ReasonClass.CONFIG, NO_SSH)
        command = ssh_command(self._address, "-nNT", *forward, options=TUNNEL_OPTIONS, compress=self._compress)
        self._process = await asyncio.create_subprocess_exec(
            *end_with_us(), *command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, start_new_session=True
        )
        self._listener = asyncio.create_task(self._listen(self._process))
        await self._wait_until_ready(self._process)

    async def _wait_until_ready(self, process: Process) -> None:
        until = asyncio.get_running_loop().time() + READY_S
        while not self.socket.exists():
            if process.returncode is not None:
                await self._heard()
                raise self.explain()
            if asyncio.get_running_loop().time() >= until:
                await self.close()
                raise LookError(ReasonClass.TIMEOUT, "ssh gets no answer")
            await asyncio.sleep(POLL_S)

    async def _listen(self, process: Process) -> None:
        """Keep the last lines that ssh says."""
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(ValueError):
            while line := await process.stderr.readline():
                self._said.append(line[:400].decode("utf-8", "replace"))

    async def _heard(self) -> None:
        if self._listener is not None:
            await asyncio.wait([self._listener], timeout=1)

    def explain(self) -> LookError:
        """Return what ssh's last words mean."""
        return explain_ssh("\n".join(self._said))

    def explain_refusal(self) -> LookError | None:
        """Return why the other side did not open the socket, where ssh said so since this was asked last."""
        said = "\n".join(self._said)
        if "open failed" not in said:
            return None
        self._said.clear()
        return explain_ssh("open failed")

    async def close(self) -> None:
        """End ssh."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await process.wait()
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None
        self.socket.unlink(missing_ok=True)


def end_with_us() -> list[str]:
    """Return what lets the kernel end a kept ssh when we are killed, so that none is left behind; where it is there."""
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "TERM", "--"] if found else []


def make_tunnel_folder() -> Path:
    """Make a folder of mode 0700 with a short name, for the socket of a tunnel: where systemd gives one, in that."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(tempfile.mkdtemp(prefix="sv-", dir=given if given and Path(given).is_dir() else None))


async def run_remote(
    address: Address, script: str, deadline_s: float = COMMAND_S, *, most_bytes: int = MOST_OUTPUT
) -> str:
    """Return what a shell script prints on the other host; raises `LookError`."""
    return await run_command([*ssh_command(address, "-nT"), script], deadline_s, is_ssh=True, most_bytes=most_bytes)


async def run_command(
    command: list[str],
    deadline_s: float = COMMAND_S,
    *,
    is_ssh: bool = False,
    env: Mapping[str, str] | None = None,
    most_bytes: int = MOST_OUTPUT,
) -> str:
    """Return what a command prints within the deadline; raises `LookError`, also where it is more than is sensible.

    `env` is added to the environment.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True, env=os.environ | (env or {})
        )
    except FileNotFoundError:
        raise LookError(ReasonClass.CONFIG, f"there is no {command[0]} on this machine") from None
    try:
        async with asyncio.timeout(deadline_s):
            out, said = await _read_both(process, most_bytes)
            await process.wait()
    except TimeoutError:
        raise LookError(ReasonClass.TIMEOUT, f"{command[0]} did not end within {deadline_s:g} s") from None
    finally:
        if process.returncode is None:
            await _end_group(process)
    if is_ssh and process.returncode == 255:
        raise explain_ssh(said.decode("utf-8", "replace"))
    return out.decode("utf-8", "replace")


async def _end_group(process: Process) -> None:
    """End a command and what it started, which could hold its pipes for ever."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await process.communicate()  # what is left in the pipes, which would stay open otherwise


async def _read_both(process: Process, most_bytes: int) -> list[bytes]:
    readers = [asyncio.create_task(_read_bounded(stream, most_bytes)) for stream in (process.stdout, process.stderr)]
    try:
        return list(await asyncio.gather(*readers))
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _read_bounded(stream: asyncio.StreamReader | None, most_bytes: int) -> bytes:
    """Return all that comes; raises `LookError` for more than any look prints: who is looked at may go on for ever."""
    assert stream is not None  # noqa: S101 - it is a pipe
    read = bytearray()
    while chunk := await stream.read(65_536):
        read += chunk
        if len(read) > most_bytes:
            raise LookError(ReasonClass.PROTOCOL, f"it printed more than {most_bytes >> 20} MiB, and was ended")
    return bytes(read)


async def tell_apart(address: Address) -> LookError:
    """Return why a socket there cannot be opened, by a second look: what ssh itself says is the same for all causes."""
    path = shlex.quote(address.path)
    script = f"id -u; id -nG; ls -ldL {path} 2>/dev/null || echo none; [ -r {path} ] && [ -w {path} ] && echo open"
    try:
        said = (await run_remote(address, script)).splitlines()
    except LookError:
        return explain_ssh("open failed")
    if len(said) < 3:
        return explain_ssh("open failed")
    if said[2] == "none":
        return LookError(
            ReasonClass.NO_SOCKET, "there is no socket at that path on the other host, or its engine is down"
        )
    if said[-1] != "open":
        return LookError(
            ReasonClass.PERMISSION,
            "the user there may not open the engine's socket: add it to the group docker, or let a forced command look",
        )
    return LookError(
        ReasonClass.SOCKET,
        "the socket is there and may be opened: the engine is down, or sshd forbids it (AllowStreamLocalForwarding)",
    )
