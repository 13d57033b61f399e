"""The executor, put together: what it decides with, what it has hands for, and how long it works.

The only module that reaches `flows.executor`, so that "it only recommends" holds for everything else by a contract.
`act` is the Prefect flow; it is made when it is asked for, so that the command starts without Prefect.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.errors import BusyError, SettingsError, SupervisorError
from flows.executor.claim import claim
from flows.executor.config import read_executor_config
from flows.executor.news import stamp_news, wait_for_news
from flows.executor.offer import Workshop
from flows.executor.order import Order, order_of
from flows.executor.proposal import Place, Runs, answers, find_contexts, propose
from flows.executor.start import Done
from flows.executor.work import Executor
from flows.ledger.actions.entries import read_ledger
from flows.ledger.actions.journals import Journals
from flows.ledger.actions.places import ActionPlace
from flows.observer.node_plan import NodePlan
from flows.observer.plan import Plan, read_plan
from flows.run.acting.place import action_place, require_automation
from flows.run.acting.think import Thought, read_power, think_again
from flows.run.clock import read_now
from flows.run.gather import InputReader, read_desired
from flows.settings import Settings, load_settings
from schemas.attempt import IntentState
from schemas.book import Book
from schemas.look_words import SelectorKind
from schemas.verb import Verb
from stages.fold_ledger import fold_ledger

if TYPE_CHECKING:
    from prefect import Flow

TYPED_BACKENDS = frozenset({"docker", "compose", "systemd"})
"""Those whose step is a command line that a person could type as well."""
LAST_WORD_S = 3.0
"""Who has to wait longer than that for the end of what runs is told why."""


@dataclass(frozen=True)
class OwnMind:
    """Reads and decides for the executor."""

    settings: Settings
    place: ActionPlace
    reader: InputReader

    def think(self) -> Thought:
        """Read everything anew, and decide."""
        return think_again(self.settings, self.reader, self.place)

    def fold(self, journals: Journals) -> Book:
        """Return what a ledger says."""
        journals.check()
        power = read_power(self.settings)
        return fold_ledger(read_ledger(journals).ledger, power.operators, power.numbers)

    def now(self) -> datetime:
        """Return the present moment."""
        return read_now(self.settings)


@dataclass(frozen=True)
class Planned:
    """One start as it would be, of a dry run."""

    target: str
    verb: str
    intent_id: str
    runs: str


def make_mind(settings: Settings) -> OwnMind:
    """Return the mind of an executor with these settings."""
    require_automation(settings)
    return OwnMind(settings, action_place(settings), InputReader(settings, is_caching=False))


def make_workshop(settings: Settings) -> Workshop:
    """Return what the executor has hands for; SettingsError with every fault of its file."""
    config = read_executor_config(settings.actions.executor_config.absolute())
    return Workshop(
        config, config.read_secrets(), settings.actions.output_max, scripts_only=settings.actions.clock is not None
    )


def act_once(settings: Settings, tell: Callable[[Done], None]) -> list[Done]:
    """Start what may be started, and return what became of it. Raises BusyError where another executor is at work."""
    mind, workshop = make_mind(settings), make_workshop(settings)
    done = []
    with claim(mind.place, mind) as claimed:
        for one in Executor(claimed).work(workshop):
            tell(one)
            done.append(one)
    sweep_outputs(mind.place, settings.actions.output_keep)
    return done


def act_watch(settings: Settings, stop: Event, tell: Callable[[Done], None], complain: Callable[[str], None]) -> None:
    """Work until `stop` is set: whenever the ledger changes, and at least once in `watch_max_interval`.

    While something waits to be started, each run of the decider is a reason, too. What runs then comes to its end. What
    cannot be read, or written on a full disk, is told, once, and looked at again.
    """
    mind = make_mind(settings)
    make_workshop(settings)
    with claim(mind.place, mind) as claimed:
        executor = Executor(claimed, is_ending=stop.is_set)
        said = ""
        while not stop.is_set():
            begun_s, seen = time.monotonic(), stamp_news(mind.place)
            try:
                for one in executor.work(make_workshop(settings)):
                    tell(one)
                said = ""
            except BusyError:
                raise
            except SupervisorError as error:
                # What could not be written down may be lost: under a new number it is settled as another executor's.
                claimed.let_go()
                if str(error) != said:
                    said = str(error)
                    complain(said)
            sweep_outputs(mind.place, settings.actions.output_keep)
            until_s = begun_s + settings.watch_max_interval.total_seconds()
            wait_for_news(mind.place, stop, until_s, seen, with_runs=executor.is_waiting)


@contextmanager
def acting(settings: Settings, tell: Callable[[Done], None], complain: Callable[[str], None]) -> Iterator[None]:
    """Act beside something else in this process, in a thread of its own, until that ends; what runs comes to its end first.

    Faults of the settings or of the allow-list are raised before anything begins; what ends the executor later is told.
    """
    make_mind(settings)
    make_workshop(settings)
    stop = Event()

    def work() -> None:
        try:
            act_watch(settings, stop, tell, complain)
        except Exception as error:  # noqa: BLE001 - a thread's error is nobody's, unless it is told
            complain(f"the executor has ended: {error}")

    thread = Thread(target=work, name="executor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LAST_WORD_S)
        if thread.is_alive():
            complain(
                "the executor waits for what runs to come to its end; 'supervisor halt --abort --reason ...' ends it"
            )
        thread.join()


def plan(settings: Settings) -> tuple[Thought, list[Planned]]:
    """Return what would be started now, and with which commands; writes nothing, and looks at no machine."""
    mind, workshop = make_mind(settings), make_workshop(settings)
    thought = mind.think()
    return thought, [*_describe(thought, workshop)]


def _describe(thought: Thought, workshop: Workshop) -> Iterator[Planned]:
    for decision in thought.startable():
        found = workshop.find(decision.verb, decision.node, decision.service) if decision.verb else None
        intent = thought.book.intents.get(str(decision.intent_id))
        if found is None or intent is None or intent.state is not IntentState.APPROVED:
            continue
        started = thought.begin(decision, fence=thought.book.fence)
        target = f"{decision.node}/{decision.service}"
        yield Planned(target, str(decision.verb), started.intent_id, found[1].describe(order_of(started)))


def open_descriptions(settings: Settings) -> Callable[[Verb, str, str], str | None]:
    """Return what says which command a verb on a target would be; nothing where the allow-list cannot be read."""
    try:
        workshop = make_workshop(settings)
    except SettingsError:
        return lambda *_: None

    def describe(verb: Verb, node: str, service: str) -> str | None:
        found = workshop.find(verb, node, service)
        order = Order(
            verb=verb, node=node, service=service, intent_id="", fence=0, number=1, world_at=datetime.now(UTC),
            timeout_s=0.0,
        )  # fmt: skip
        is_typed = found and found[0].backend in TYPED_BACKENDS and verb is not Verb.DIAGNOSTICS
        return found[1].describe(order) if found and is_typed else None

    return describe


def propose_allow_list(settings: Settings) -> str:
    """Return an `executor.yaml` for the inventory and the engines that answer; only looking is switched on."""
    desired, _ = read_desired(settings)
    plan, contexts = read_plan(settings), find_contexts()
    nodes: dict[str, dict[str, Runs]] = {}
    rows = desired.services.filter("is_monitored").select("node", "service", "deployment_model").sort("node", "service")
    for node, service, model in rows.iter_rows():
        nodes.setdefault(node, {})[service] = Runs(model, **_find_runs(plan, node, service))
    named = [plan.nodes.get(node, NodePlan(node=node)) for node in nodes]
    with ThreadPoolExecutor() as pool:  # one that does not answer takes ten seconds
        reached = pool.map(lambda node: _find_context(node, contexts), named)
    return propose(
        Place(node.node, nodes[node.node], context, node.is_here) for node, context in zip(named, reached, strict=True)
    )


def _find_runs(plan: Plan, node: str, service: str) -> dict[str, str]:
    """Return how the inventory says that a service runs."""
    rows = plan.selectors.filter(pl.col("node") == node, pl.col("service") == service)
    found: dict[str, str] = {}
    for kind, value, part in rows.select("kind", "value", "part").iter_rows():
        if kind != SelectorKind.PROBE:
            found.setdefault(str(kind), value)
        if part is not None:
            found.setdefault("part", part)
    return found


def _find_context(node: NodePlan, contexts: frozenset[str]) -> str | None:
    """Return how a node's engine is reached from here: a docker context of its name, or as the observer reaches it."""
    if node.node in contexts:
        return node.node
    if node.is_here and "default" in contexts:
        return "local"
    addresses = (f"ssh://{node.node}",) if node.addresses is None else node.addresses
    over_ssh = [address for address in addresses if address.startswith("ssh://")]
    return next((address for address in over_ssh if answers(address)), None)


def sweep_outputs(place: ActionPlace, keep: timedelta) -> None:
    """Remove what steps printed longer ago than that."""
    oldest = time.time() - keep.total_seconds()
    with suppress(OSError):
        for path in place.outputs.glob("*.txt"):
            if path.lstat().st_mtime < oldest:
                path.unlink()


def _make_flow() -> "Flow[..., Any]":
    from prefect import get_run_logger

    from flows.orchestration.own_flow import flow
    from flows.orchestration.parameters import ParameterPath, refuse_in_deployment

    @flow(name="act", retries=0)
    def act(config: ParameterPath | None = None) -> list[str]:
        """Start what may be started, once; which is never done twice, however often the flow is run."""
        logger = get_run_logger()
        refuse_in_deployment("config", config)
        settings = load_settings({}, config).settings
        done = act_once(
            settings, lambda one: logger.info("%s/%s: %s", one.decision.node, one.decision.service, one.said)
        )
        return [f"{one.decision.node}/{one.decision.service}: {one.said}" for one in done]

    return act


def __getattr__(name: str) -> Any:
    if name == "act":
        globals()["act"] = _make_flow()
        return globals()["act"]
    raise AttributeError(name)
