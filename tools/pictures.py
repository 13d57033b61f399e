"""The manual's pictures, of what the example's month really gives: `python -m tools.pictures FOLDER`, after `make demo`.

FOLDER gets reconcile.svg, screens/ at three widths, and report.png and page.png where there is a Chromium.
"""

import argparse
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import termios
import time
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
COLUMNS = 100
EVENING = ["--config", "examples/demo.yaml", "--as-of", "2026-06-03T19:42:00Z"]
DEMO = ["--config", ".demo/supervisor.yaml"]
WIDTHS = (80, 120, 200)
SCREENS = {
    "status": ["status", *DEMO, *EVENING[2:]],
    "explain": ["explain", "piha/zigbee2mqtt", *DEMO, *EVENING[2:]],
    "history": ["history", "--since", "2026-05-05", "--until", "2026-06-04", *DEMO],
    "config": ["config", "--changed", *DEMO],
    "help": ["--help"],
}
"""What docs/screens.md shows, beside a run: each of the month and the evening that `make demo` leaves."""
SUPERVISOR = [sys.executable, "-c", "import sys; sys.argv[0] = 'supervisor'; from flows.cli import main; main()"]
_FONT_FACE = re.compile(r"\s*@font-face \{\{.*?\}\}", re.DOTALL)
_CHROMIUM = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-lcd-text", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip


def draw_reconcile(columns: int = COLUMNS) -> str:
    """Return the screen of a dry run as SVG."""
    with tempfile.TemporaryDirectory() as state:
        command = ["reconcile", *EVENING, "--dry-run", "--exit-zero"]
        return draw(command, "supervisor reconcile", columns, {"SUPERVISOR_STATE_DIR": state})


def draw(command: list[str], title: str, columns: int, more: dict[str, str] | None = None) -> str:
    """Return a command's screen as SVG; it names no address, so that a reader's browser loads no font."""
    environment = _environment() | {"COLUMNS": str(columns), "TERM": "xterm-256color", **(more or {})}
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (200, columns))
    with subprocess.Popen(
        [*SUPERVISOR, *command], cwd=ROOT, env=environment, stdin=terminal, stdout=terminal
    ) as program:
        os.close(terminal)
        said = _read_screen(screen)
    if not said or program.returncode not in {0, 2}:
        raise RuntimeError(f"{title}: ended with {program.returncode}")
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=columns, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(said.replace(f"{ROOT}/", "")))
        return console.export_svg(
            title=title, code_format=_FONT_FACE.sub("", CONSOLE_SVG_FORMAT), unique_id="supervisor"
        )


def _read_screen(screen: int) -> str:
    """Return all that is printed on a terminal until the program that has it ends."""
    said = b""
    with open(screen, "rb", buffering=0) as file, suppress(OSError):  # Linux ends one with EIO
        while part := file.read(65536):
            said += part
    return said.decode().replace("\r\n", "\n")


def draw_screens(folder: Path) -> None:
    """Write each screen at each width."""
    folder.mkdir(exist_ok=True)
    for columns in WIDTHS:
        (folder / f"reconcile-{columns}.svg").write_text(draw_reconcile(columns))
        for name, command in SCREENS.items():
            title = "supervisor" if name == "help" else f"supervisor {name}"
            (folder / f"{name}-{columns}.svg").write_text(draw(command, title, columns))


def photograph_report(file: Path) -> bool:
    """Write the upper part of the report as PNG; return whether there is a Chromium to do it."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [*SUPERVISOR, "report", *EVENING, "--output", str(page)]
        subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, check=True)
        evening = datetime.fromisoformat(EVENING[-1]).timestamp()
        page.write_text(page.read_text().replace("<head>", f'<head><meta name="now" content="{evening}">', 1))
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
    draw_screens(folder / "screens")
    if not (photograph_report(folder / "report.png") and photograph_page(folder / "page.png")):
        print("no Chromium: report.png and page.png stay as they are", file=sys.stderr)


if __name__ == "__main__":
    main()
