"""Who may do what on the page, and what becomes of those who try more."""

import html
import json
import re

import pytest

from flows.run.cycle import run_once
from tests.helpers.paged import DEED, find_csrf, settings_of, sign_in

pytestmark = pytest.mark.wide


def acknowledged(folder):
    file = folder / "state/acknowledgements.json"
    return json.loads(file.read_text())["acknowledgements"] if file.exists() else []


def test_nobody_acts_without_signing_in(newcomer, quiet_folder):
    answer = newcomer.post("/do/ack", data={"csrf": "x", **DEED})

    back = "/sign-in?to=%2Fdo%2Fack%3Ftarget%3Dpiha%252Fdb"
    assert (answer.status_code, answer.headers["location"]) == (303, back)
    assert acknowledged(quiet_folder) == []


def test_who_is_signed_in_acknowledges_through_the_command(open_page, folder):
    run_once(settings_of(folder))
    client = open_page()

    answer = client.post("/do/ack", data={"csrf": sign_in(client, folder / "state"), **DEED})

    assert answer.status_code == 200, answer.text
    (row,) = acknowledged(folder)
    assert (row["node"], row["service"], row["reason"]) == ("piha", "db", "because")


@pytest.mark.parametrize("csrf", ["x", "x" * 43])
def test_a_form_of_another_page_does_nothing(newcomer, quiet_folder, csrf):
    sign_in(newcomer, quiet_folder / "state")

    assert newcomer.post("/do/ack", data={"csrf": csrf, **DEED}).status_code == 403
    assert acknowledged(quiet_folder) == []


NOTHING = (
    {"target": "--help"},
    {"target": "piha/db;reboot"},
    {"target": "../../etc"},
    {"reason": "x"},
    {"reason": "two\nlines"},
    {"until": "--state-dir=/"},
)


def test_what_is_no_target_reason_or_moment_reaches_no_command(newcomer, quiet_folder):
    csrf = sign_in(newcomer, quiet_folder / "state")

    for field in NOTHING:
        assert newcomer.post("/do/ack", data={"csrf": csrf, **DEED, **field}).status_code == 422, field
    assert acknowledged(quiet_folder) == []


def test_a_session_that_was_ended_is_no_session(newcomer, quiet_folder):
    csrf = sign_in(newcomer, quiet_folder / "state")
    token = newcomer.cookies["supervisor_session"]

    newcomer.post("/sign-out", data={"csrf": csrf})

    answer = newcomer.get("/do/ack", headers={"cookie": f"supervisor_session={token}"})
    assert answer.headers["location"].startswith("/sign-in?")


def test_guessing_is_slowed_down(open_page, folder):
    client = open_page()

    codes = [client.post("/sign-in", data={"password": f"guess {n}"}).status_code for n in range(7)]
    right = client.post("/sign-in", data={"password": (folder / "state/web/password").read_text().strip()})

    assert codes == [401] * 5 + [429] * 2
    assert right.status_code == 429


def test_the_password_is_its_owners_alone(open_page, folder):
    open_page()

    file = folder / "state/web/password"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().strip()) >= 20


@pytest.mark.parametrize(
    ("host", "code"),
    [("localhost:8300", 200), ("evil.example", 421), ("localhost.evil.example", 421), ("@", 421)],
)
def test_a_name_that_is_not_ours_is_not_answered(newcomer, host, code):
    assert newcomer.get("/", headers={"host": host}).status_code == code


def test_a_name_of_the_settings_is_ours(open_page):
    client = open_page(hosts=["fleet.example.net"])

    assert client.get("/sign-in", headers={"host": "fleet.example.net"}).status_code == 200


def test_what_another_page_sends_is_refused(newcomer, quiet_folder):
    form = {"csrf": sign_in(newcomer, quiet_folder / "state"), **DEED}

    assert newcomer.post("/do/ack", data=form, headers={"origin": "http://evil.example"}).status_code == 403
    assert acknowledged(quiet_folder) == []


def test_beyond_this_machine_looking_needs_signing_in_as_well(open_page):
    client = open_page(host="0.0.0.0", hosts=["fleet.example.net"])
    here = {"host": "fleet.example.net"}

    seen, asked = client.get("/", headers=here), client.get("/api/v1/fleet", headers=here)

    assert (seen.status_code, seen.headers["location"]) == (303, "/sign-in")
    assert asked.status_code == 401
    renewed = client.get("/services", headers=here | {"hx-request": "true"})
    assert (renewed.status_code, renewed.headers["hx-refresh"]) == (401, "true")
    assert client.get("/healthz", headers=here).status_code == 503


def test_the_user_that_a_header_names_counts_only_from_a_trusted_address(open_page):
    client = open_page(read="signed", proxies=["10.0.0.1"])

    assert client.get("/", headers={"remote-user": "ada"}).status_code == 303


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/part/../../etc/passwd", "/part/head"],
)
def test_no_path_leads_out_of_the_static_files(quiet_page, path):
    answer = quiet_page.get(path)

    assert answer.status_code == 404
    assert "import" not in answer.text


def test_a_body_that_is_too_large_is_refused(newcomer):
    assert newcomer.post("/sign-in", data={"password": "x" * 100_000}).status_code == 413


# a proxy in front


FROM_PROXY = {"host": "fleet.example.net", "remote-user": "ada", "x-forwarded-for": "203.0.113.9"}


def test_who_signed_in_at_the_trusted_proxy_acts_under_that_name(open_page, folder):
    run_once(settings_of(folder))
    client = open_page("10.0.0.1", proxies=["10.0.0.0/24"], hosts=["fleet.example.net"])
    csrf = find_csrf(client.get("/do/ack?target=piha/db", headers=FROM_PROXY).text)

    answer = client.post("/do/ack", data={"csrf": csrf, **DEED}, headers=FROM_PROXY)

    assert answer.status_code == 200, answer.text
    assert acknowledged(folder)[0]["owner"] == "ada"


def test_the_token_of_one_user_of_the_proxy_is_none_of_anothers(open_page, folder):
    client = open_page("10.0.0.1", proxies=["10.0.0.1"], hosts=["fleet.example.net"])
    csrf = find_csrf(client.get("/do/ack?target=piha/db", headers=FROM_PROXY).text)

    answer = client.post("/do/ack", data={"csrf": csrf, **DEED}, headers={**FROM_PROXY, "remote-user": "eve"})

    assert (answer.status_code, acknowledged(folder)) == (403, [])


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-real-ip"])
def test_who_comes_through_a_proxy_is_not_on_this_machine(newcomer, header):
    assert newcomer.get("/", headers={header: "127.0.0.1"}).headers["location"] == "/sign-in"


def test_no_forwarded_address_makes_a_stranger_the_proxy(open_page):
    client = open_page("192.0.2.7", read="signed", proxies=["10.0.0.1"])

    assert client.get("/", headers={"remote-user": "ada", "x-forwarded-for": "10.0.0.1"}).status_code == 303


# names and headers


@pytest.mark.parametrize(
    "path",
    [
        "/target/x%0d%0aset-cookie:a=b/y",
        "/part/x%0d%0aset-cookie:a=b",
        "/do/x%0d%0alocation:http:",
        "/past?since=%0d%0aa:b",
    ],
)
def test_no_line_end_of_an_address_becomes_a_header(quiet_page, path):
    answer = quiet_page.get(path)

    assert "set-cookie" not in answer.headers
    assert answer.headers.get("location", "/sign-in").startswith("/sign-in")


def test_a_name_with_line_ends_writes_no_second_line_anywhere(newcomer, quiet_folder):
    csrf = sign_in(newcomer, quiet_folder / "state")

    answer = newcomer.post("/do/ack", data={"csrf": csrf, **DEED, "target": "piha/db\r\nset-cookie: a=b"})

    assert answer.status_code == 422
    assert "set-cookie" not in answer.headers


def test_who_signs_in_comes_to_the_form_that_was_wanted(newcomer, quiet_folder):
    asked = newcomer.get("/do/ack?target=piha%2Fdb")
    password = (quiet_folder / "state/web/password").read_text().strip()
    to = re.search(r'name="to" value="([^"]+)"', newcomer.get(asked.headers["location"]).text)[1]

    answer = newcomer.post("/sign-in", data={"password": password, "to": html.unescape(to)})

    assert answer.headers["location"] == "/do/ack?target=piha%2Fdb"


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example/do/ack", "/do/ack\r\na: b", "/\\evil.example"])
def test_nobody_is_sent_elsewhere_after_signing_in(newcomer, quiet_folder, to):
    password = (quiet_folder / "state/web/password").read_text().strip()

    answer = newcomer.post("/sign-in", data={"password": password, "to": to})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_every_answer_says_what_a_browser_may_not_do(newcomer):
    for path in ("/", "/nowhere", "/api/v1/status", "/badge.svg", "/sign-in"):
        headers = newcomer.get(path).headers
        assert headers["x-frame-options"] == "DENY", path
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path


def test_the_cookie_is_out_of_reach_of_scripts_and_other_pages(newcomer, quiet_folder):
    password = (quiet_folder / "state/web/password").read_text().strip()

    cookie = newcomer.post("/sign-in", data={"password": password}, headers={"x-forwarded-proto": "https"})

    assert {"httponly", "samesite=strict", "secure"} <= set(cookie.headers["set-cookie"].lower().split("; "))


def test_a_session_that_was_ended_does_nothing_more(newcomer, quiet_folder):
    csrf = sign_in(newcomer, quiet_folder / "state")
    token = newcomer.cookies["supervisor_session"]
    newcomer.post("/sign-out", data={"csrf": csrf})

    answer = newcomer.post("/do/ack", data={"csrf": csrf, **DEED}, headers={"cookie": f"supervisor_session={token}"})

    assert answer.headers["location"].startswith("/sign-in?")
    assert acknowledged(quiet_folder) == []
