"""The parts of the manual that follow from the code: `python -m tools.manual` writes them anew, `--check` says whether they are.

A page holds them between `<!-- NAME -->` and `<!-- end -->`.
"""

import argparse
import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from flows.commands.config import list_settings as read_settings
from flows.commands.config import spell
from flows.settings import load_settings

ROOT = Path(__file__).parents[1]


def list_stages() -> Iterator[str]:
    """Yield a table of the stages, by what their modules say of themselves."""
    yield from ("| stage | what it is |", "|---|---|")
    folder = ROOT / "stages"
    modules = {path.stem: path for path in folder.glob("[!_]*.py")}
    packages = {path.parent.name: path for path in folder.glob("[!_]*/__init__.py")}
    for name, path in sorted((modules | packages).items()):
        said = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]
        without_source = re.sub(r" \((SEMANTICS|ACTIONS|OBSERVER) [^)]*\)", "", said)
        yield f"| `{name}` | {without_source} |"


def list_folders() -> Iterator[str]:
    """Yield the folders of `flows` in the order that the import contract holds, the highest first."""
    text = (ROOT / "pyproject.toml").read_text()
    layers = re.search(r'containers = \["flows"\]\nlayers = \[(.*?)\]', text, re.DOTALL)
    yield "```"
    for line in re.findall(r'"(.+)"', layers[1] if layers else ""):
        yield re.sub(r"[()]", "", line)
    yield "```"


def list_settings() -> Iterator[str]:
    """Yield a table of all settings with their defaults."""
    settings = load_settings({}, None).settings
    yield from ("| setting | default | meaning |", "|---|---|---|")
    for setting in read_settings(settings):
        if setting.name != "state_dir":
            spelt = str(spell(setting.value)).replace("|", "\\|")
            yield f"| `{setting.name}` | {spelt} | {setting.meaning} |"


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "stages": list_stages,
    "folders": list_folders,
    "settings": list_settings,
}


def renew(text: str) -> str:
    """Return a page with its generated parts as they would be now."""

    def fill(found: re.Match[str]) -> str:
        lines = "\n".join(PARTS[found[1]]())
        return f"<!-- {found[1]} -->\n{lines}\n<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


def main() -> int:
    """Write the pages; with `--check` name those that are out of date."""
    parser = argparse.ArgumentParser(prog="python -m tools.manual")
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    stale = [page for page in sorted((ROOT / "docs").glob("*.md")) if renew(page.read_text()) != page.read_text()]
    for page in stale:
        if is_check:
            print(f"{page.relative_to(ROOT)} is out of date; 'make manual' writes it anew")
        else:
            page.write_text(renew(page.read_text()))
    return int(is_check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
