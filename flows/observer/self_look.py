"""A look at this host alone, as a part that another host takes."""

import socket

from flows.errors import InventoryError
from flows.observer.looker import NodeLooker
from flows.observer.node_plan import NodePlan
from flows.observer.parts import make_part
from flows.observer.plan import read_plan
from flows.settings import Settings
from flows.sources.names import normalize_name
from schemas.look_words import SelectorKind


async def look_at_self(settings: Settings, node: str | None) -> bytes:
    """Return this host's part: by what the inventory says of it, where there is one, else of the engine found here."""
    name = normalize_name(node or socket.gethostname().partition(".")[0])
    plan, units = NodePlan(node=name, is_here=True), ()
    try:
        whole = read_plan(settings)
    except InventoryError:
        whole = None
    if whole is not None and name in whole.nodes:
        asked = whole.nodes[name]
        # What another host calls this one by is no way to it from here.
        plan = NodePlan(**{**asked.__dict__, "part": None, "is_here": True, "addresses": _local(asked.addresses)})
        rows = whole.selectors.filter(node=name, kind=SelectorKind.UNIT)
        units = tuple(sorted(set(rows["value"])))
    looker = NodeLooker(plan, units, ())
    try:
        return make_part(await looker.look())
    finally:
        await looker.close()


def _local(addresses: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the addresses that hold on this host; None, so that the default holds, where none does."""
    here = tuple(text for text in addresses or () if text.startswith("unix://"))
    return here or (None if addresses is None or addresses else ())
