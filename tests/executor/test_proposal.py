"""`act --init`: an allow-list that can be read as it is, in which only looking is switched on."""

from flows.executor.config import read_executor_config
from flows.executor.proposal import Place, Runs, propose
from schemas.verb import Verb


def read(tmp_path, text):
    path = tmp_path / "executor.yaml"
    path.write_text(text)
    path.chmod(0o640)
    return read_executor_config(path)


def test_only_looking_is_switched_on(tmp_path):
    places = [Place("piha", {"web": Runs("docker-compose"), "db": Runs()}, "local"), Place("vps", {"dns": Runs()})]
    config = read(tmp_path, propose(places))

    assert {verb for step in config.steps for verb in step.verbs} == {Verb.DIAGNOSTICS}
    assert config.find_step(Verb.DIAGNOSTICS, "piha", "web").backend == "compose"
    assert config.find_step(Verb.DIAGNOSTICS, "vps", "dns") is None


def test_what_is_commented_out_can_be_switched_on(tmp_path):
    text = propose(
        [Place("piha", {"web": Runs("docker-compose"), "db": Runs()}, "local"), Place("vps", {"dns": Runs()})]
    )
    config = read(tmp_path, text.replace("  # - {", "  - {"))

    assert config.find_step(Verb.REDEPLOY, "piha", "web").directory == "/opt/{service}"
    assert config.find_step(Verb.RESTART, "vps", "dns").context == "vps"


def test_what_the_inventory_says_of_projects_containers_and_units_is_taken_over(tmp_path):
    services = {
        "web": Runs(project="shop", part="frontend"),
        "db": Runs(project="shop", part="db"),
        "portainer": Runs(container="admin.portainer"),
        "backup": Runs(unit="restic@daily.service"),
    }
    config = read(
        tmp_path, propose([Place("piha", services, "ssh://me@piha", is_here=True)]).replace("  # - {", "  - {")
    )

    web = config.find_step(Verb.REDEPLOY, "piha", "web")
    assert (web.context, web.project, web.service) == ("ssh://me@piha", "shop", "frontend")
    assert config.find_step(Verb.REDEPLOY, "piha", "db").service == "{service}"
    assert config.find_step(Verb.RESTART, "piha", "portainer").name == "admin.portainer"
    assert config.find_step(Verb.RESTART, "piha", "backup").unit == "restic@daily.service"
