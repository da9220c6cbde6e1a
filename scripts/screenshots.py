"""Make pictures of the boards, and of the docs site's first page, to look at: wide and narrow, light and dark.

  ./scripts/screenshots FOLDER            render the boards of the database that ./scripts/run would use, and take them
  ./scripts/screenshots FOLDER --of SITE  take the pages that are in the folder SITE already

Each picture is FOLDER/<page>-<width>-<light or dark>.png. Chromium must be installed, and the packages of
./scripts/setup --dev.

Exit code: 0 done, 1 something failed (one line says what), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from boards.chromium import ARGUMENTS, PATIENCE_MS, find_chromium
from boards.narrow import MOST_PIXELS
from boards.pages import NARROW, render
from boards.reader import find_reader
from errors import UserFacingError

WIDTHS = (1400, 390)
SCHEMES = ("light", "dark")


def take(pages: list[Path], folder: Path) -> list[Path]:
    """Take each page at each width in each colour scheme; returns the pictures."""
    program = find_chromium()
    if program is None:
        raise UserFacingError("Chromium is not installed (Debian and Ubuntu: chromium).")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise UserFacingError("Playwright is not installed: run ./scripts/setup --dev.") from None
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        for width in WIDTHS:
            for scheme in SCHEMES:
                seen = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                seen.set_default_timeout(PATIENCE_MS)
                for page in pages:
                    seen.goto(page.resolve().as_uri())
                    if width < MOST_PIXELS and (page.parent / NARROW / page.name).exists():
                        seen.wait_for_url(f"**/{NARROW}/{page.name}")
                    pictures.append(folder / f"{page.stem}-{width}-{scheme}.png")
                    seen.screenshot(path=pictures[-1], full_page=True)
                seen.close()
        browser.close()
    return pictures


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="./scripts/screenshots", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--of", type=Path, metavar="SITE")
    options = parser.parse_args(arguments)
    try:
        if options.of is None:
            pages = render(options.folder / "pages", find_reader(os.environ))
        else:
            pages = sorted(options.of.glob("*.html"))
        print(f"Pictures: {len(take(pages, options.folder))}, in {options.folder.resolve()}")
    except UserFacingError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
