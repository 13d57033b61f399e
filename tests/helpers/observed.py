"""Values of the observer for tests: a test states only what it is about."""

from typing import Any

from schemas.episode import Target
from schemas.look_words import TRIGGERS, WORST_FIRST, WordClass
from schemas.observed import Container, NodeLook, Service, Sighting, Slot

WEB = Target("piha", "web")


def look(at: float, **fields: Any) -> NodeLook:
    """Return a good look at piha, unless a field says otherwise."""
    return NodeLook(node="piha", ended_at=at, **fields)


def service(at: float = 0.0, *, word: str = "healthy", ids: str = "a", image: str = "i1", **fields: Any) -> Service:
    """Return piha's web as a look at that moment shows it: a slot for each letter of `ids`."""
    word_class = fields.pop("word_class", WordClass.BAD if word in WORST_FIRST else WordClass.GOOD)
    slots = {f"web/{number}": Slot(letter, image, fields.get("config")) for number, letter in enumerate(ids)}
    fields.pop("config", None)
    is_bad = word_class is WordClass.BAD
    parts = tuple(Container(id=one, name=f"web-{one}", part="web", state="x", word=word, is_bad=is_bad) for one in ids)
    filled: dict[str, Any] = {
        "containers": parts,
        "slots": slots,
        "sources": ("docker",),
        "since": at,
        "last_seen": at,
    } | fields
    status = "starting" if word_class is WordClass.SETTLING else word
    return Service(node="piha", service="web", status=status, word=word, word_class=word_class, **filled)


def sighting(word: str, target: Target = WEB) -> Sighting:
    """Return what a look says of a target."""
    word_class = {"starting": WordClass.SETTLING, "healthy": WordClass.GOOD}.get(word, WordClass.BAD)
    return Sighting(
        target=target, word=word, word_class=word_class, trigger_type=TRIGGERS.get(word, ""), severity="error"
    )
