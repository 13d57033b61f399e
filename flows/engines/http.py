"""Requests to an engine: on a unix socket, tcp or TLS, each with an absolute deadline and a bounded answer."""

import asyncio
import ssl
import stat
from pathlib import Path
from typing import NamedTuple

import aiohttp

from flows.engines.address import Address, TlsFiles, Way
from flows.engines.reasons import LookError, explain_error, explain_status
from schemas.look_words import ReasonClass

CONNECT_S = 3.0
MOST_BYTES = 64 * 2**20
MOST_CONNECTIONS = 8
KEEP_S = 3600.0
"""Where connecting is dear, a connection is kept from look to look."""
CHUNK = 2**16
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Answer(NamedTuple):
    """A whole answer; of its headers, which are blind to case, only what is asked for is kept."""

    status: int
    headers: dict[str, str]
    """With names in lower case."""
    body: bytes


class HttpClient:
    """One engine, over kept connections."""

    def __init__(self, address: Address, socket: Path | None = None, *, is_dear: bool = False) -> None:
        """Connect to nothing yet; `socket` is where a tunnel ends. Raises `LookError` of the class config.

        Where connecting is dear there is one connection, and it is kept.
        """
        context = make_tls(address.tls) if address.tls else None
        path = str(socket) if socket else address.path
        self._is_local = address.way is not Way.TCP
        if self._is_local:
            self._connector: aiohttp.BaseConnector = (
                aiohttp.UnixConnector(path, limit=1, keepalive_timeout=KEEP_S)
                if is_dear
                else aiohttp.UnixConnector(path, limit=MOST_CONNECTIONS)
            )
            self._base = "http://engine"
        else:
            self._connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS, ssl=context or False)
            host = f"[{address.host}]" if ":" in address.host else address.host
            self._base = f"{'https' if context else 'http'}://{host}:{address.port}"
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "runtime-supervisor"},
            skip_auto_headers=["Accept"],
        )

    async def get(self, path: str, until: float) -> Answer:
        """Return the answer to a request that ends at that moment of the loop's clock; raises `LookError`.

        A status that is no success is an answer only where it is 404.
        """
        try:
            async with asyncio.timeout_at(until):
                answer = await self._get(path)
        except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            raise explain_error(error) from None
        fault = None if answer.status == 404 else explain_status(answer.status, answer.body)
        if fault is not None:
            raise fault
        return answer

    async def _get(self, path: str) -> Answer:
        async with self._session.get(f"{self._base}{path}", allow_redirects=False) as response:
            if (response.content_length or 0) > MOST_BYTES:
                raise _too_large()
            chunks, size = [], 0
            async for chunk in response.content.iter_chunked(CHUNK):
                size += len(chunk)
                if size > MOST_BYTES:
                    raise _too_large()
                chunks.append(chunk)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, b"".join(chunks))

    async def stream(self, path: str) -> aiohttp.ClientResponse:
        """Return an answer that goes on; the caller closes it. Raises `LookError`."""
        try:
            async with asyncio.timeout(CONNECT_S * 2):
                response = await self._session.get(f"{self._base}{path}", allow_redirects=False)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise explain_error(error) from None
        if response.status != 200:
            response.close()
            raise LookError(ReasonClass.PROTOCOL, "the engine does not tell of events")
        return response

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def _too_large() -> LookError:
    return LookError(ReasonClass.PROTOCOL, f"the answer is larger than {MOST_BYTES >> 20} MiB, and was not read")


def make_tls(files: TlsFiles) -> ssl.SSLContext:
    """Return what connections are secured by; raises `LookError` of the class config for files that cannot be used."""
    for file in (files.ca, files.cert, files.key):
        if file is not None and not file.is_file():
            raise LookError(ReasonClass.CONFIG, f"{file}: there is no such file for TLS")
    if files.key is not None and stat.S_IMODE(files.key.stat().st_mode) & OTHERS:
        raise LookError(ReasonClass.CONFIG, f"{files.key}: others can read the key; chmod 600")
    try:
        context = ssl.create_default_context(cafile=str(files.ca) if files.ca else None)
        if files.cert is not None:
            context.load_cert_chain(files.cert, files.key)
    except (OSError, ssl.SSLError) as error:
        what = files.cert or files.ca
        raise LookError(ReasonClass.CONFIG, f"{what}: cannot be used for TLS ({type(error).__name__})") from None
    if files.is_unverified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
