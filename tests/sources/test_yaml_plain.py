"""What a file of plain lines says without a YAML parser is what the strict reader says of it, and nothing else is answered."""

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from flows.sources.formats.settings_file import _SettingsBounds
from flows.sources.formats.yaml_plain import read_plain_mapping
from flows.sources.formats.yaml_strict import parse_yaml, to_plain

PLAIN = """# mine
world_ttl: 15m   # a quarter
state_dir: /var/lib/supervisor
report_unexpected: yes
keep_history: true
notify_per_hour: 0x10
timezone: "Europe/Berlin"
event_log: '~/a # b.log'
limits:
  retries: 3

  # deeper
  deepest:
      ratio: 0.50
      url: http://box:8300/a
  depth: 12
open_after:
actions: null
"""
VALUES = [
    "",
    " 1",
    " 08",
    " 1.5e3",
    " yes",
    " null",
    " ~",
    " -1",
    " a b",
    " a: b",
    " a:",
    " :a",
    " a #b",
    " a#b",
    " 10:30",
    ' "a"',
]
VALUES += [
    " 'it''s'",
    ' "\\n"',
    " [a]",
    " {}",
    " |",
    " *a",
    " &a 1",
    " !!str 1",
    " - a",
    " ...",
    " 9223372036854775808",
    " <<",
    "1",
]
KEYS = ["a", "b", "_c", "true", "a b", "1", "- a", "<<", "é", '"a"', "? a", "---", "#a"]
LINES = st.one_of(
    st.tuples(st.integers(0, 2), st.sampled_from("abcdef"), st.sampled_from(VALUES[:6])),
    st.tuples(st.integers(0, 4), st.sampled_from("abc"), st.sampled_from(VALUES)),
    st.tuples(st.integers(0, 2), st.sampled_from(KEYS), st.sampled_from(VALUES)),
)


def strictly(data):
    root = parse_yaml(data, _SettingsBounds())
    items = root.value if root is not None else {}
    return {key: to_plain(item) for key, item in items.items()}, {key: item.line for key, item in items.items()}


def test_plain_lines_are_read_as_the_strict_reader_does():
    found = read_plain_mapping(PLAIN.encode())

    assert found == strictly(PLAIN.encode())
    assert found[0]["report_unexpected"] == "yes"


@given(st.lists(LINES, max_size=6), st.sampled_from(["\n", "\n\n", "\n# c\n", " # c\n", "\r\n", "\n\t\n"]))
def test_whatever_is_answered_is_what_the_strict_reader_says(lines, end):
    data = end.join(f"{'  ' * indent}{key}:{value}" for indent, key, value in lines).encode()
    found = read_plain_mapping(data)
    event(f"answered: {found is not None}")

    assert found is None or found == strictly(data)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2",
        "- a",
        "a: [b]",
        "a:\n\t- b",
        "a: b\n  c: d",
        " a: 1\nb: 2",
        "a: 'it''s'",
        "a: é",
        "a: null\n  b: 1",
    ],
)
def test_what_has_another_meaning_or_none_is_left_to_the_strict_reader(text):
    assert read_plain_mapping(text.encode("latin-1")) is None
