"""`act --init`: an allow-list that can be read as it is, in which only looking is switched on."""

from flows.executor.config import read_executor_config
from flows.executor.proposal import Place, propose
from schemas.verb import Verb


def read(tmp_path, text):
    path = tmp_path / "executor.yaml"
    path.write_text(text)
    path.chmod(0o640)
    return read_executor_config(path)


def test_only_looking_is_switched_on(tmp_path):
    places = [Place("piha", {"web": "docker-compose", "db": None}, "local"), Place("vps", {"dns": None})]
    config = read(tmp_path, propose(places))

    assert {verb for step in config.steps for verb in step.verbs} == {Verb.DIAGNOSTICS}
    assert config.find_step(Verb.DIAGNOSTICS, "piha", "web").backend == "compose"
    assert config.find_step(Verb.DIAGNOSTICS, "vps", "dns") is None


def test_what_is_commented_out_can_be_switched_on(tmp_path):
    text = propose([Place("piha", {"web": "docker-compose", "db": None}, "local"), Place("vps", {"dns": None})])
    config = read(tmp_path, text.replace("  # - {", "  - {"))

    assert config.find_step(Verb.REDEPLOY, "piha", "web").directory == "/opt/{service}"
    assert config.find_step(Verb.RESTART, "vps", "dns").context == "vps"
