"""The README's pictures show what the program gives today, and load nothing."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from tools.pictures import ROOT, SCREENS, WIDTHS, draw_reconcile

FOLDER = ROOT / "examples" / "pictures"


def words(svg):
    """Return the picture's text, without how long that run took."""
    text = " ".join("".join(part.itertext()) for part in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))
    return re.sub(r"\d+\.\d\d s", "", " ".join(text.split()))


def test_the_picture_of_a_run_is_what_a_run_shows_today():
    assert words((FOLDER / "reconcile.svg").read_text()) == words(draw_reconcile())


def test_the_screens_of_the_manual_are_drawn_at_each_width():
    drawn = {path.stem for path in (FOLDER / "screens").glob("*.svg")}

    assert drawn == {f"{name}-{columns}" for name in ["reconcile", *SCREENS] for columns in WIDTHS}


def test_the_picture_loads_nothing():
    text = (FOLDER / "reconcile.svg").read_text()

    assert not re.search(r"url\((?!#)|@import|@font-face|<image|href", text)


def test_the_readme_shows_pictures_that_are_there_and_small():
    shown = re.findall(r"!\[.+?\]\((.+?)\)", (ROOT / "README.md").read_text())

    assert {Path(name).name for name in shown} == {"reconcile.svg", "report.png"}
    assert all((ROOT / name).stat().st_size < 150_000 for name in shown)
