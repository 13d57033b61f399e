"""The report's picture of what explains what, as numbers: where each pill, curve and label of an SVG goes."""

from typing import Any

Shape = dict[str, Any]
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
            ends.append({"name": _fit(name), "whole": name, "how": how, "y": y, "path": path})
        more = len(names) - len(shown)
        pictures.append(
            {"name": _fit(cause), "whole": cause, "middle": middle, "height": height, "ends": ends, "more": more}
        )
    return pictures


def _fit(name: str, most: int = 21) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
