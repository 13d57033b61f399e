"""OBSERVER 6, 13 and 14: each fault of TLS has its text, and each is hard."""

import asyncio
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flows.engines.address import TlsFiles, parse_address
from flows.engines.engine import Engine, look_at
from flows.engines.http import HttpClient
from flows.engines.reasons import LookError
from tests.helpers.fake_engine import FakeEngine


class Authority:
    """Signs certificates into a folder."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca = folder / f"{name}.pem"
        self.ca.write_bytes(self._sign(self._name, self._key.public_key(), True, None, 10).public_bytes(ENCODING))

    def _sign(self, name, key, is_ca, address, days):
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=20))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if address:
            made = made.add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
            )
        return made.sign(self._key, hashes.SHA256())

    def make(self, name, address="127.0.0.1", days=10):
        """Return paths of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        cert, private = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        cert.write_bytes(self._sign(subject, key.public_key(), False, address, days).public_bytes(ENCODING))
        private.write_bytes(
            key.private_bytes(ENCODING, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        private.chmod(0o600)
        return cert, private


ENCODING = serialization.Encoding.PEM


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def serving(cert, key, clients=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return FakeEngine([], tls=context)


def look(url, **files):
    async def run():
        engine = Engine("here", HttpClient(parse_address(url, TlsFiles(**files) if files else None)))
        try:
            return await look_at(engine)
        finally:
            await engine.client.close()

    return asyncio.run(run())


def test_an_engine_behind_tls_that_knows_us_is_seen(authority):
    cert, key = authority.make("client")
    with serving(*authority.make("server"), clients=authority.ca) as fake:
        assert look(fake.url, ca=authority.ca, cert=cert, key=key).reason_class is None


@pytest.mark.parametrize(
    ("server", "text"),
    [
        pytest.param({"days": -1}, "has expired", id="expired"),
        pytest.param({"address": "10.9.8.7"}, "is of another", id="another name"),
    ],
)
def test_a_certificate_that_is_not_the_servers(authority, server, text):
    with serving(*authority.make("server", **server)) as fake:
        found = look(fake.url, ca=authority.ca)

    assert (found.reason_class, text in found.reason) == ("tls", True), found.reason


def test_an_authority_that_is_not_known(authority, tmp_path):
    other = Authority(tmp_path, "other")
    with serving(*authority.make("server")) as fake:
        found = look(fake.url, ca=other.ca)

    assert (found.reason_class, "name its authority" in found.reason) == ("tls", True), found.reason


@contextmanager
def strict_server(authority):
    """Run OpenSSL's own server, which asks for a certificate and says why it refuses one; yields its address."""
    cert, key = authority.make("server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = f"-port {port} -cert {cert} -key {key} -CAfile {authority.ca} -Verify 1 -verify_return_error -quiet"
    server = subprocess.Popen(["openssl", "s_server", *words.split()], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
        yield f"tcp://127.0.0.1:{port}"
    finally:
        server.kill()
        server.communicate()


def test_our_certificate_is_refused(authority, tmp_path):
    cert, key = Authority(tmp_path, "other").make("client")
    with strict_server(authority) as url:
        found = look(url, ca=authority.ca, cert=cert, key=key)

    assert (found.reason_class, "who signed our certificate" in found.reason) == ("tls", True), found.reason


def test_no_certificate_of_ours_where_one_is_asked_for(authority):
    with strict_server(authority) as url:
        found = look(url, ca=authority.ca)

    assert (found.reason_class, "tls.cert and tls.key" in found.reason) == ("tls", True), found.reason


def test_tls_to_a_plain_port_says_so(authority):
    with FakeEngine([]) as fake:
        found = look(fake.url, ca=authority.ca)

    assert (found.reason_class, "does not speak TLS" in found.reason) == ("tls", True), found.reason


def test_a_key_that_others_can_read_is_refused(authority):
    cert, key = authority.make("client")
    key.chmod(0o644)

    with pytest.raises(LookError, match="chmod 600") as refused:
        HttpClient(parse_address("tcp://127.0.0.1:1", TlsFiles(cert=cert, key=key)))
    assert refused.value.reason_class == "config"


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LookError, match=r"nothing\.pem: there is no such file"):
        HttpClient(parse_address("tcp://127.0.0.1:1", TlsFiles(ca=tmp_path / "nothing.pem")))
