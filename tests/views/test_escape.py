"""Foreign text in Markdown: no renderer makes a link, a mention or a reference of it."""

import re
import unicodedata

import pytest

from flows.text.escape import markdown

# What GitHub, GitLab and Gitea look for in the text that is shown, after every escape and entity.
LIVE = re.compile(r"(?:https?|ftp)://|www\.\w|(?<!\w)[@#!]\w|\w@\w", re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    [
        "see https://evil.example/x",
        "HTTP://EVIL.example",
        "ftp://evil.example",
        "www.evil.example and WWW.evil.example",
        "ask @everyone or @org/team",
        "mail root@evil.example",
        "fixes #1, closes org/repo#2, !3",
    ],
)
def test_an_address_a_mention_and_a_reference_are_dead_in_markdown(text):
    shown = re.sub(r"\\([^\w\s])", r"\1", markdown(text))

    assert LIVE.search(text)
    assert not LIVE.search(shown)
    assert unicodedata.normalize("NFKC", shown) == text
