"""The docs site: complete, true to the database, and at peace with a browser that has no network."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import psycopg2
import pytest
from browser import PATIENCE_MS
from conftest import REPOSITORY, ShapeDatabase, describe_failures, query, run_dbt
from disks import fill, small_disk
from docs_pages.columns import write_column_lineage
from docs_pages.last_run import last_run_body
from docs_pages.markdown import anchor_of, markdown_body
from docs_pages.now import now_body
from docs_site import static_page, write_pages
from exporting.reports import MARTS

pytestmark = [
    pytest.mark.parametrize("server", ["embedded"], indirect=True),
    pytest.mark.parametrize("shape_database", ["hybrid"], indirect=True),
]

SCRIPT = "</script><script>alert(1)</script>"
PAGES = ("index.html", "questions.html", "dbt-docs.html", "columns.html", "contract.html", "decisions.html")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update"


@pytest.fixture
def site(shape_database: ShapeDatabase, tmp_path_factory: pytest.TempPathFactory, request) -> Path:
    """The site of a sample database, with a board; made once."""
    if not hasattr(request.config, "docs_site"):
        folder = tmp_path_factory.mktemp("site")
        target = folder / "target"
        shutil.copytree(shape_database.target_path, target)
        options = ["--static", "--no-compile", "--target-path", str(target)]
        result = run_dbt(["docs", "generate", *options], shape_database.environment)
        assert result.success, describe_failures(result)
        site = folder / "a site"
        (site / "dashboards").mkdir(parents=True)
        (site / "dashboards" / "lead_quality.html").write_text("<title>x</title>")
        (site / "dbt-docs.html").write_text(static_page(target), encoding="utf-8")
        assert write_column_lineage(target, site / "columns.html")
        documented = (REPOSITORY / "docs" / "questions.md").read_text(encoding="utf-8")
        write_pages(site, target, re.sub(r" Query: \[.*?\)\.", "", documented))  # links of the repository
        request.config.docs_site = site
    return request.config.docs_site


class Links(HTMLParser):
    def __init__(self, page: Path):
        super().__init__()
        self.targets, self.anchors = [], set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.targets += [value for name, value in attributes if name in ("href", "src")]
        self.anchors |= {value for name, value in attributes if name == "id"}


def test_links_lead_somewhere(site: Path) -> None:
    assert sorted(path.name for path in site.glob("*.html")) == sorted(PAGES)
    found = set()
    for name in ("index.html", "questions.html", "contract.html", "decisions.html"):
        for link in Links(site / name).targets:
            # Links of the decision log to a site of the web are for whoever clicks them.
            if link.startswith(("data:", "http")):
                continue
            file, _, anchor = link.partition("#")
            file = file.partition("?")[0]
            page = site / (file or name)
            assert page.exists(), f"{name}: {link}"
            assert not anchor or anchor.startswith("!") or anchor in Links(page).anchors, f"{name}: {link}"
            found.add(page.relative_to(site).as_posix())
    assert found == {*PAGES, "dashboards/lead_quality.html"}


def test_a_full_disk_leaves_pages_as_they_were(site: Path, tmp_path: Path) -> None:
    questions = (site / "questions.md").read_text(encoding="utf-8")
    with small_disk(tmp_path / "disk", size="4m") as disk:
        write_pages(disk, site.parent / "target", questions)
        before = {path.name: path.read_text() for path in disk.iterdir()}
        fill(disk)
        with pytest.raises(OSError, match="No space left"):
            write_pages(disk, site.parent / "target", questions)
        (disk / "filling").unlink()
        assert {path.name: path.read_text() for path in disk.iterdir()} == before


def test_contract_is_the_database_s(site: Path, shape_database: ShapeDatabase) -> None:
    text = (site / "contract.html").read_text(encoding="utf-8")
    for mart in (*MARTS, "mart_freshness"):
        columns = query(
            shape_database.dsn,
            f"""
            select attname, format_type(atttypid, atttypmod) from pg_attribute
            where attrelid = 'analytics.{mart}'::regclass and attnum > 0 order by attnum
            """,
        )
        section = text.partition(f'<h2 id="{mart}">')[2].partition("<h2")[0]
        assert re.findall(r"<td><code>(\w+)</code></td><td>([^<]+)</td>", section) == columns, mart


def test_columns_are_traced_through_unions(site: Path) -> None:
    page = (site / "columns.html").read_text(encoding="utf-8")
    assert "window.colibriTelemetry = false" in page
    data = json.loads(base64.b64decode(re.search(r'atob\("([^"]+)"', page)[1]))
    traced = {edge["target"].rpartition(".")[2] for edge in data["lineage"]["edges"]}
    assert set(MARTS) <= traced


def test_last_run_is_told(site: Path) -> None:
    results = json.loads((site.parent / "target" / "run_results.json").read_text())
    nodes = [node for node in results["results"] if not node["unique_id"].startswith(("operation.", "exposure."))]
    text = (site / "index.html").read_text(encoding="utf-8")
    assert "all well" in text and f"Of {len(nodes)} models, seeds and tests" in text
    assert results["metadata"]["generated_at"][:16].replace("T", " ") in text
    nodes[0] |= {"status": "error", "unique_id": f"model.x.{SCRIPT}"}
    told = last_run_body(results)
    assert "1 failed" in told and SCRIPT not in told


def test_markup_in_the_decisions_is_text(site: Path) -> None:
    body = markdown_body(f"# Title\n\n## A `b` {SCRIPT}\n\n{SCRIPT}\n\n| a |\n|---|\n| {SCRIPT} |\n")
    assert "<script" not in body and body.count("&lt;script&gt;") >= 3
    assert "<table>" in body and f'<h2 id="{anchor_of(f"A `b` {SCRIPT}")}">' in body


def test_the_first_page_opens_with_the_answer(site: Path, shape_database: ShapeDatabase) -> None:
    with closing(psycopg2.connect(shape_database.dsn)) as connection:
        body = now_body(connection, has_boards=True)
        assert now_body(connection, has_boards=False).count("<a ") == 0
    cells = dict(re.findall(r'<tr><td><a href="dashboards/\w+.html">([^<]+)</a></td><td>(.*?)</td></tr>', body))
    months = query(
        shape_database.dsn,
        """
        select
            sum(leads.total_cost) / nullif(count(*) filter (where is_qualified), 0),
            count(*) filter (where is_qualified)
        from analytics.enhanced_leads as leads
        where
            leads.created_at >= date_trunc('month', now()) - interval '1 month'
            and leads.created_at < date_trunc('day', now()) + interval '1 day'
        group by date_trunc('month', leads.created_at)
        """,
    )
    price = cells["A qualified lead cost this month"]
    said = [f"${cost:,.3f} ({count:,}" for cost, count in months if cost is not None]
    assert said and all(part in price for part in said), price
    ((spent, down),) = query(
        shape_database.dsn,
        """
        select
            (select sum(total_cost) from analytics.api_cost_tracking
                where date between date_trunc('month', now()) and now()),
            (select string_agg(service_name, ', ' order by service_name) from analytics.service_health_metrics
                where is_latest and status = 'down' and "timestamp" > now() - interval '1 day')
        """,
    )
    assert cells["Spent on API calls this month"].startswith(f"${spent:,.2f}")
    assert (f"down: {down}" in cells["Services"]) if down else ("down:" not in cells["Services"])


def test_without_marts_the_first_page_opens_with_none(shape_database: ShapeDatabase) -> None:
    with closing(psycopg2.connect(shape_database.dsn, options="-crole=pg_monitor")) as connection:
        assert now_body(connection, has_boards=True) == ""


def test_browser_asks_nobody_and_complains_of_nothing(site: Path) -> None:
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium (Debian, Ubuntu: chromium)")
        pytest.skip("no Chromium (Debian, Ubuntu: chromium)")
    from playwright.sync_api import sync_playwright

    asked, said = [], []
    with sync_playwright() as playwright:
        flags = [f"--{flag}" for flag in FLAGS.split()]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, timeout=PATIENCE_MS)
        for name in PAGES:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.set_default_timeout(PATIENCE_MS)
            page.on("request", lambda request: asked.append(request.url))
            # dbt's own page, opened from disk, asks for icons that it has not named yet.
            if name != "dbt-docs.html":
                page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error, name=name: said.append(f"{name}: {error}"))
            page.goto((site / name).as_uri())
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(1000)  # for what it complains of once it is there
            if name in ("index.html", "questions.html", "contract.html", "decisions.html"):
                assert page.evaluate("document.documentElement.scrollWidth") <= 1400, name
            page.close()
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert said == []
