"""How much is tried: little each time, more before a change lands (`HYPOTHESIS_PROFILE=thorough`)."""

import os

IS_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def few_or(many: int, few: int) -> int:
    """Return how many of something a sweep tries."""
    return many if IS_THOROUGH else few
