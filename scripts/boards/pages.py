"""Write the boards as static pages that open from disk: one file each, and index.html with links to them."""

from __future__ import annotations

import html
import os
from pathlib import Path

import own_database
import yaml
from errors import UserFacingError
from files import write_whole

from boards.narrow import MOST_PIXELS
from boards.reader import Reader, find_reader
from boards.workplace import BOARDS, Workplace, board_files, is_installed, workplace

NARROW = "narrow"  # the folder of the pages for telephones

INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Boards</title>
<style>
:root {{ color-scheme: light dark; --ink: light-dark(#222, #e4e6e9); --link: light-dark(#27477d, #9dbdf0); }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 40em; margin: 3em auto; padding: 0 1em; }}
a {{ color: var(--link); }}
li {{ margin: .6em 0; }}
</style>
</head>
<body>
<main>
<h1>Boards</h1>
<ul>
{links}
</ul>
</main>
</body>
</html>
"""

STYLE = """
.boards-navigation { font: 13px/1.5 'Inter Variable', system-ui, sans-serif; padding: 16px 36px 0; }
.boards-navigation a { color: #27477d; margin-right: 20px; }
.boards-title { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.boards-navigation a[aria-current] { color: #222; font-weight: 600; text-decoration: none; }
@media (max-width: 700px) { .boards-navigation { padding: 16px 12px 0; } }
@media print {
    @page { size: A3 portrait; margin: 10mm; }
    .boards-navigation { display: none; }
    .dbt-charts-board > svg { width: 100%; height: auto; max-height: 397mm; }
}
"""

# dct draws in colours for paper. Turned over, what was dark is light, and the hue is put back.
DARK = """
@media screen and (prefers-color-scheme: dark) {
    html { background: #fff; filter: invert(0.92) hue-rotate(180deg); }
}
"""


def titles() -> dict[str, str]:
    """Each board's title, with the question it answers, by the board's name."""
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["title"] for path in board_files()}


def write_boards(output: Path) -> bool:
    """For ./scripts/run: render from the database of the environment, else of the embedded server.

    Returns False if the packages of the boards are not there. Raises UserFacingError.
    """
    if not is_installed():
        return False
    print("Drawing the boards", flush=True)
    reader = find_reader(os.environ)
    if reader.note and own_database.is_named(os.environ):
        print(f"  {reader.note}", flush=True)
    render(output, reader)
    return True


def render(output: Path, reader: Reader) -> list[Path]:
    """Write <board>.html for each board, and index.html, into `output`; returns the boards' pages.

    Raises UserFacingError, with what dct says, if a chart cannot be drawn.
    """
    (output / NARROW).mkdir(parents=True, exist_ok=True)
    pages = []
    with workplace(reader) as place:
        for boards, folder in ((BOARDS, output), (place.narrow_boards(), output / NARROW)):
            drawn = _draw(place, boards)
            for name in titles():
                page = (drawn / f"{name}.html").read_text(encoding="utf-8")
                write_whole(folder / f"{name}.html", _with_navigation(page, name, is_narrow=folder != output))
                pages += [folder / f"{name}.html"] if folder == output else []
    _write_index(output)
    return pages


def _draw(place: Workplace, boards: Path) -> Path:
    """Let dct draw the boards of a project; returns the folder of its pages."""
    drawn = place.folder / "pages" / boards.name
    files = [str(boards / "charts" / path.name) for path in board_files()]
    options = ["--format", "html", "--no-cache", "--no-warnings", "-o", f"{drawn}/{{stem}}.html"]
    result = place.dct("render", *files, *options, boards=boards)
    if result.returncode:
        raise UserFacingError(f"The boards could not be drawn:\n{result.stdout.strip()}")
    return drawn


def _write_index(output: Path) -> None:
    links = "\n".join(f'<li><a href="{name}.html">{html.escape(title)}</a></li>' for name, title in titles().items())
    write_whole(output / "index.html", INDEX.format(links=links))


def _with_navigation(page: str, current: str, is_narrow: bool) -> str:
    """dct's page with its language, links to the other boards, and a paper size that a board fits on.

    A window that is too narrow for the one goes to the other, and back when it has grown.
    """
    query = f"(max-width: {MOST_PIXELS}px)"
    other = f"../{current}.html" if is_narrow else f"{NARROW}/{current}.html"
    script = f"""
const telephone = matchMedia("{query}");
const choose = () => {{ if (telephone.matches !== {str(is_narrow).lower()}) location.replace("{other}"); }};
telephone.addEventListener("change", choose);
choose();
"""
    links = "".join(
        f'<a href="{name}.html"{" aria-current=page" if name == current else ""}>{html.escape(title.split(":")[0])}</a>'
        for name, title in titles().items()
    )
    navigation = f'<nav class="boards-navigation" aria-label="Boards">{links}</nav>'
    heading = f'<h1 class="boards-title">{html.escape(titles()[current])}</h1>'  # the visible one is drawn
    page = page.replace('<div class="dbt-charts-wrapper">', f'<div class="dbt-charts-wrapper" role="main">{heading}', 1)
    page = page.replace("<html>", '<html lang="en">', 1)
    page = page.replace("</head>", f"<style>{STYLE}{DARK}</style>\n<script>{script}</script>\n</head>", 1)
    return page.replace("<body>", f"<body>\n{navigation}", 1)
