"""Notes: what is doubtful about what was seen, as sentences."""

from flows.observer.memory import Memory
from flows.observer.plan import Plan

SKEW_NOTE_S = 5.0


def list_notes(memory: Memory, plan: Plan) -> list[str]:
    """Return all that is doubtful now, as sentences."""
    notes = [note for of_node in memory.notes.values() for note in of_node]
    notes += plan.problems
    notes += [
        f"the services of {node} cannot be read: what runs there keeps its last names" for node in plan.unread_nodes
    ]
    notes += _note_skews(memory)
    notes += _note_twins(memory)
    return notes


def _note_skews(memory: Memory) -> list[str]:
    skews = {
        name: node.look.clock_skew_s for name, node in memory.nodes.items() if node.look and node.look.clock_skew_s
    }
    return [f"the clock of {name} differs from ours by {s:+.1f} s" for name, s in skews.items() if abs(s) > SKEW_NOTE_S]


def _note_twins(memory: Memory) -> list[str]:
    """Return a note for each group of nodes that show the same containers; a node may have further engines of its own."""
    nodes_of: dict[str, list[str]] = {}
    for node, ids in sorted(memory.container_ids.items()):
        for container in set(ids):
            nodes_of.setdefault(container, []).append(node)
    twins = sorted({tuple(nodes) for nodes in nodes_of.values() if len(nodes) > 1})
    return [f"{' and '.join(nodes)} reach one engine: they show the same containers" for nodes in twins]
