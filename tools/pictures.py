"""The manual's pictures, of what the example's month really gives: `python -m tools.pictures FOLDER`, after `make demo`.

FOLDER gets reconcile.svg, and report.png and page.png where there is a Chromium.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
COLUMNS = 100
EVENING = ["--config", "examples/demo.yaml", "--as-of", "2026-06-03T19:42:00Z"]
SUPERVISOR = [sys.executable, "-c", "from flows.cli import main; main()"]
_FONT_FACE = re.compile(r"\s*@font-face \{\{.*?\}\}", re.DOTALL)
_CHROMIUM = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-lcd-text", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip


def draw_reconcile() -> str:
    """Return the screen of a dry run as SVG; it names no address, so that a reader's browser loads no font."""
    shown = {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    with tempfile.TemporaryDirectory() as state:
        command = [*SUPERVISOR, "reconcile", *EVENING, "--dry-run", "--exit-zero"]
        environment = _environment() | shown | {"SUPERVISOR_STATE_DIR": state}
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(ran.stdout))
        return console.export_svg(
            title="supervisor reconcile", code_format=_FONT_FACE.sub("", CONSOLE_SVG_FORMAT), unique_id="supervisor"
        )


def photograph_report(file: Path) -> bool:
    """Write the upper part of the report as PNG; return whether there is a Chromium to do it."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [*SUPERVISOR, "report", *EVENING, "--output", str(page)]
        subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, check=True)
        return _photograph(page.as_uri(), "1000,720", file, Path(folder))


def photograph_page(file: Path) -> bool:
    """Write the live page of that evening as PNG; return whether there is a Chromium to do it."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        clock = Path(folder) / "clock"
        clock.write_text(EVENING[-1])
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
        probe.close()
        # The clock of tests counts where something may be decided; to observe is the least.
        acting = {"AUTOMATION": "observe", "CLOCK": str(clock), "POLICY": str(ROOT / "examples/policy/policy.yaml")}
        environment = _environment() | {f"SUPERVISOR_ACTIONS__{name}": value for name, value in acting.items()}
        command = [*SUPERVISOR, "web", *EVENING[:2], "--port", port]
        address = f"http://127.0.0.1:{port}/"
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as server:
            try:
                _wait_for(address)
                return _photograph(address, "1120,740", file, Path(folder))
            finally:
                server.terminate()


def _wait_for(address: str) -> None:
    for _ in range(600):
        with suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(address, timeout=5).close()
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers at {address}")


def _photograph(address: str, size: str, file: Path, folder: Path) -> bool:
    chromium = shutil.which("chromium")
    if chromium is None:
        return False
    place = [f"--user-data-dir={folder}/profile", f"--window-size={size}", f"--screenshot={file}", address]
    subprocess.run([chromium, *_CHROMIUM, *place], capture_output=True, check=True)
    return True


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("SUPERVISOR_", "NO_COLOR"))}


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reconcile.svg").write_text(draw_reconcile())
    if not (photograph_report(folder / "report.png") and photograph_page(folder / "page.png")):
        print("no Chromium: report.png and page.png stay as they are", file=sys.stderr)


if __name__ == "__main__":
    main()
