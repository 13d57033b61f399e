"""The recogniser of plain files says what the strict reader says, or nothing."""

from itertools import accumulate

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from flows.sources.inventory.plain_plan import AMBIGUOUS
from flows.sources.inventory.plain_services import PlainReader
from flows.sources.inventory.services_file import SPECIAL, DependencyRow, ParsedServices, ServiceRow, parse_services
from schemas.limits import Limits
from tests.helpers.mutated import mutated

PLAIN = """\
# the node that runs it all
services:
  web:
    role: app
    exposure: private           # not the world's business
    offline_required: false
    depends_on:
      local: [db, cache]
      external:
        - gate
        - Control-Plane
    runtime:
      config_path: /opt/homelab/config/web
      ports:
        - "80:80"
        - 8080
    monitor: false
  db:
  cache:
    # żeby nie zapomnieć
    enabled: true

    depends_on: [db]
  gate:
    depends_on:
      - db
    labels: {}
    text: hello there, (you)
"""
LIMITS = Limits()


def recognise_services(data: bytes, limits: Limits) -> ParsedServices | None:
    """Return what the recogniser says, in the strict reader's words."""
    reader = PlainReader(limits)
    plain = reader.read(data)
    if plain is None:
        return None
    lines = accumulate((reader.heights[number] for number in plain.numbers), initial=plain.first_line)
    read = [(name, reader.entries[number], line) for name, number, line in zip(*plain[:2], lines, strict=False)]
    services = [ServiceRow(name, *entry[:6], entry.whole, line) for name, entry, line in read]
    declared = [
        DependencyRow(name, one.dependency, one.scope, one.is_completion, line + one.offset)
        for name, entry, line in read
        for one in entry.dependencies
    ]
    return ParsedServices(tuple(services), tuple(declared))


def as_parsed(data: bytes) -> ParsedServices | None:
    return recognise_services(data, LIMITS)


def test_a_plain_file_is_recognised_and_read_as_the_strict_reader_does():
    assert as_parsed(PLAIN.encode()) == parse_services(PLAIN.encode(), LIMITS)


@given(seed=st.integers(0, 2**64))
def test_a_changed_file_is_read_as_the_strict_reader_does_or_left_to_it(seed):
    data = mutated(PLAIN, seed).encode("utf-8", "surrogatepass")

    assert as_parsed(data) in {None, parse_services(data, LIMITS)}


WORDS = [
    *(
        "db",
        "Control-Plane",
        "a.b_c-9",
        "true",
        "false",
        "null",
        "True",
        "FALSE",
        "Null",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "N",
    ),
    *(
        "~",
        "0",
        "01",
        "8080",
        "1.5",
        "1e3",
        "0x1F",
        "-1",
        "1_000",
        "12:30",
        "2024-01-02",
        "=",
        ".5",
        "x:y",
        "a b",
        "a  b",
    ),
    *(
        "/opt/x",
        "/a:/b",
        "a,b",
        "(a)",
        "a@b",
        "a#b",
        "a #b",
        '"q"',
        "'q'",
        '"q',
        "''",
        '"a\\tb"',
        "[]",
        "[a]",
        "[a, B ]",
        "[a,,b]",
    ),
    *(
        "[true]",
        "[a, null]",
        "[1]",
        "[a b]",
        "{}",
        "{a: b}",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
        "- a",
        "é",
        "all",
        "fleet",
        "<<",
    ),
    *("x" * 63, "x" * 64),
]
PLACES = [
    "services:\n  web:\n    role: {}\n",
    "services:\n  web:\n    exposure: {}\n    deployment_model: {}\n",
    "services:\n  web:\n    monitor: {}\n    role: x\n",
    "services:\n  web:\n    enabled: {}\n  db:\n",
    "services:\n  web:\n    depends_on: {}\n",
    "services:\n  web:\n    depends_on:\n      - {}\n      - db\n",
    "services:\n  web:\n    depends_on:\n      local: {}\n      external: [db]\n",
    "services:\n  web:\n    depends_on:\n      external:\n        - {}\n",
    "services:\n  web:\n    runtime:\n      a: {}\n      b:\n        - {}\n    x:\n",
    "services:\n  {}:\n    role: a\n  db:\n",
    "services:\n  web:\n    {}: a\n",
    "services:\n  web:\n    runtime:\n      {}: a\n",
]
"""Where a word can stand; each is read with each word."""


@pytest.mark.parametrize("place", PLACES)
def test_any_word_in_any_place_is_read_as_the_strict_reader_does_or_left_to_it(place):
    taken = 0
    for word in WORDS:
        data = place.replace("{}", word).encode()
        plain = as_parsed(data)
        taken += plain is not None
        assert plain in {None, parse_services(data, LIMITS)}, data

    assert taken >= 2, "the fast way was taken"


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{1,6}", fullmatch=True).filter(
    lambda name: name not in {*SPECIAL, "all", *AMBIGUOUS}
)
VALUES = st.sampled_from(
    ["/opt/x", "app", "true", "false", "8080", "1.5", '"80:80"', "'x y'", "[]", "[a, b]", "{}", "null"]
)
OWN = ["image", "ports_of_it", "a", "zz", "labels", "version"]
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "role": VALUES,
        "exposure": VALUES,
        "deployment_model": VALUES,
        "monitor": st.sampled_from(["true", "false"]),
        "depends_on": st.lists(NAMES, max_size=3, unique=True).map(lambda names: f"[{', '.join(names)}]"),
        "runtime": st.dictionaries(st.sampled_from(OWN), VALUES, min_size=1, max_size=3),
        "hosts": st.lists(VALUES, min_size=1, max_size=3),
        **dict.fromkeys(OWN, VALUES),
    },
)


def write(services):
    lines = ["services:"]
    for name, options in services.items():
        lines.append(f"  {name}:")
        for key, value in options.items():
            lines.append(f"    {key}:" + (f" {value}" if isinstance(value, str) else ""))
            if isinstance(value, dict):
                lines += [f"      {inner}: {text}" for inner, text in value.items()]
            if isinstance(value, list):
                lines += [f"      - {text}" for text in value]
    return "\n".join(lines) + "\n"


@given(services=st.dictionaries(NAMES, OPTIONS, min_size=1, max_size=4))
def test_every_file_of_the_plain_shape_is_taken_and_read_as_the_strict_reader_does(services):
    data = write(services).encode()
    plain = as_parsed(data)

    event(f"{len(services)} services")
    assert plain is not None, data
    assert plain == parse_services(data, LIMITS)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("  web:\n    role: a\n      b\n", id="a value goes on in the next line"),
        pytest.param("  web:\n    role: a\n    role: b\n", id="a key comes twice"),
        pytest.param("  web:\n    runtime:\n      a: 1\n      a: 2\n", id="a nested key comes twice"),
        pytest.param("  web:\n  web:\n", id="a service comes twice"),
        pytest.param("  web:\n    monitor: no\n", id="a word that versions of YAML read differently"),
        pytest.param("  web:\n    monitor: 'false'\n", id="text in place of a switch"),
        pytest.param("  web:\n    monitored: false\n", id="a misspelt key"),
        pytest.param("  web:\n\trole: a\n", id="a tab"),
        pytest.param("  web: &a\n    role: a\n", id="an anchor"),
        pytest.param("  web:\n    <<: *a\n", id="a merge key"),
        pytest.param("  web:\n    role: |\n      a\n", id="a block text"),
        pytest.param("  web:\n    role: a: b\n", id="a colon in a value"),
        pytest.param("  web:\n    depends_on: [a, [b]]\n", id="a list in a list"),
        pytest.param("  web:\n    depends_on: [all]\n", id="a reserved name"),
        pytest.param("  web:\n    depends_on:\n      lokal: [db]\n", id="an unknown scope"),
        pytest.param("  web:\n    depends_on: db\n", id="a dependency that is no list"),
        pytest.param("  web:\n    - a\n", id="a list in place of options"),
        pytest.param("  web:\n   role: a\n", id="three spaces"),
        pytest.param("  web:\n        role: a\n", id="two levels at once"),
        pytest.param("  web:\n    - a\n    role: a\n", id="a list that turns into a mapping"),
        pytest.param("  web:\n    role:a\n", id="no space behind the colon"),
        pytest.param("  web:\n    size: 0x1F\n", id="a number in another base"),
        pytest.param("  web:\n    role: a\n...\n", id="an end of the document"),
        pytest.param("  web:\n    role: a\nother: b\n", id="another key at the top"),
        pytest.param("", id="no service"),
    ],
)
def test_what_is_not_plain_is_left_to_the_strict_reader(lines):
    assert recognise_services(f"services:\n{lines}".encode(), LIMITS) is None


@pytest.mark.parametrize(
    "limits", [Limits(max_yaml_nodes=10), Limits(max_name_length=3), Limits(max_yaml_depth=5)], ids=str
)
def test_what_may_be_over_a_limit_is_left_to_the_strict_reader(limits):
    assert recognise_services(PLAIN.encode(), limits) is None


@pytest.mark.parametrize("key", SPECIAL)
def test_what_needs_more_than_a_line_to_understand_is_left_to_the_strict_reader(key):
    assert recognise_services(f"services:\n  web:\n    {key}: a\n".encode(), LIMITS) is None
