"""Why a look failed: the class of an error of the network, of TLS, of ssh or of an answer (OBSERVER 2.5)."""

import errno
import re
import ssl
from collections.abc import Callable
from typing import NamedTuple

import aiohttp

from schemas.look_words import ReasonClass


class LookError(Exception):
    """A look failed; the text is our own sentence, never a foreign one."""

    def __init__(self, reason_class: ReasonClass, text: str) -> None:
        """Keep both."""
        super().__init__(text)
        self.reason_class = reason_class
        self.text = text


ERRNO = {
    errno.ECONNREFUSED: (ReasonClass.REFUSED, "engine_down: the host is up, and nothing listens there"),
    errno.ECONNRESET: (ReasonClass.RESET, "the connection was reset"),
    errno.EPIPE: (ReasonClass.RESET, "the connection was reset"),
    errno.EHOSTUNREACH: (ReasonClass.NO_ROUTE, "no route to the host"),
    errno.ENETUNREACH: (ReasonClass.NO_ROUTE, "the network is unreachable"),
    errno.EHOSTDOWN: (ReasonClass.NO_ROUTE, "the host is down"),
    errno.ETIMEDOUT: (ReasonClass.TIMEOUT, "no answer to the connection"),
    errno.ENOENT: (ReasonClass.NO_SOCKET, "there is no socket at that path: is the engine installed and started?"),
    errno.ENOTDIR: (ReasonClass.NO_SOCKET, "there is no socket at that path: a part of it is no folder"),
    errno.EACCES: (
        ReasonClass.PERMISSION,
        "no permission to open the socket: join the group docker, or put a proxy that only looks before it",
    ),
    errno.EPERM: (ReasonClass.PERMISSION, "no permission to open the socket"),
}
"""What the operating system's error of a connection means."""

CERTIFICATE = (
    ("expired", "the server's certificate has expired"),
    ("not yet valid", "the server's certificate is not valid yet: check the clocks"),
    ("hostname mismatch", "the server's certificate is of another name"),
    ("ip address mismatch", "the server's certificate is of another address"),
    ("self-signed", "the server's certificate is signed by nobody that is trusted: name its authority with tls.ca"),
    ("self signed", "the server's certificate is signed by nobody that is trusted: name its authority with tls.ca"),
    ("unable to get", "the server's certificate is signed by nobody that is trusted: name its authority with tls.ca"),
)
TLS = (
    ("WRONG_VERSION_NUMBER", "the port does not speak TLS: leave tls out, or name the port with TLS"),
    ("HTTP_REQUEST", "the port does not speak TLS: leave tls out, or name the port with TLS"),
    ("BAD_CERTIFICATE", "the server refuses our certificate"),
    ("CERTIFICATE_REQUIRED", "the server asks for a certificate: name it with tls.cert and tls.key"),
    ("UNKNOWN_CA", "the server does not know who signed our certificate"),
    ("CERTIFICATE_UNKNOWN", "the server refuses our certificate"),
    ("CERTIFICATE_EXPIRED", "the server says that our certificate has expired"),
)


class SshText(NamedTuple):
    """What ssh says, and what it means."""

    pattern: re.Pattern[str]
    reason_class: ReasonClass
    text: str


def _said(pattern: str, reason_class: ReasonClass, text: str) -> SshText:
    return SshText(re.compile(pattern, re.IGNORECASE), reason_class, text)


SSH = (
    _said(
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        ReasonClass.HOST_KEY,
        "the host key has changed: if you know why, take the old one out of known_hosts; it is never accepted by itself",
    ),
    _said(
        "Host key verification failed|No .* host key is known",
        ReasonClass.HOST_KEY,
        "the host key is not known: connect once by hand, as the user that observes, and compare it",
    ),
    _said(
        "Permission denied|Too many authentication failures|no such identity",
        ReasonClass.AUTH,
        "ssh is not let in: check user and key with 'ssh -o BatchMode=yes'",
    ),
    _said("Could not resolve hostname|Name or service not known", ReasonClass.DNS, "the name cannot be resolved"),
    _said("Connection refused", ReasonClass.REFUSED, "sshd does not listen there"),
    _said("No route to host|Network is unreachable", ReasonClass.NO_ROUTE, "no route to the host"),
    _said("timed out|not responding|Timeout", ReasonClass.TIMEOUT, "ssh gets no answer"),
    _said(
        "Connection reset|Connection closed|Broken pipe|kex_exchange", ReasonClass.RESET, "ssh's connection was closed"
    ),
    _said("Bad configuration option|bad configuration", ReasonClass.CONFIG, "ssh does not accept its configuration"),
    _said(
        "administratively prohibited|open failed",
        ReasonClass.SOCKET,
        "the engine's socket cannot be opened there: the engine is down, the socket is not there, the user may not open it,"
        " or sshd forbids it (AllowStreamLocalForwarding)",
    ),
)
"""What ssh prints, in the order in which it is looked for."""
UNKNOWN_SSH = (ReasonClass.RESET, "ssh ended")

STATUS = {
    401: (ReasonClass.AUTH, "the proxy before the engine wants a password"),
    403: (ReasonClass.AUTH, "the proxy before the engine does not allow that path"),
    407: (ReasonClass.AUTH, "the proxy before the engine wants a password"),
}
ENGINE_DOWN = (ReasonClass.ENGINE_DOWN, "the proxy answers, and the engine behind it does not")
HTTPS_EXPECTED = (ReasonClass.TLS, "the port speaks TLS: name its files with tls")


def explain_error(error: BaseException) -> LookError:
    """Return what an error of a request means; one that no table knows is of the class protocol."""
    if isinstance(error, LookError):
        return error
    for kind, explain in EXPLAINED:
        if isinstance(error, kind):
            return explain(error)
    return LookError(ReasonClass.PROTOCOL, f"the answer is not what an engine says ({type(error).__name__})")


def explain_ssh(said: str) -> LookError:
    """Return what ssh's own words mean."""
    found = next(((row.reason_class, row.text) for row in SSH if row.pattern.search(said)), UNKNOWN_SSH)
    return LookError(*found)


def explain_status(status: int, body: bytes) -> LookError | None:
    """Return what an HTTP status means that is no success; None for one."""
    if 200 <= status < 300:
        return None
    if status == 400 and b"HTTPS server" in body:
        return LookError(*HTTPS_EXPECTED)
    if status >= 500 or status == 429:
        return LookError(*ENGINE_DOWN)
    return LookError(*STATUS.get(status, (ReasonClass.PROTOCOL, f"HTTP status {status}, which no engine gives here")))


def _explain_certificate(error: BaseException) -> LookError:
    said = str(error).lower()
    text = next((text for part, text in CERTIFICATE if part in said), "the server's certificate is not trusted")
    return LookError(ReasonClass.TLS, text)


def _explain_tls(error: BaseException) -> LookError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return _explain_certificate(error)
    said = str(error).upper()
    return LookError(ReasonClass.TLS, next((text for part, text in TLS if part in said), "TLS could not be agreed on"))


def _explain_os(error: BaseException) -> LookError:
    if "SSL" in str(error):  # an alert that comes after the handshake, as OpenSSL's error number and text
        return _explain_tls(error)
    number = getattr(error, "errno", None) or getattr(getattr(error, "os_error", None), "errno", None)
    return LookError(*ERRNO.get(number or 0, (ReasonClass.RESET, "the connection failed")))


def _always(reason_class: ReasonClass, text: str) -> Callable[[BaseException], LookError]:
    return lambda _: LookError(reason_class, text)


EXPLAINED: tuple[tuple[type[BaseException], Callable[[BaseException], LookError]], ...] = (
    (TimeoutError, _always(ReasonClass.TIMEOUT, "no answer in time")),
    (aiohttp.ClientConnectorDNSError, _always(ReasonClass.DNS, "the name cannot be resolved")),
    (aiohttp.ClientConnectorCertificateError, _explain_certificate),
    (ssl.SSLCertVerificationError, _explain_certificate),
    (aiohttp.ClientConnectorSSLError, _explain_tls),
    (ssl.SSLError, _explain_tls),
    (aiohttp.ServerDisconnectedError, _always(ReasonClass.RESET, "the connection was closed before an answer came")),
    (aiohttp.ClientPayloadError, _always(ReasonClass.RESET, "the connection was closed in the middle of an answer")),
    (aiohttp.ClientOSError, _explain_os),
    (OSError, _explain_os),
)
"""What each kind of error means, the special ones first."""
