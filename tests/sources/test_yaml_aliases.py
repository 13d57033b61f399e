"""Anchors, aliases and merge keys are read within a bound, which is kept before anything is written out."""

import time

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from flows.sources.formats.yaml_strict import YamlFaultError, parse_yaml, to_plain
from schemas.limits import Limits

LIMITS = Limits()


def read(text, limits=LIMITS):
    return to_plain(parse_yaml(text.encode(), limits, with_aliases=True))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("a: &x [1, 2]\nb: *x\n", {"a": [1, 2], "b": [1, 2]}, id="a list"),
        pytest.param("a: &x no\nb: *x\n", {"a": "no", "b": "no"}, id="a word"),
        pytest.param("&k a: 1\nb: *k\n", {"a": 1, "b": "a"}, id="a key"),
        pytest.param("a: &x {p: 1}\nb: {<<: *x, q: 2}\n", {"a": {"p": 1}, "b": {"q": 2, "p": 1}}, id="a merge key"),
        pytest.param("a: &x {p: 1}\nb: {<<: *x, p: 2}\n", {"a": {"p": 1}, "b": {"p": 2}}, id="the own key wins"),
        pytest.param(
            "a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {<<: [*x, *y]}\n",
            {"a": {"p": 1}, "b": {"p": 2, "q": 2}, "c": {"p": 1, "q": 2}},
            id="the first of several wins",
        ),
        pytest.param(
            "a: &x {p: 1}\nb: &y {<<: *x, q: 2}\nc: {<<: *y}\n",
            {"a": {"p": 1}, "b": {"q": 2, "p": 1}, "c": {"q": 2, "p": 1}},
            id="a merge of a merge",
        ),
        pytest.param("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}, id="the anchor before it counts"),
        pytest.param('a: {"<<": 1}\n', {"a": {"<<": 1}}, id="a quoted key is no merge key"),
    ],
)
def test_aliases_and_merge_keys_stand_for_what_they_name(text, value):
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &x {b: *x}\n", "is a part of"),
        ("a: *x\n", "nothing before it"),
        ("a: 1\n<<: 2\n", "expected an alias of a mapping"),
        ("a: &x {p: 1}\nb: {<<: *x, <<: *x}\n", "comes twice"),
        ("a: &x k\n*x : 1\n", "a key must be text"),
        ("a: &x !t 1\n", "the tag"),
    ],
)
def test_what_stands_for_nothing_clear_is_refused(text, problem):
    with pytest.raises(YamlFaultError, match=problem):
        read(text)


def test_aliases_are_read_up_to_ten_times_the_values_as_written():
    def repeated(count):
        return "a: &x [" + ",".join("1" * 40) + "]\nb: [" + ",".join(["*x"] * count) + "]\n"

    assert len(read(repeated(12))["b"]) == 12
    with pytest.raises(YamlFaultError, match="its aliases make 56 values, written out 576; at most 560 are read"):
        read(repeated(13))


def test_written_out_it_keeps_to_the_limit_of_values():
    text = "a: &x [1, 2, 3, 4, 5]\nb: [*x, *x]\n"

    assert read(text, Limits(max_yaml_nodes=20))
    with pytest.raises(YamlFaultError, match="at most 15 are read"):
        read(text, Limits(max_yaml_nodes=15))


def test_an_alias_does_not_hide_depth():
    text = "a: &x [[[1]]]\nb: [[*x]]\n"

    assert read(text, Limits(max_yaml_depth=6))
    with pytest.raises(YamlFaultError, match="nested deeper than 5 levels"):
        read(text, Limits(max_yaml_depth=5))


def bomb(levels, width, form):
    """Return a file whose every level holds the level before many times, in lists or by merge keys."""
    lines = ["l0: &l0 {" + ", ".join(f"k{n}: 1" for n in range(width)) + "}"]
    for level in range(1, levels):
        before = ", ".join([f"*l{level - 1}"] * width)
        lines.append(f"l{level}: &l{level} " + ("{<<: [" + before + "]}" if form == "merge" else f"[{before}]"))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("form", ["list", "merge"])
@pytest.mark.parametrize(("levels", "width"), [(9, 9), (30, 10), (35, 300)])
def test_what_multiplies_at_every_level_is_refused_at_once(form, levels, width):
    begin = time.process_time()
    with pytest.raises(YamlFaultError, match="its aliases make|nested deeper"):
        read(bomb(levels, width, form))

    assert time.process_time() - begin < 10


@given(st.recursive(st.sampled_from(["1", "x", "*a", "*b"]), lambda inner: st.one_of(
    st.lists(inner, max_size=4).map(lambda items: "[" + ", ".join(items) + "]"),
    st.dictionaries(st.sampled_from(["p", "q", "<<"]), inner, max_size=3).map(
        lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"),
), max_leaves=12), st.sampled_from(["{p: 1, q: [2, 3]}", "[1]", "7"]))  # fmt: skip
def test_what_is_read_has_no_more_values_than_are_allowed(tree, first):
    text = f"one: &a {first}\ntwo: &b {{r: *a}}\nthree: {tree}\n"

    def count(value):
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + sum(map(count, inner))

    try:
        value = read(text)
    except YamlFaultError:
        event("refused")
        return
    event("read, with a merge" if "<<" in tree else "read")
    assert count(value) <= 10 * (text.count(":") + text.count(",") + text.count("[") + 3)
