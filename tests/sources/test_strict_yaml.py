"""YAML: what an operator wrote is what is read, or it is refused with its place."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flows.errors import SettingsError
from flows.sources.formats import yaml_strict as strict_yaml
from flows.sources.formats.settings_file import read_settings_file
from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml, to_plain
from schemas.limits import Limits

LIMITS = Limits()


def read(text):
    return to_plain(parse_yaml(text if isinstance(text, bytes) else text.encode(), LIMITS))


def faults(text):
    with pytest.raises(YamlFaultError) as raised:
        read(text)
    return str(raised.value)


@pytest.mark.parametrize(
    "word",
    ["no", "off", "on", "y", "22:22", "12:30:45", "2024-01-02", "2024-13-45", "1_000", ".nan", ".inf", "=", "0x_"],
)
def test_a_word_stays_the_text_that_was_written(word):
    assert read(f"key: {word}") == {"key": word}


@pytest.mark.parametrize(
    ("written", "value"),
    [("0755", 755), ("0o755", 0o755), ("0x1F", 31), ("08", 8), ("1e3", 1000.0), (".5", 0.5), ("-1", -1), ("~", None),
     ("True", True), ("FALSE", False), ("", None), ("'true'", "true"), ('"5"', "5"), ("|\n  a", "a")],
)  # fmt: skip
def test_scalars_follow_the_core_schema_of_yaml_1_2(written, value):
    assert read(f"key: {written}") == {"key": value}


def test_a_plain_key_is_its_text():
    assert read("on: 1\n1.0: 2\n1: 3\ntrue: 4\n22:22: 5") == {"on": 1, "1.0": 2, "1": 3, "true": 4, "22:22": 5}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "services:\n  - name: web\n    ports: [22:22", "4:1: did not find expected ','", id="unclosed list"
        ),
        pytest.param("a: 1\n---\nb: 2", "2:1: more than one document", id="two documents"),
        pytest.param("a: 1\nb: 2\na: 3", "3:1: the key 'a' comes twice, first in line 1", id="duplicate key"),
        pytest.param("? [a, b]\n: 1", "1:3: a key must be text", id="list as key"),
        pytest.param("{{a: 1}: 2}", "1:2: a key must be text", id="mapping as key"),
        pytest.param("a: &x {b: *x}", "1:4: anchors are not read", id="recursive anchor"),
        pytest.param("a: *x", "1:4: aliases are not read", id="alias"),
        pytest.param("<<: {a: 1}", "1:1: merge keys are not read", id="merge key"),
        pytest.param("a: !Ref x", "1:4: the tag '!Ref' is not read", id="unknown tag"),
        pytest.param("a: !!binary eA==", "binary' is not read", id="binary"),
        pytest.param("!!python/object/apply:os.system ['id']", "1:1: the tag", id="a call"),
        pytest.param("a:\n\tb: 1", "2:1: a tab cannot indent", id="tab"),
        pytest.param(b"name: caf\xe9", "1:10: not UTF-8: the byte at offset 9", id="latin-1"),
        pytest.param("a: b".encode("utf-16"), "1:1: UTF-16, not UTF-8", id="UTF-16"),
        pytest.param("a: 1\nb: x\x00", "2:5: the control character '\\x00'", id="NUL"),
        pytest.param("a: \x1b[2J", "1:4: the control character '\\x1b'", id="ESC"),
        pytest.param('a: "\\e[31m"', "1:4: a control character", id="escaped ESC"),
        pytest.param('a: "\\ud800"', "1:7: found invalid Unicode", id="lone surrogate"),
        pytest.param("a: " + "9" * 5000, "1:4: the number is outside", id="5000 digits"),
        pytest.param("a: 99999999999999999999", "1:4: the number is outside", id="beyond 64 bits"),
        pytest.param("a: 1e999", "1:4: the number is too large", id="infinite"),
        pytest.param("[" * 100_000, "1:41: nested deeper than 40 levels", id="100,000 brackets"),
        pytest.param("- " * 100_000, "1:81: nested deeper than 40 levels", id="100,000 dashes"),
    ],
)
def test_what_yaml_would_guess_at_is_refused_with_its_place(text, told):
    assert told in faults(text)


def test_every_duplicate_of_a_file_is_named_at_once():
    assert faults("a: 1\na: 2\nb: 1\nb: 2").count("comes twice") == 2


def test_a_fault_never_tells_the_source_line():
    assert "hunter2" not in faults('password: "hunter2')


@pytest.mark.parametrize("text", ["a: 1\r\nb: [2]\r\n", "\ufeffa: 1\nb: [2]\n", "a: 1\rb: [2]"])
def test_line_ends_and_a_byte_order_mark_make_no_difference(text):
    assert read(text) == {"a": 1, "b": [2]}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n...\n"])
def test_a_file_without_content_holds_nothing(text):
    assert read(text) is None


def test_an_alias_bomb_is_refused_before_it_expands():
    levels = "\n".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 10))
    begun = time.monotonic()

    assert "anchors" in faults(f"l0: &l0 [a]\n{levels}")
    assert time.monotonic() - begun < 1


def test_more_values_than_the_limit_are_refused():
    with pytest.raises(YamlFaultError, match="more than 10 values"):
        parse_yaml(b"[" + b"a, " * 20 + b"]", Limits(max_yaml_nodes=10))


def test_every_value_knows_its_place():
    root = parse_yaml(b"a:\n  b: [x,\n    y]\n", LIMITS)

    assert root is not None
    assert isinstance(root.value, dict)
    assert isinstance(root.value["a"].value, dict)
    listed = root.value["a"].value["b"]
    assert (listed.line, listed.column) == (2, 3)
    assert [(item.line, item.column) for item in listed.value] == [(2, 7), (3, 5)]


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc-é ", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_what_a_yaml_writer_writes_is_read_back(value):
    assert read(yaml.dump(value, default_flow_style=False, allow_unicode=True, Dumper=yaml.SafeDumper)) == value


@given(st.one_of(st.binary(), st.text("[]{}:-,&*!'\"\n\t#|>?% ab1\x00é", max_size=60).map(str.encode)))
def test_any_bytes_give_a_value_or_a_fault_with_either_parser(data):
    def outcome(loader):
        patch.setattr(strict_yaml, "LOADER", loader)
        try:
            return read(data)
        except YamlFaultError as error:
            return bool(error.faults)

    with pytest.MonkeyPatch.context() as patch:
        fast, pure = outcome(yaml.CSafeLoader), outcome(yaml.SafeLoader)

    assert type(fast) is type(pure) or bool in {type(fast), type(pure)}


def test_a_settings_file_gives_values_and_lines(tmp_path):
    file = tmp_path / "supervisor.yaml"
    file.write_text("# mine\nworld_ttl: 15m\nnode_alias_map:\n  node-2: chelsty\n")

    assert read_settings_file(file) == (
        {"world_ttl": "15m", "node_alias_map": {"node-2": "chelsty"}},
        {"world_ttl": 2, "node_alias_map": 3},
    )


@pytest.mark.parametrize(
    ("text", "told"), [("a: 1\na: 2", ":2:1: the key 'a' comes twice"), ("- a", ":1: expected settings")]
)
def test_a_faulty_settings_file_is_named_with_the_line(tmp_path, text, told):
    file = tmp_path / "supervisor.yaml"
    file.write_text(text)

    with pytest.raises(SettingsError, match="supervisor.yaml" + told):
        read_settings_file(file)
