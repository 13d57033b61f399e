"""What a target lacks to be repaired by itself, as people read it: one wording for every screen and the page."""

from flows.text.spoken import said

_LACKS = {
    "automation": "automation",
    "rule": "a rule that lets it run",
    "executor_line": "a line in executor.yaml",
    "executor_running": "a running executor",
    "operator": "an operator who may say yes",
}


def say_lack(name: str) -> str:
    """Return what lacks, by the word that documents have for it; a guard's own name says what it refuses."""
    return _LACKS.get(name) or said(name)
