"""What can go wrong on a node of the lab, and what a person does about it in the end."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.lab.home import IMAGE, LabHome


@dataclass(frozen=True)
class Trouble:
    """One way to break things: of a service, or of a whole node."""

    name: str
    begin: Callable[[LabHome, str, str], None]
    end: Callable[[LabHome, str, str], None] | None = None
    """What ends it, after a while; None where the supervisor is to do it, or it goes by itself."""
    weight: int = 1
    is_of_node: bool = False
    lasts_s: tuple[int, int] = (120, 300)


def kill(home: LabHome, node: str, service: str) -> None:
    """Kill it as `docker kill` does: the engine leaves it so."""
    home.lab[node].api("POST", f"/containers/{home.container(service)}/kill")


def end_process(home: LabHome, node: str, service: str) -> None:
    """Kill its process: the engine starts it again."""
    pid = home.lab[node].state(home.container(service))["Pid"]
    if pid:  # 0 while it restarts, and `kill 0` is everybody
        home.lab[node].sh(f"kill -9 {pid}")


def sicken(home: LabHome, node: str, service: str) -> None:
    """Make it unhealthy until it is restarted."""
    home.lab[node].exec(home.container(service), "touch /tmp/sick")


def sicken_for_good(home: LabHome, node: str, service: str) -> None:
    """Make it unhealthy until its container is another."""
    home.lab[node].exec(home.container(service), "touch /tmp/stubborn")


def ruin(home: LabHome, node: str, service: str) -> None:
    """Make it unhealthy in every container, until somebody mends what it lies on."""
    home.flag(node, service, "sick").touch()


def mend(home: LabHome, node: str, service: str) -> None:
    """Mend what it lies on."""
    for name in ("sick", "crash"):
        home.flag(node, service, name).unlink(missing_ok=True)


def crash(home: LabHome, node: str, service: str) -> None:
    """Let it end at once at each start."""
    home.flag(node, service, "crash").touch()
    end_process(home, node, service)


def stop(home: LabHome, node: str, service: str) -> None:
    """Stop it, without a word."""
    home.lab[node].api("POST", f"/containers/{home.container(service)}/stop?t=2", timeout_s=30)


def stop_for_work(home: LabHome, node: str, service: str) -> None:
    """Say that it is held, and stop it."""
    home.supervisor("hold", f"{node}/{service}", "--until", "20m", "--reason", "I work on it")
    stop(home, node, service)


def finish_work(home: LabHome, node: str, service: str) -> None:
    """Start it again, and let automation have it."""
    home.lab[node].api("POST", f"/containers/{home.container(service)}/start")
    home.supervisor("release", f"{node}/{service}", "--reason", "done")


def lose_image(home: LabHome, node: str, service: str) -> None:
    """Remove container and image."""
    home.lab[node].api("DELETE", f"/containers/{home.container(service)}?force=1")
    home.lab[node].api("DELETE", f"/images/lab:{service}?force=1")


def bring_image(home: LabHome, node: str, service: str) -> None:
    """Bring the image back, and make the service anew."""
    home.lab[node].api("POST", f"/images/{IMAGE}/tag?repo=lab&tag={service}")
    home.up(node, service)


def remove(home: LabHome, node: str, service: str) -> None:
    """Remove the container."""
    home.lab[node].api("DELETE", f"/containers/{home.container(service)}?force=1")


def fill_disk(home: LabHome, node: str, service: str) -> None:
    """Fill a disk with what can be thrown away."""
    home.lab[node].sh("head -c 7900k /dev/zero >/var/rubbish || true")


def power_off(home: LabHome, node: str, service: str) -> None:
    """Pull the plug."""
    home.lab[node].power_off()


def power_on(home: LabHome, node: str, service: str) -> None:
    """Let it come back, with its disk, and start what does not start by itself."""
    home.power_on(node)
    start_all(home, node)


def start_engine(home: LabHome, node: str, service: str) -> None:
    """Start the engine again, and what it left dead: many at once are nothing that automation touches."""
    home.lab[node].start_engine()
    start_all(home, node)


def start_all(home: LabHome, node: str) -> None:
    """Start each container of a node that does not run."""
    for service in home.fleet[node]:
        with suppress(RuntimeError):
            home.lab[node].api("POST", f"/containers/{home.container(service)}/start")


def replace_by_hand(home: LabHome, node: str, service: str) -> None:
    """Mend what a service lies on, and make it anew: a person's work."""
    mend(home, node, service)
    home.up(node, service)


TROUBLES = (
    Trouble("killed", kill, weight=4),
    Trouble("process ended", end_process, weight=2),
    Trouble("unhealthy until restarted", sicken, weight=3),
    Trouble("unhealthy until made anew", sicken_for_good, weight=2),
    Trouble("unhealthy whatever is done", ruin, replace_by_hand, lasts_s=(2400, 2700)),
    Trouble("crash loop", crash, replace_by_hand, weight=2, lasts_s=(900, 1500)),
    Trouble("stopped by hand", stop),
    Trouble("stopped by hand, and held", stop_for_work, finish_work, weight=2, lasts_s=(420, 700)),
    Trouble("container removed", remove, weight=2),
    Trouble("image gone", lose_image, bring_image, lasts_s=(1500, 2100)),
    Trouble("disk full", fill_disk, is_of_node=True),
    Trouble("node cut", lambda h, n, _: h.lab[n].cut(), lambda h, n, _: h.lab[n].heal(), 2, True, (60, 360)),
    Trouble("engine dead", lambda h, n, _: h.lab[n].kill_engine(), start_engine, 2, True, (60, 360)),
    Trouble("engine hangs", lambda h, n, _: h.lab[n].hang_engine(), lambda h, n, _: h.lab[n].unhang_engine(), 1, True),
    Trouble("power off", power_off, power_on, 1, True, (120, 300)),
)


def choose(dice: random.Random, done: list[str]) -> Trouble:
    """Return the next one: what did not happen yet comes first."""
    new = [one for one in TROUBLES if one.name not in done]
    if new:
        return dice.choice(new)
    return dice.choices(TROUBLES, [one.weight for one in TROUBLES])[0]
