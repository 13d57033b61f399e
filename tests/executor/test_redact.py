"""Output without secrets, and without what moves a terminal."""

import time

import pytest

from flows.executor.redact import decode_output, pick_line, redact


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        pytest.param("password=hunter2", "hunter2", id="assigned"),
        pytest.param(f"password:{' ' * 20}hunter2", "hunter2", id="far away, as in a table"),
        pytest.param(f"token_{'of_the_long_name' * 8}=hunter2", "hunter2", id="of a long name"),
        pytest.param("key== hunter2", "hunter2", id="assigned twice"),
        pytest.param("https://joe:p@ss@host/x", "ss", id="an address with an at sign in the password"),
        pytest.param("the-eyJhbGciOi.eyJzdWIi.sig_1", "eyJzdWIi", id="a token behind a dash"),
        pytest.param('{"api_token": "abc123"}', "abc123", id="in JSON"),
        pytest.param("Authorization: Bearer abc.def", "abc.def", id="a header"),
        pytest.param("https://joe:pw@host/x", "joe:pw", id="an address"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nqq==\n-----END RSA PRIVATE KEY-----", "MIIE", id="a key"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nqq==", "qq==", id="a key that was cut"),
        pytest.param("got eyJhbGciOi.eyJzdWIi.sig_1", "eyJzdWIi", id="a token"),
        pytest.param("the value s3cr3t and", "s3cr3t", id="known"),
    ],
)
def test_what_is_or_looks_like_a_secret_is_hidden(text, hidden):
    assert hidden not in redact(text, {"DEPLOY_TOKEN": "s3cr3t"})


def test_a_known_secret_leaves_its_name():
    assert redact("a s3cr3t b", {"DEPLOY_TOKEN": "s3cr3t"}) == "a «DEPLOY_TOKEN» b"


def test_the_longer_of_two_secrets_goes_first():
    assert "tail" not in redact("abctail", {"A": "abc", "B": "abctail"})


def test_plain_words_stay():
    assert redact("container web restarted in 3 s", {}) == "container web restarted in 3 s"


def test_control_characters_become_visible():
    assert "\x1b" not in decode_output(b"\x1b[31mred\x1b[0m\xff\n", {})


@pytest.mark.parametrize(
    "text",
    ["passtoken" * 8000, f"key={' ' * 60_000}", "eyJ-" * 16_000, "a+" * 30_000, "key:" * 16_000],
    ids=lambda text: text[:5],
)
def test_long_rows_of_what_begins_like_a_secret_take_no_time(text):
    begun = time.process_time()
    redact(text, {})

    assert time.process_time() - begun < 2


def test_the_line_that_is_kept_is_the_last_with_something_in_it():
    assert pick_line("one\ntwo\n\n") == "two"
    assert pick_line("\n") is None
    assert len(pick_line("x" * 900)) == 200


def test_the_end_of_a_secret_whose_beginning_was_cut_off_is_not_kept():
    cut = b"t-value\nall is well\n"

    assert decode_output(cut, {"DEPLOY_TOKEN": "s3cr3t-value"}, is_cut=True) == "all is well"
    assert decode_output(cut, {}) == "t-value\nall is well"


def test_a_key_whose_beginning_was_cut_off_is_not_kept():
    cut = b"MIIEvQ\nqqqq+/8=\nzzz\n-----END PRIVATE KEY-----\nall is well"

    assert decode_output(cut, {}, is_cut=True) == "«pem»\nall is well"


def test_of_one_long_line_all_is_kept_but_its_first_word():
    long = b"ue\tthe key is: s3cr3t-value and " + b"x" * 20_000

    assert decode_output(long, {"DEPLOY_TOKEN": "s3cr3t-value"}, is_cut=True) == (
        "\\tthe key is: «DEPLOY_TOKEN» and " + "x" * 20_000
    )


def test_the_end_of_a_secret_of_several_words_at_the_cut_is_not_kept():
    long = b"horse battery and then " + b"x" * 20_000

    assert decode_output(long, {"DEPLOY_TOKEN": "correct horse battery"}, is_cut=True).startswith(" and then x")
