"""Bad inventories: each fault is named with its place, leaves its node unknown, and stops nobody else."""

import contextlib
import os
import resource
import socket
import tempfile
import time
from pathlib import Path

import pytest

from flows.errors import InventoryError
from flows.sources.inventory import listing as inventory_listing
from flows.sources.inventory.desired import read_inventory
from flows.sources.inventory.listing import list_inventory
from schemas.limits import Limits
from tests.faults.cases import case
from tests.faults.lab import NOBODY, Lab, call
from tests.helpers.kept import Kept

pytestmark = pytest.mark.slow

A_MISSES_DB = {"a/web": "healthy", "b/cache": "healthy"}
NO_NAME = "cannot name a service: it must start with a letter or a digit"
FILE = "hosts/a/services.yaml"


def bad(number, content, *problems):
    """Return a content of the inventory file of node `a`, and what is told of it."""
    return pytest.param(content, problems, marks=case(number), id=number)


def named(name):
    return f"services: [{name}]\n"


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


def check_unknown(lab, *problems):
    """Judge with `a` unknown after its episode opened, and `b` in drift as well: told, frozen, and nobody else is."""
    ran = lab.reconcile()

    assert ran.exit_code == 1
    assert ran.document["partial"] is True
    for problem in problems:
        assert [line for line in ran.unread if problem in line], ran.unread
    assert ran.drift == [("missing_service", "b/cache")]
    assert lab.told() == [("opened", "redeploy-a-db"), ("opened", "redeploy-b-cache")]
    assert lab.open_episodes() == ["redeploy-a-db", "redeploy-b-cache"]
    assert "hunter2" not in ran.output + ran.errors
    return ran


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Return a lab where an episode of `a` is open and `b` is in drift as well."""
    folder = tmp_path_factory.mktemp("before")
    lab = Lab(folder / "lab")
    open_episode(lab)
    return Kept(lab, folder / "kept")


@pytest.fixture
def opened(before):
    """Return that lab as it was then."""
    return before.back()


def open_episode(lab):
    lab.write_world(A_MISSES_DB)
    assert lab.reconcile().exit_code == 2
    lab.write_world({"a/web": "healthy"})


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        bad("DES-001", "services:\n  - name: web\n    ports: [22:22", f"{FILE}:4:1: did not find expected ',' or ']'"),
        bad("DES-002", b"", f"{FILE}: the file is empty; write 'services: {{}}'"),
        bad("DES-003", "# services:\n#   web:\n", f"{FILE}: the file is empty"),
        bad("DES-005", "hello", f"{FILE}:1:1: expected a list or a mapping, found a text"),
        bad("DES-008", "a: {}\n---\nb: {}\n", f"{FILE}:2:1: more than one document"),
        bad(
            "DES-010",
            "services:\n  - name: db\n  - name: db\n  - name: web\n",
            f"{FILE}:3:5: the service 'db' comes twice, first in line 2",
        ),
        bad(
            "DES-011", "services:\n  db:\n  Db:\n  web:\n", f"{FILE}:3:3: the service 'db' comes twice, first in line 2"
        ),
        bad(
            "DES-011",
            'services: ["\u00e9", "e\u0301"]\n',
            f"{FILE}:1:12: '\\xe9' {NO_NAME}",
            f"{FILE}:1:17: 'e\\u0301' {NO_NAME}",
        ),
        bad(
            "DES-012",
            "services:\n  db:\n    monitor: nope\n  web:\n",
            f"{FILE}:3:5: 'monitor': expected true or false, found the text 'nope'",
        ),
        bad("DES-015", named("12:30:45"), f"{FILE}:1:12: '12:30:45' {NO_NAME}"),
        bad(
            "DES-016",
            named("0755, 0o755"),
            f"{FILE}:1:12: expected the name of a service, found the number 755; quote it",
            ":1:18: ",
        ),
        bad("DES-017", named("1.10"), f"{FILE}:1:12: expected the name of a service, found the number 1.1; quote it"),
        bad(
            "DES-018", named("1e3, 1.0e+3"), f"{FILE}:1:12: expected the name of a service, found the number", ":1:17: "
        ),
        bad("DES-022", 'services: {web: {x: !!int ""}}', f"{FILE}:1:21: the tag 'tag:yaml.org,2002:int' is not read"),
        bad("DES-022", "services: {web: {x: !!bool maybe}}", f"{FILE}:1:21: the tag"),
        bad("DES-022", "services: {web: {x: !!timestamp x}}", f"{FILE}:1:21: the tag"),
        bad(
            "DES-023",
            "services: {web: {x: " + "9" * 5000 + "}}",
            f"{FILE}:1:21: the number is outside -9223372036854775808",
        ),
        bad("DES-025", "services: {web: {replicas: 99999999999999999999}}", f"{FILE}:1:28: the number is outside"),
        bad("DES-030", 'services: [{name: ""}]', f"{FILE}:1:13: the name of the service is empty"),
        bad("DES-030", 'services: [{name: " "}]', f"{FILE}:1:13: the name of the service is empty"),
        bad("DES-030", "services: [{name: null}]", f"{FILE}:1:13: expected the name of a service, found nothing"),
        bad(
            "DES-030",
            "services: [{name: 5}]",
            f"{FILE}:1:13: expected the name of a service, found the number 5; quote it",
        ),
        bad(
            "DES-031",
            'services: ["../../etc/passwd", /etc, "..", a/b, a\\b]',
            f"'../../etc/passwd' {NO_NAME}",
            "'..' ",
            "'a/b' ",
        ),
        bad("DES-032", named("x" * 300), f"{FILE}:1:12: the name", "has 300 characters; at most 63 are allowed"),
        bad("DES-033", named('"web\\x1b[2J"'), f"{FILE}:1:12: a control character"),
        bad("DES-033", named('"web\\x9b31m"'), f"{FILE}:1:12: a control character"),
        bad("DES-033", named('"web\\u202etxt"'), f"{FILE}:1:12: 'web\\u202etxt' {NO_NAME}"),
        bad("DES-035", named("'<script>alert(1)</script>'"), f"'<script>alert(1)</script>' {NO_NAME}"),
        bad("DES-035", named("'[x](javascript:alert(1))', 'a|b', '=1+1'"), "'a|b' cannot", "'=1+1' cannot"),
        bad("DES-036", named("'[/]', '[red]x'"), f"'[/]' {NO_NAME}", "'[red]x' cannot"),
        bad("DES-037", b"services: [caf\xe9]", f"{FILE}:1:15: not UTF-8: the byte at offset 14 cannot be read"),
        bad("DES-041", b"services: [a\x00]", f"{FILE}:1:13: the control character '\\x00' is not allowed"),
        bad("DES-041", b"services: [a\x1b]", f"{FILE}:1:13: the control character '\\x1b' is not allowed"),
        bad("DES-042", "services:\n\tweb:\n", f"{FILE}:2:1: a tab cannot indent; use spaces"),
        bad("DES-043", named('"\\ud800"'), f"{FILE}:1:15: found invalid Unicode character escape code"),
        bad("DES-046", "a: &a {b: *a}", f"{FILE}:1:11: the alias 'a' stands for what it is a part of"),
        bad(
            "DES-048",
            b"#" * (20 << 20),
            f"{FILE}: 20971520 bytes, over the limit of 8388608; make it smaller, or raise limits.max_inventory_file_bytes",
        ),
        bad("DES-051", "services: {web: {x: !Ref y}}", f"{FILE}:1:21: the tag '!Ref' is not read; remove it"),
        bad("DES-051", "services: {web: {x: !vault y}}", f"{FILE}:1:21: the tag '!vault' is not read"),
        bad(
            "DES-052",
            "services: {web: {x: !!binary aGk=}}",
            f"{FILE}:1:21: the tag 'tag:yaml.org,2002:binary' is not read",
        ),
        bad("DES-052", "services: {web: {x: !!set {a}, y: !!omap [a: 1]}}", ":1:21: the tag", ":1:35: the tag"),
        bad("DES-053", "services: {? [a, b] : 1}", f"{FILE}:1:14: a key must be text, not a list or a mapping"),
        bad("DES-053", "? {a: 1}\n: 2\n", f"{FILE}:1:3: a key must be text"),
        bad("OWN-004", named("All"), f"{FILE}:1:12: 'All' is reserved and cannot name a service"),
        bad("OWN-005", "services:\n".encode("utf-16"), f"{FILE}:1:1: UTF-16, not UTF-8"),
        bad("SEC-008", 'services:\n  web: {password: "hunter2\n', f"{FILE}:"),
        bad("SEC-020", named("x" * (1 << 20)), "has 1048576 characters; at most 63 are allowed"),
    ],
)
def test_a_faulty_file_is_named_with_its_place_and_leaves_what_it_may_ask_for_unknown(opened, content, problems):
    opened.set_desired(content)

    check_unknown(opened, *problems)


def no_file(path):
    path.unlink()


def a_secret_link(path):
    path.unlink()
    (path.parents[3] / "secret").write_text("password: hunter2")
    path.symlink_to(path.parents[3] / "secret")


def a_fifo(path):
    path.unlink()
    os.mkfifo(path)


def a_socket(path):
    path.unlink()
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)


def sparse(path):
    with path.open("r+b") as file:
        file.truncate(1 << 40)


def a_folder(path):
    path.unlink()
    path.mkdir()


def a_linked_node(path):
    elsewhere = path.parents[3] / "elsewhere"
    path.parent.rename(elsewhere)
    path.parent.symlink_to(elsewhere)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        pytest.param(a_secret_link, f"{FILE}: a symbolic link, which is not followed", marks=case("DES-061")),
        pytest.param(a_fifo, f"{FILE}: not a regular file but a named pipe", marks=case("DES-063")),
        pytest.param(a_socket, f"{FILE}: not a regular file", marks=case("OWN-002")),
        pytest.param(sparse, f"{FILE}: 1099511627776 bytes, over the limit", marks=case("DES-065")),
        pytest.param(a_folder, f"{FILE}: not a regular file but a folder", marks=case("DES-063")),
        pytest.param(a_linked_node, "hosts/a: a symbolic link to '", marks=case("DES-060", "SEC-005")),
    ],
)
def test_what_is_no_file_is_refused_at_once(lab, spoil, problem):
    open_episode(lab)
    spoil(lab.inventory / FILE)
    begun = time.monotonic()

    check_unknown(lab, problem)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("content", "services"),
    [
        pytest.param("- web\n- db\n", ["db", "web"], marks=case("DES-006")),
        pytest.param("web: {image: x}\ndb: {image: y}\n", ["db", "web"], marks=case("DES-007")),
        pytest.param("services:\n  no:\n  off:\n", ["no", "off"], marks=case("DES-012")),
        pytest.param("services: {on: {state: no}, y: {restart: on}}", ["on", "y"], marks=case("DES-012", "DES-013")),
        pytest.param("services: [2024-01-02]", ["2024-01-02"], marks=case("DES-020")),
        pytest.param("services: [2024-13-45]", ["2024-13-45"], marks=case("DES-021")),
        pytest.param("services: [0x_]", ["0x_"], marks=case("DES-022")),
        pytest.param("services: {web: {a: 0755, b: 1.10, c: 12:30:45}}", ["web"], marks=case("DES-016", "DES-017")),
        pytest.param("services: {web: {replicas: -1, ports: [0, 70000]}}", ["web"], marks=case("DES-027")),
        pytest.param("services: {web: {replicas: '3'}, db: {replicas: 3}}", ["db", "web"], marks=case("DES-026")),
        pytest.param("services: {web: {replicaz: 3}}", ["web"], marks=case("DES-028")),
        pytest.param("services: {web: {x: = }}", ["web"], marks=case("DES-051")),
        pytest.param(b"\xef\xbb\xbfservices: [web]", ["web"], marks=case("DES-038")),
        pytest.param("services:\r\n- web\r\n- db\r\n", ["db", "web"], marks=case("DES-040")),
        pytest.param("services:\r- web\r- db\r", ["db", "web"], marks=case("DES-040")),
        pytest.param("services: [web]\n# password: hunter2\n", ["web"], marks=case("SEC-010")),
    ],
)
def test_a_surprising_file_is_read_as_it_was_written(lab, content, services):
    lab.set_desired(content)
    lab.write_world({"b/cache": "ok"})
    ran = lab.reconcile("--dry-run")

    found = [target for kind, target in ran.drift if kind == "missing_service"]
    assert found == [f"a/{service}" for service in services]
    assert ran.unread == []
    assert "hunter2" not in ran.output


@case("DES-028")
def test_a_key_that_is_nearly_a_known_one_is_warned_of(lab):
    lab.set_desired("services:\n  web: {moniter: false}\n")

    assert lab.reconcile().unread == [f"{FILE}:2:9: 'moniter' is not read; did you mean 'monitor'?"]


@case("DES-007", "DES-070")
def test_the_form_and_the_order_of_files_change_nothing_that_is_found(tmp_path):
    found = []
    for index, (names, content) in enumerate([("ab", "web: {x: 1}\ndb: {}\n"), ("ba", "services:\n- db\n- web\n")]):
        lab = Lab(tmp_path / str(index))
        for node in names:
            (lab.inventory / f"hosts/{node}/services.yaml").unlink()
        for node in names:
            lab.write(f"inventory/hosts/{node}/services.yaml", content)
        lab.write_world({"a/web": "ok", "b/web": "ok"})
        document = lab.reconcile("--dry-run").document
        found.append(
            [(row["recommendation_id"], row["action"], row["severity"]) for row in document["recommendations"]]
        )

    assert found[0] == found[1] != []


@case("DES-040", "DES-038", "DES-070")
def test_the_same_words_have_the_same_fingerprint(lab):
    found = set()
    for content in (
        b"services:\n- web\n- db\n",
        b"services:\r\n- web\r\n- db\r\n",
        b"\xef\xbb\xbfservices:\n- web\n- db\n",
    ):
        lab.set_desired(content)
        lab.checkpoint.unlink(missing_ok=True)
        lab.reconcile()
        found.add(lab.checkpoint.read_bytes().partition(b'"input_fingerprint":"')[2][:64])

    assert len(found) == 1


@case("DES-045")
def test_a_bomb_of_merge_keys_is_refused_before_it_multiplies(lab):
    levels = "".join(f"m{level}: &m{level} {{<<: [{', '.join([f'*m{level - 1}'] * 10)}]}}\n" for level in range(1, 5))
    lab.set_desired("m0: &m0 {" + ", ".join(f"k{key}: {key}" for key in range(1000)) + "}\n" + levels)
    begun = time.monotonic()
    ran = lab.reconcile()

    assert time.monotonic() - begun < 30
    assert any("its aliases make" in line for line in ran.unread)
    assert ran.exit_code == 1


@case("DES-047")
def test_a_hundred_thousand_brackets_do_not_end_the_process(lab):
    lab.set_desired("[" * 100_000)
    ran = lab.spawn("--dry-run")

    assert ran.exit_code == 1
    assert ran.unread == [f"{FILE}:1:41: nested deeper than 40 levels"]


@case("DES-050")
def test_a_tag_starts_no_process(lab):
    lab.set_desired(f"services: {{web: {{x: !!python/object/apply:os.system ['touch {lab.folder}/owned']}}}}")
    ran = lab.reconcile()

    assert "the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not read" in ran.unread[0]
    assert not (lab.folder / "owned").exists()


def layers(count):
    """Return services in layers of two, each of which needs both of the next: with every layer, twice as many paths."""
    needs = [f"[s{layer + 1}-0, s{layer + 1}-1]" for layer in range(count - 1)] + ["[]"]
    return "".join(f"  s{layer}-{side}: {{depends_on: {needs[layer]}}}\n" for layer in range(count) for side in (0, 1))


def chain(count):
    """Return services of which each needs the next."""
    return "".join(
        f"  s{place}: {{depends_on: [{f's{place + 1}' if place + 1 < count else ''}]}}\n" for place in range(count)
    )


def everything(count):
    """Return services of which each needs all that follow."""
    return "".join(
        f"  s{place}: {{depends_on: [{', '.join(f's{other}' for other in range(place + 1, count))}]}}\n"
        for place in range(count)
    )


@pytest.mark.parametrize(
    ("services", "target", "roots"),
    [
        (layers(60), "s0-0", {"a/s59-0", "a/s59-1"}),
        (chain(3000), "s0", {"a/s2999"}),
        (everything(200), "s0", {"a/s199"}),
    ],
    ids=["layers", "chain", "everything"],
)
@case("OWN-019")
def test_dependencies_with_more_paths_than_stars_are_followed_soon(lab, services, target, roots):
    lab.set_desired("services:\n" + services)
    lab.write_world({"b/cache": "ok", "a/other": "ok"})
    settings = "limits: {retry_pause: 0}\nmass_drift_min: 1000000\nnode_drift_min: 1000000\n"
    lab.write("inventory/supervisor.yaml", settings)
    begun = time.process_time()
    ran = lab.reconcile("--dry-run")
    found = {row["service"]: set(row["root_causes"]) for row in ran.document["recommendations"] if row["node"] == "a"}
    inputs = ["--inventory", str(lab.inventory), "--world", str(lab.world), "--as-of", lab.as_of.isoformat()]
    explained = call("explain", f"a/{target}", *inputs, environment={"SUPERVISOR_CHECKPOINT": str(lab.checkpoint)})

    assert found[target] == roots
    assert explained.exit_code == 0, explained.errors
    assert len(explained.output.splitlines()) < 10_000
    assert time.process_time() - begun < 30


def no_hosts(hosts):
    hosts.rename(hosts.with_name("elsewhere"))


def file_for_hosts(hosts):
    hosts.rename(hosts.with_name("elsewhere"))
    hosts.write_text("")


def empty_hosts(hosts):
    hosts.rename(hosts.with_name("elsewhere"))
    hosts.mkdir()


def linked_hosts(hosts):
    hosts.rename(hosts.with_name("elsewhere"))
    hosts.symlink_to(hosts.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        pytest.param(no_hosts, "hosts: no such folder; name the folder that holds hosts/", marks=case("DES-055")),
        pytest.param(file_for_hosts, "hosts: not a folder; name the folder that holds hosts/", id="a file"),
        pytest.param(empty_hosts, "hosts: names no node", marks=case("DES-056")),
        pytest.param(linked_hosts, "hosts: a symbolic link", marks=case("SEC-005")),
    ],
)
def test_without_an_inventory_nothing_is_concluded(lab, spoil, problem):
    open_episode(lab)
    log = lab.log.read_bytes()
    spoil(lab.inventory / "hosts")
    ran = lab.reconcile()

    assert ran.exit_code == 1
    assert problem in ran.document["error"]
    assert ran.document["drift"] == ran.document["recommendations"] == []
    assert lab.log.read_bytes() == log
    assert lab.open_episodes() == ["redeploy-a-db"]


@case("DES-048", "OWN-020")
def test_an_inventory_of_too_many_bytes_is_refused_as_a_whole(lab):
    open_episode(lab)
    lab.write("inventory/supervisor.yaml", "limits: {retry_pause: 0, max_inventory_bytes: 40}")
    ran = lab.reconcile()

    assert ran.exit_code == 1
    assert f"{lab.inventory}: its files have more than 40 bytes together; remove some" in ran.document["error"]
    assert lab.open_episodes() == ["redeploy-a-db"]


@case("DES-057")
def test_a_node_without_a_file_runs_nothing_and_is_warned_of(lab):
    (lab.inventory / FILE).rename((lab.inventory / FILE).with_name("paths.yaml"))
    once, again = lab.reconcile(), lab.reconcile()

    assert once.unread == again.unread == ["hosts/a: there is no services.yaml: a node without services"]
    assert ("missing_service", "a/web") not in once.drift


@pytest.mark.parametrize("name", ["services.yml", "Services.yaml"])
@case("DES-058")
def test_a_file_named_almost_right_leaves_its_node_unknown(lab, name):
    open_episode(lab)
    (lab.inventory / FILE).rename(lab.inventory / "hosts/a" / name)

    check_unknown(lab, f"hosts/a/{name}: looks like services.yaml; rename it")


@case("DES-062")
def test_a_link_to_the_parent_is_not_walked(lab):
    (lab.inventory / "hosts/a/up").symlink_to("..")

    assert lab.reconcile().drift == []


@contextlib.contextmanager
def as_nobody():
    """Be a user without rights, where we are root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@case("DES-066")
def test_a_file_that_we_may_not_read_leaves_its_node_unknown():
    with tempfile.TemporaryDirectory() as name:
        lab = Lab(Path(name))
        Path(name).chmod(0o755)
        (lab.inventory / FILE).chmod(0)
        with as_nobody():
            desired = read_inventory(lab.inventory, Limits())

    assert desired.unread.row(0)[:4] == (FILE, None, None, "permission denied; let the user of this process read it")
    assert desired.nodes.filter(~desired.nodes["is_readable"])["node"].to_list() == ["a"]


@pytest.mark.parametrize("part", ["", "hosts"])
def test_an_inventory_that_we_may_not_look_into_is_not_said_to_be_gone(part):
    with tempfile.TemporaryDirectory() as name:
        lab = Lab(Path(name))
        Path(name).chmod(0o755)
        (lab.inventory / part).chmod(0)
        with as_nobody(), pytest.raises(InventoryError, match="hosts: permission denied; let the user of this process"):
            read_inventory(lab.inventory, Limits())


@case("DES-067", "OWN-004")
def test_a_folder_that_names_no_node_is_told_and_a_dot_folder_is_passed_over(lab):
    for name in ("..x", ".git", "a b", "é", "-rf", "node;rm -rf", "x" * 250, "two\nlines", "Fleet"):
        lab.write(f"inventory/hosts/{name}/services.yaml", "services: [web]")
    ran = lab.reconcile()

    assert ran.exit_code == 1
    told = "\n".join(ran.unread)
    assert all(f"'{name}' cannot name a node" in told for name in ("a b", "-rf", "node;rm -rf", "\\xe9", "two\\nlines"))
    assert "has 250 characters" in told
    assert "'Fleet' is reserved" in told
    assert ".git" not in told
    assert len(ran.unread) == 7


@case("DES-068")
def test_two_folders_of_one_node_leave_it_unknown(lab):
    open_episode(lab)
    lab.write("inventory/hosts/A/services.yaml", "services: [other]")

    check_unknown(lab, "hosts/A and hosts/a are one node")


@case("DES-071")
def test_files_that_change_during_the_read_are_read_again(lab, monkeypatch):
    read_file, changes = inventory_listing.read_file_in, [b"services: [second]", b"services: [third]"]

    def read_and_change(folders, path, **options):
        content = read_file(folders, path, **options)
        if changes and path == FILE:
            lab.set_desired(changes.pop())
        return content

    monkeypatch.setattr(inventory_listing, "read_file_in", read_and_change)
    assert list_inventory(lab.inventory, Limits()).contents[FILE] == b"services: [second]"

    changes[:] = [b"services: [x%d]" % (10**number) for number in range(10)]
    with pytest.raises(InventoryError, match="its files change while they are read; try again"):
        list_inventory(lab.inventory, Limits())


@case("OWN-003")
def test_a_file_that_vanishes_between_listing_and_read_is_read_again(lab, monkeypatch):
    read_file = inventory_listing.read_file_in

    def vanish_and_read(folders, path, **options):
        if path == FILE:
            (lab.inventory / FILE).unlink(missing_ok=True)
        return read_file(folders, path, **options)

    monkeypatch.setattr(inventory_listing, "read_file_in", vanish_and_read)
    found = list_inventory(lab.inventory, Limits())

    assert FILE not in found.contents
    assert "hosts/a" in found.folders


@case("DES-072")
def test_an_input_error_leaves_the_node_unknown(lab, monkeypatch):
    open_episode(lab)
    inode, read = (lab.inventory / FILE).stat().st_ino, os.read

    def fail(descriptor, length):
        if os.fstat(descriptor).st_ino == inode:
            raise OSError(5, "Input/output error")
        return read(descriptor, length)

    monkeypatch.setattr(os, "read", fail)

    check_unknown(lab, f"{FILE}: cannot be read: Input/output error")


@case("DES-073")
def test_without_descriptors_no_part_is_taken_for_the_whole(lab):
    used = len([*Path("/proc/self/fd").iterdir()])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    told = []
    for spare in range(6):
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + spare, hard))
        try:
            desired = read_inventory(lab.inventory, Limits())
            told.append(desired.nodes["is_readable"].to_list())
        except InventoryError as error:
            told.append(str(error))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert told[-1] == [True, True]
    assert any("Too many open files" in str(one) for one in told)
    assert [True, True] not in told[: told.index([True, True])]
