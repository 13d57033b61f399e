"""The manual: its generated tables are today's, and its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from flows.commands.root import app
from tools.manual import renew

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_generated_tables_are_of_today(page):
    assert renew(page.read_text()) == page.read_text(), "run 'make manual'"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", page.read_text())
    lost = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            lost.append(link)

    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_of_the_project_that_a_page_names_is_there(page):
    named = re.findall(
        r"`((?:flows|stages|schemas|tests|tools|docs|examples|benchmarks|notebooks)/[\w./-]*)`", page.read_text()
    )

    assert [path for path in named if not (ROOT / path).exists()] == []


def list_code(text):
    """Yield the lines of a page's blocks for a shell, those that go on with a backslash as one."""
    language = None
    for line in text.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("```"):
            language = line.strip().removeprefix("```") or "sh" if language is None else None
        elif language in {"sh", "console", "bash"}:
            yield re.sub(r"^[#$] ", "", line.strip())


def list_commands(text):
    """Yield the supervisor's commands on a page, each as its words after `supervisor`."""
    for line in filter(re.compile(r"\bsupervisor ").search, list_code(text)):
        words = shlex.split(re.sub(r"(^| +)# .*$", "", line))
        for start, word in enumerate(words):
            if word.rpartition("/")[2] == "supervisor" and words[start + 1 :] and words[start - 1] not in {"-u", "-aG"}:
                rest = words[start + 1 :]
                ends = [place for place, word in enumerate(rest) if re.match(r"[|&;<>]|2>", word)]
                yield rest[: min(ends, default=len(rest))]


def parse(words):
    """Let the command line understand the words, and run nothing."""
    name, command, context = "supervisor", get_command(app), None
    while True:
        context = typer.Context(command, parent=context, info_name=name)
        if not hasattr(command, "resolve_command"):
            command.make_parser(context).parse_args(words)
            return
        command.parse_args(context, words)
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        name, command, words = command.resolve_command(context, rest)


def test_every_command_of_the_manual_is_one_that_there_is():
    told = [(page.name, words) for page in PAGES for words in list_commands(page.read_text())]
    wrong = []
    for page, words in told:
        try:
            parse(list(words))
        except typer.TyperException as error:
            wrong.append((page, " ".join(words), str(error)))

    assert wrong == []
    assert len(told) > 50


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200
