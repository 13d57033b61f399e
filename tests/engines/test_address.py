"""OBSERVER 3 and 7: addresses of engines, and those that must never reach ssh."""

import hashlib
import json

import pytest

from flows.engines.address import list_local_addresses, parse_address
from flows.engines.reasons import LookError
from flows.engines.ssh import ssh_command


@pytest.mark.parametrize(
    ("text", "way", "host", "port", "path"),
    [
        ("unix:///run/docker.sock", "unix", "", None, "/run/docker.sock"),
        ("tcp://10.0.0.2", "tcp", "10.0.0.2", 2375, ""),
        ("tcp://h:2376", "tcp", "h", 2376, ""),
        ("ssh://piha", "ssh", "piha", None, "/run/docker.sock"),
        (
            "ssh://ops@piha:2222/run/user/1000/podman/podman.sock",
            "ssh",
            "ops@piha",
            2222,
            "/run/user/1000/podman/podman.sock",
        ),
    ],
)
def test_an_address_is_read(text, way, host, port, path):
    address = parse_address(text)

    assert (address.way, address.host, address.port, address.path, address.text) == (way, host, port, path, text)


@pytest.mark.parametrize(
    "text",
    [
        "", "piha", "http://h", "npipe://x", "tcp://", "tcp://h:99999", "tcp://h/path", "unix://relative", "unix://h/path",
        "ssh://-oProxyCommand=x", "ssh://a@-oProxyCommand=x", "ssh://h/run/$(x).sock", "ssh://h/a b", "ssh://u:pw@h", "tcp://u:pw@h",
        "ssh://h;x", "context:nothing", "tcp://h?x=1", "ssh://a\nb", "tcp://a\tb:1", "unix:///run/\r.sock", "context:\x1b[2J",
    ],
)  # fmt: skip
def test_what_is_no_address_is_config(text, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    with pytest.raises(LookError) as refused:
        parse_address(text)
    assert refused.value.reason_class == "config"
    assert "pw" not in refused.value.text


def test_the_destination_of_ssh_stands_behind_two_dashes_and_nothing_is_asked():
    command = ssh_command(parse_address("ssh://ops@piha:2222"), "-nNT")

    assert command[-2:] == ["--", "ops@piha"]
    assert {"BatchMode=yes", "ForwardAgent=no", "ControlMaster=no", "PermitLocalCommand=no"} <= set(command)
    assert not any("StrictHostKeyChecking" in word for word in command)


@pytest.fixture
def contexts(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    digest = hashlib.sha256(b"attic").hexdigest()
    meta, tls = tmp_path / "contexts/meta" / digest, tmp_path / "contexts/tls" / digest / "docker"
    meta.mkdir(parents=True)
    tls.mkdir(parents=True)
    told = {
        "Name": "attic",
        "Metadata": {},
        "Endpoints": {"docker": {"Host": "tcp://attic:2376", "SkipTLSVerify": False}},
    }
    (meta / "meta.json").write_text(json.dumps(told))
    (tls / "ca.pem").write_text("x")
    return tmp_path


def test_a_docker_context_is_read_with_its_tls(contexts):
    address = parse_address("context:attic")

    assert (address.host, address.port, address.tls.ca.name) == ("attic", 2376, "ca.pem")


def test_this_hosts_engine_is_looked_for_in_dockers_own_order(contexts, monkeypatch):
    (contexts / "config.json").write_text('{"currentContext": "attic"}')
    monkeypatch.setenv("DOCKER_HOST", "tcp://h:1")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)

    assert list(list_local_addresses()) == [
        "tcp://h:1",
        "context:attic",
        "unix:///run/docker.sock",
        "unix:///run/user/1/docker.sock",
        "unix:///run/podman/podman.sock",
        "unix:///run/user/1/podman/podman.sock",
    ]
