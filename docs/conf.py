"""How Sphinx builds the manual as a site: `make docs`, then build/docs/index.html."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
project = "Runtime Supervisor"
author = "The Runtime Supervisor authors"
version = release = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = []
myst_heading_anchors = 4
# Links out of the manual lead to files of the repository, which a forge shows and a site does not have.
suppress_warnings = ["myst.xref_missing"]

html_theme = "furo"
html_title = "Runtime Supervisor"
html_show_sphinx = False
