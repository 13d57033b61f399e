"""The state as a small picture for a wiki or a README."""

from flows.text.escape import show

COLORS = {"nominal": "#1d7a58", "reconciling": "#22709a", "degraded": "#8a5f00", "unstable": "#a81b3f"}
STALE = "#5c6373"
LEFT, CHARACTER, PADDING = 44, 7, 10


def draw_badge(state: str | None, *, is_stale: bool) -> str:
    """Return an SVG of `fleet | state`; grey where nothing was judged for long."""
    word = show(state or "unknown") + (" (old)" if is_stale and state else "")
    color = COLORS.get(state or "", STALE) if not is_stale else STALE
    width = len(word) * CHARACTER + 2 * PADDING
    total = LEFT + width
    text = 'font-family="Verdana,sans-serif" font-size="11" fill="#fff"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="20" role="img" aria-label="fleet: {word}">'
        f"<title>fleet: {word}</title>"
        f'<rect width="{total}" height="20" rx="3" fill="#3a4150"/>'
        f'<path d="M{LEFT} 0h{width - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1 -3 3h-{width - 3}z" fill="{color}"/>'
        f'<text x="{PADDING}" y="14" {text}>fleet</text><text x="{LEFT + PADDING}" y="14" {text}>{word}</text></svg>'
    )
