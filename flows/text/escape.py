"""Foreign text made safe for where it goes: a terminal, Markdown, a message, a CSV cell."""

import re
import unicodedata

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#|!~&$])")
_LIVE = re.compile(r"[@#!](?=\w)|(?<=:)//|(?<=www)\.", re.IGNORECASE)
_DEAD = str.maketrans("@#!/.", "\uff20\uff03\uff01\uff0f\uff0e")
_ALIKE = str.maketrans("@<>[]`", "\uff20\u2039\u203a\uff3b\uff3d\u02cb")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def show(text: object, limit: int = 500) -> str:
    """Return the text with control, bidirectional and other invisible characters written as escapes, and cut."""
    shown = "".join(_escape(character) for character in str(text)[: limit + 1])
    return shown if len(str(text)) <= limit else shown[:limit] + "…"


def show_line(text: object, limit: int = 2000) -> str:
    """Return a text of several lines, such as several faults of one thing, made safe and on one line."""
    return show("; ".join(line.strip() for line in str(text).splitlines()), limit)


def show_lines(text: object, limit: int = 5000) -> str:
    """Return the text with each of its lines made safe, and its line ends kept."""
    return "\n".join(show(line, limit) for line in str(text).splitlines())


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _INVISIBLE:
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def markdown(text: object) -> str:
    """Return the text so that Markdown shows it literally, on one line: no markup, link, mention, tag or table cell.

    Addresses and mentions are found in the text that is shown, whatever was escaped; a letter that looks alike leaves
    them readable, and dead.
    """
    return (
        _MARKDOWN.sub(r"\\\1", _LIVE.sub(lambda found: found[0].translate(_DEAD), show(text)))
        .replace("\\<", "&lt;")
        .replace("\\>", "&gt;")
        .replace("\\&", "&amp;")
    )


def message(text: object) -> str:
    """Return the text so that no chat service takes a part of it for a mention, a link's text, code or a tag."""
    return show(text).translate(_ALIKE)


def csv_cell(text: object) -> str:
    """Return the text so that a spreadsheet takes it for text, not for a formula."""
    shown = show(text)
    return f"'{shown}" if str(text).startswith(_FORMULA) else shown
