"""Ages as an operator says them; imports nothing heavy."""


def spoken(age_s: float) -> str:
    """Return an age as an operator says it."""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if age_s < limit:
            return f"{max(age_s, 0) // size:.0f} {unit}"
    return f"{age_s // 86_400:.0f} d"
