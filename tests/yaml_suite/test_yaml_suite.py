"""The YAML test suite: the strict reader says what a document means, or refuses it; the fast one agrees, or is silent."""

import json
import textwrap
from pathlib import Path

import pytest
import yaml

from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml, to_plain
from flows.sources.inventory.services_file import parse_services
from schemas.limits import Limits
from tests.sources.test_plain_services import as_parsed

LIMITS = Limits()
CASES = [json.loads(line) for line in (Path(__file__).parent / "cases.jsonl").read_text().splitlines()]
MEANT = [case for case in CASES if case.get("json")]
PYYAML_DIFFERS = {"652Z": {"foo": "bar", "bar": 42}, "HM87-2": [{"x": None}], "L24T-2": {"foo": "x\n "}}
"""A `?` without a space, and an end without a line end: PyYAML, which is the reference here, reads them so."""


def strictly(text):
    try:
        return to_plain(parse_yaml(text.encode(), LIMITS))
    except YamlFaultError:
        return "refused"


def meant(case):
    """Return what the suite says that a document means; None for a stream of none or of several."""
    decoder, text, found = json.JSONDecoder(), case["json"].strip(), []
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].strip()
    return found[0] if len(found) == 1 else None


@pytest.mark.parametrize("case", MEANT, ids=lambda case: case["id"])
def test_a_document_means_what_the_suite_says_or_is_refused(case):
    assert strictly(case["yaml"]) in ("refused", PYYAML_DIFFERS.get(case["id"], meant(case)))


@pytest.mark.parametrize("case", [case for case in CASES if case.get("fail")], ids=lambda case: case["id"])
def test_what_is_not_yaml_is_refused_as_by_pyyaml(case):
    try:
        list(yaml.parse(case["yaml"], Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        assert strictly(case["yaml"]) == "refused"


def test_most_of_the_suite_is_read_not_refused():
    read = [case for case in MEANT if strictly(case["yaml"]) != "refused"]

    assert len(read) > 100


SHAPES = {
    "the whole file": "{}",
    "the services": "services:\n{}",
    "a service": "services:\n  web:\n{}  db:\n",
    "an option": "services:\n  web:\n    runtime:\n{}  db:\n",
    "the dependencies": "services:\n  web:\n    depends_on:\n{}  db:\n",
}
INDENTS = {"the whole file": 0, "the services": 2, "a service": 4, "an option": 6, "the dependencies": 6}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_fast_reader_agrees_on_every_document_or_is_silent(shape):
    for case in CASES:
        inner = textwrap.indent(case["yaml"], " " * INDENTS[shape])
        data = SHAPES[shape].format(inner).encode()

        assert as_parsed(data) in (None, parse_services(data, LIMITS)), case["id"]
