"""`docker system dial-stdio` over ssh, where the other host's sshd forwards no sockets (OBSERVER 6, row 18)."""

import asyncio
import contextlib
import shlex
import shutil
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE
from pathlib import Path

from flows.engines.address import REMOTE_PATH, Address
from flows.engines.reasons import LookError, explain_ssh
from flows.engines.ssh import KEPT_LINES, NO_SSH, end_with_us, ssh_command
from schemas.look_words import ReasonClass

CHUNK = 2**16
SSH_FAILED = 255


class Dialer:
    """A socket here, each connection to which is an ssh of its own: who uses it keeps one connection."""

    def __init__(self, address: Address, folder: Path, *, compress: bool = False) -> None:
        """Connect to nothing yet; the socket will be in the folder, which is ours alone."""
        self._address = address
        self._compress = compress
        self._server: asyncio.Server | None = None
        self._fault: LookError | None = None
        self._carrying: set[asyncio.Task[None]] = set()
        self.socket = folder / "d"

    async def open(self) -> None:
        """Listen, where it does not yet; raises `LookError`."""
        self._fault = None
        if self._server is not None:
            return
        if not REMOTE_PATH.fullmatch(self._address.path):
            raise LookError(ReasonClass.CONFIG, "the path of the remote socket has odd characters")
        if shutil.which("ssh") is None:
            raise LookError(ReasonClass.CONFIG, NO_SSH)
        self.socket.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._begin, self.socket)

    @property
    def fault(self) -> LookError | None:
        """Return why ssh itself ended since it was opened last; None where it did not."""
        return self._fault

    def _begin(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Carry one connection there and back, until one side ends it."""
        engine = shlex.quote(f"unix://{self._address.path}")
        command = [*ssh_command(self._address, "-T", compress=self._compress), f"docker -H {engine} system dial-stdio"]
        process = await asyncio.create_subprocess_exec(
            *end_with_us(), *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
        assert process.stdin is not None  # noqa: S101 - it is a pipe, as the other two are
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        said = asyncio.create_task(process.stderr.read(KEPT_LINES * 400))
        ways = [asyncio.create_task(_carry(reader, process.stdin)), asyncio.create_task(_carry(process.stdout, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if ways[1].done():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 1)
            if process.returncode == SSH_FAILED:
                self._fault = explain_ssh((await said).decode("utf-8", "replace"))
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            for task in (*ways, said):
                task.cancel()
            writer.close()
            await asyncio.gather(*ways, said, process.wait(), writer.wait_closed(), return_exceptions=True)

    async def close(self) -> None:
        """Listen no longer, and end what is connected."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)
        self.socket.unlink(missing_ok=True)


async def _carry(source: StreamReader, target: StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(CHUNK):
            target.write(data)
            await target.drain()
