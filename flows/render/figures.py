"""The report's picture of what explains what, as numbers: where each pill, curve and label of an SVG goes."""

from typing import Any

from flows.text.spoken import spoken_name
from schemas.words import ALL

Shape = dict[str, Any]
MOST_CAUSE, MOST_END = 17, 20
"""Characters that a pill has room for; a cause's are bold."""
CAUSE_ROW, CAUSE_WIDTH, CAUSE_PILL = 32, 360, 150


def draw_causes(causes: list[tuple[str, list[tuple[str, str]]]]) -> list[Shape]:
    """Return a picture for each root cause: its name at the left, a curve to each target that it explains."""
    pictures = []
    for cause, names in causes:
        shown = names[:12]
        height = CAUSE_ROW * max(len(shown), 1)
        middle = height / 2
        ends = []
        for place, (name, how) in enumerate(shown):
            y = CAUSE_ROW * place + CAUSE_ROW / 2
            left, right = CAUSE_PILL, CAUSE_WIDTH - CAUSE_PILL
            bend = (left + right) / 2
            path = f"M{left} {middle} C{bend} {middle} {bend} {y} {right} {y}"
            ends.append(
                {
                    "name": _fit(_shorten(name, cause), MOST_END),
                    "whole": spoken_name(name),
                    "how": how,
                    "y": y,
                    "path": path,
                }
            )
        more = len(names) - len(shown)
        pictures.append(
            {
                "name": _fit(spoken_name(cause), MOST_CAUSE),
                "whole": spoken_name(cause),
                "middle": middle,
                "height": height,
                "ends": ends,
                "more": more,
            }
        )
    return pictures


def _shorten(name: str, cause: str) -> str:
    """Return a target beside its cause: by its service alone where the cause is its whole node, which is named there."""
    node, _, service = name.partition("/")
    return service if cause == f"{node}/{ALL}" else spoken_name(name)


def _fit(name: str, most: int) -> str:
    """Return a name that a pill has room for; its middle tells it least from others."""
    tail = most // 2
    return name if len(name) <= most else f"{name[: most - tail - 1]}…{name[-tail:]}"
