"""Messages wait until each service has them, within the hour's limit, and no secret is written anywhere."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from flows.telling.outbox import MOST_SINGLE, Outbox, Sent, deliver, enqueue, read_outbox, write_outbox
from schemas.episode import Target
from schemas.outage import Blindness, Message, News, Outage
from schemas.words import Severity
from tests.helpers.episodes import NOON
from tests.helpers.examples import HOMELAB
from tests.helpers.homelab import EVENING, reconcile, supervisor

# Plug-ins of Apprise use what is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ADDRESSES = {"a": "address of a", "b": "address of b"}
HOUR = timedelta(hours=1)


def message(name="web", news=News.OPENED, severity=Severity.ERROR, subject=""):
    root = Target("piha", name)
    return Message(root=root, news=news, severity=severity, title=f"{name} {news}", body="…", subject=subject)


def queued(*messages, services=("a",)):
    return Outbox(queue=enqueue((), messages, frozenset(services)))


class Services:
    """Remembers what was sent, and refuses what is sent to some."""

    def __init__(self, *refusing):
        self.sent, self.refusing = [], refusing

    def __call__(self, address, message):
        self.sent.append((address[-1], message.title))
        return address[-1] not in self.refusing


def test_what_a_service_does_not_take_waits_for_it_alone():
    first = deliver(queued(message(), services="ab"), ADDRESSES, Services("b"), NOON, 9)
    again = Services()
    second = deliver(first, ADDRESSES, again, NOON, 9)

    assert [row.waiting_for for row in first.queue] == [{"b"}]
    assert (first.failed, second.failed) == (1, 0)
    assert (again.sent, second.queue) == ([("b", "web opened")], ())


def test_a_later_message_about_an_outage_replaces_one_that_waits():
    queue = enqueue(queued(message(), message("db")).queue, [message(news=News.RESOLVED)], frozenset("a"))

    assert [row.message.title for row in queue] == ["db opened", "web resolved"]


def test_a_service_that_was_taken_out_is_not_waited_for():
    assert enqueue(queued(message(), services="ab").queue, [], frozenset("b"))[0].waiting_for == {"b"}
    assert enqueue(queued(message()).queue, [], frozenset("b")) == ()


def test_the_limit_of_the_hour_makes_the_rest_wait():
    first = deliver(queued(message("one")), ADDRESSES, Services(), NOON, 2)
    second = deliver(first._replace(queue=queued(message("two")).queue), ADDRESSES, Services(), NOON, 2)
    box = deliver(second._replace(queue=queued(message("three")).queue), ADDRESSES, Services(), NOON, 2)
    later = Services()

    assert [row.message.title for row in box.queue] == ["three opened"]
    assert deliver(box, ADDRESSES, later, NOON + HOUR - timedelta(seconds=1), 2).queue == box.queue
    assert deliver(box, ADDRESSES, later, NOON + HOUR, 2).queue == ()


def test_what_is_more_than_the_limit_has_room_for_goes_out_as_one_digest():
    services = Services()
    box = deliver(queued(message("one"), message("two"), message("three")), ADDRESSES, services, NOON, 2)

    assert (services.sent, box.queue) == ([("a", "outages: 3 opened")], ())


def test_what_is_critical_is_not_held_up_by_warnings():
    sent = tuple(Sent(NOON, Target("piha", f"s{n}")) for n in range(3))
    services = Services()
    waiting = queued(message("flap"), message("vps", severity=Severity.CRITICAL))
    box = deliver(waiting._replace(sent=sent), ADDRESSES, services, NOON, 3)

    assert services.sent == [("a", "vps opened")]
    assert [row.message.title for row in box.queue] == ["flap opened"]


def test_an_outage_that_comes_and_goes_counts_once_and_is_told_three_times_an_hour():
    box, services = Outbox(), Services()
    for minute in range(6):
        news = News.RESOLVED if minute % 2 else News.OPENED
        waiting = enqueue(box.queue, [message("flap", news)], frozenset("a"))
        box = deliver(box._replace(queue=waiting), ADDRESSES, services, NOON + timedelta(minutes=minute), 2)
    box = deliver(box._replace(queue=(*box.queue, *queued(message("web")).queue)), ADDRESSES, services, NOON, 2)

    told = ["flap opened", "flap resolved", "flap opened", "outages: 1 opened, 1 resolved"]
    assert [title for _, title in services.sent] == told


@pytest.mark.parametrize(("subject", "is_told"), [("diagnostics", True), ("redeploy", False), ("", False)])
def test_an_outage_that_was_told_three_times_within_the_hour_is_told_again_when_something_new_is_said(subject, is_told):
    web = Target("piha", "web")
    sent = tuple(Sent(NOON, web, said) for said in ("redeploy", "", "redeploy"))
    box = deliver(queued(message(subject=subject))._replace(sent=sent), ADDRESSES, Services(), NOON, 9)

    assert (not box.queue) is is_told


def test_many_messages_at_once_are_one_digest():
    services = Services()
    deliver(queued(*(message(str(n)) for n in range(MOST_SINGLE + 1))), ADDRESSES, services, NOON, 1)

    assert services.sent == [("a", f"outages: {MOST_SINGLE + 1} opened")]


def test_the_file_keeps_all_of_it(tmp_path):
    outage = Outage(root=Target("piha", "web"), opened_at=NOON, signatures={Target("piha", "db"): "redeploy"})
    sent = (Sent(NOON, outage.root), Sent(NOON, None))
    box = Outbox({outage.root: outage}, queued(message()).queue, sent, Blindness(since=NOON, is_told=True))
    write_outbox(tmp_path, box)

    assert read_outbox(tmp_path) == box


@pytest.mark.parametrize("content", ["", "{", "[]", '{"outages": 1}'])
def test_a_broken_file_is_an_empty_one(tmp_path, content):
    (tmp_path / "notifications.json").write_text(content)

    assert read_outbox(tmp_path) == Outbox()


@pytest.fixture
def receiver():
    """Return a server that keeps what is posted to it, and answers with its `status`."""
    posted = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(server.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.status, server.posted = 200, posted
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def run(folder, receiver, world="world", as_of=EVENING):
    """Reconcile with a receiver whose address holds a secret, and check that nothing repeats it."""
    address = f"json://someone:hunter2@127.0.0.1:{receiver.server_port}/in"
    world = str(HOMELAB / world)
    ran = reconcile(folder, as_of=as_of, SUPERVISOR_NOTIFY_URLS=address, SUPERVISOR_WORLD=world)
    assert "hunter2" not in ran.stdout + ran.stderr
    assert not any(b"hunter2" in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return ran


def test_a_real_service_is_told_once_and_again_when_it_ends(tmp_path, receiver):
    run(tmp_path, receiver)
    run(tmp_path, receiver)
    assert [post["title"] for post in receiver.posted] == ["outages: 8 opened"]
    assert "saturn critical opened (+1 more)" in receiver.posted[0]["message"]

    run(tmp_path, receiver, world="world-nominal", as_of="2026-06-04T06:00:00Z")
    assert [post["title"] for post in receiver.posted][1:] == ["outages: 8 resolved"]


def test_a_service_that_refuses_does_not_fail_the_run_and_gets_it_with_the_next(tmp_path, receiver):
    receiver.status = 500
    ran = run(tmp_path, receiver)
    assert ran.returncode == 2
    assert " for the next run: address 1 of" in ran.stdout

    receiver.status = 200
    run(tmp_path, receiver)
    assert [post["title"] for post in receiver.posted] == ["outages: 8 opened"] * 2
    run(tmp_path, receiver)
    assert len(receiver.posted) == 2


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ("json://u:hunter2@127.0.0.1:9/x", "address 1 of SUPERVISOR_NOTIFY_URLS did not take them"),
        ("nosuch://hunter2@host", "address 1 of SUPERVISOR_NOTIFY_URLS is none that Apprise knows"),
        ("garbage-hunter2 json://u:hunter2@127.0.0.1:9", "address 2 of SUPERVISOR_NOTIFY_URLS did not take them"),
        ("json://u:hunter2@[bad", "address 1 of SUPERVISOR_NOTIFY_URLS is none that Apprise knows"),
    ],
)
def test_an_address_that_fails_is_named_by_its_place_and_never_shown(tmp_path, addresses, said):
    ran = supervisor(tmp_path, "--traceback", "reconcile", "--as-of", EVENING, SUPERVISOR_NOTIFY_URLS=addresses)

    assert ran.returncode == 2
    assert said in ran.stdout
    assert "hunter2" not in ran.stdout + ran.stderr
    assert not any(b"hunter2" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_dry_run_tells_nobody(tmp_path, receiver):
    address = f"json://127.0.0.1:{receiver.server_port}/"
    reconcile(tmp_path, "--dry-run", SUPERVISOR_NOTIFY_URLS=address)

    assert (receiver.posted, list(tmp_path.iterdir())) == ([], [])


def test_the_settings_never_show_the_addresses(tmp_path):
    ran = supervisor(tmp_path, "config", "--json", SUPERVISOR_NOTIFY_URLS="ntfy://hunter2@host/topic")

    assert "hunter2" not in ran.stdout + ran.stderr
    assert ran.returncode == 0


def test_the_file_of_the_version_before_is_read(tmp_path):
    old = {"version": 1, "outages": [], "queue": [], "sent_at": ["2026-05-01T12:00:00.000000Z"]}
    (tmp_path / "notifications.json").write_text(json.dumps(old))

    assert read_outbox(tmp_path) == Outbox(sent=(Sent(NOON, None),))
