"""Exports: each format read back by another library, what a spreadsheet must not run, what a condition must not do."""

from __future__ import annotations

import csv
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars
import psycopg2
import pytest
from clones import PATIENCE_SECONDS
from conftest import REPOSITORY, at_one_moment, environment_of, execute, new_database, query
from disks import fill, small_disk
from embedded_postgres import Server
from errors import UserFacingError
from export import main
from exporting.condition import check_condition
from exporting.output import Target
from exporting.reports import MARTS, names

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

ODD = ["=1+1", "+15125550100", "-5", "@SUM(A1)", "\tx", "\rx", '"; --', "Ünïcode 北京", "a\nb", "</script>", "007", ""]
# A mart as the reader sees it: a relation of this name and these types.
LEADS = """
create schema analytics;
create table analytics.enhanced_leads as
select
    ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid as id,
    name as business_name,
    (array['A', 'B'])[1 + n %% 2] as grade,
    (n::numeric / 3)::numeric(12, 4) as total_cost,
    0::numeric(12, 6) as nothing,
    n::bigint as email_count,
    array[name, 'b'] as business_type,
    jsonb_build_array(name) as enrichment_sources,
    n %% 2 = 0 as is_qualified,
    date '2026-01-01' + n::int as day,
    '2026-01-01 23:59:59.123456+00'::timestamptz + n * interval '1 day' as created_at,
    null::text as website
from unnest(%s) with ordinality as odd (name, n);
"""


@pytest.fixture(scope="module")
def leads(server: Server) -> Iterator[str]:
    """A database that holds nothing but a small mart, with texts that look like something else."""
    with new_database(server) as dsn:
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(LEADS, (ODD,))
        yield dsn


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Exports to a file from a database, and gives the file."""

    def run(dsn: str, name: str, form: str, *arguments: str) -> Path:
        for variable, value in environment_of(dsn).items():
            monkeypatch.setenv(variable, value)
        monkeypatch.delenv("DATABASE_URL", raising=False)
        path = tmp_path / f"{name}.{form}"
        assert main([name, "--output", str(path), *arguments]) == 0
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
        return path

    return run


@pytest.fixture(autouse=True)
def keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the export puts into the environment goes with the test."""
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "10")


def test_csv(leads: str, export) -> None:
    text = export(leads, "enhanced_leads", "csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbf"), "Excel takes a file without this mark for another encoding"
    rows = list(csv.DictReader(text.decode("utf-8-sig").splitlines(keepends=True)))
    rows.sort(key=lambda row: row["id"])
    assert [row["business_name"] for row in rows] == [
        f"'{odd}" if odd[:1] in "=+-@\t\r" and odd else odd for odd in ODD
    ]
    assert rows[1] | {"business_name": ""} == {
        "id": "00000000-0000-4000-8000-000000000002",
        "business_name": "",
        "grade": "A",
        "total_cost": "0.6667",
        "nothing": "0.000000",
        "email_count": "2",
        "business_type": "'+15125550100; b",
        "enrichment_sources": '["+15125550100"]',
        "is_qualified": "TRUE",
        "day": "2026-01-03",
        "created_at": "2026-01-03 23:59:59",
        "website": "",
    }


def test_negative_number_stays_a_number(leads: str, export) -> None:
    execute(leads, "update analytics.enhanced_leads set total_cost = -5 where email_count = 1")
    try:
        rows = list(csv.DictReader(export(leads, "enhanced_leads", "csv").read_text("utf-8-sig").splitlines()))
        assert {"-5.0000"} <= {row["total_cost"] for row in rows}
    finally:
        execute(leads, "update analytics.enhanced_leads set total_cost = 0.3333 where email_count = 1")


def test_xlsx(leads: str, export) -> None:
    book = openpyxl.load_workbook(export(leads, "enhanced_leads", "xlsx"))
    header, *rows = book["enhanced_leads"].iter_rows()
    by_id = sorted(rows, key=lambda row: row[0].value)
    names_read = [row[1] for row in by_id]
    assert {cell.data_type for cell in names_read if cell.value} == {"s"}, "no formula"
    # Excel's own writing of a carriage return, which openpyxl leaves as it is; an empty text is an empty cell
    assert [cell.value or "" for cell in names_read] == [odd.replace("\r", "_x000D_") for odd in ODD]
    cells = {name.value: cell for name, cell in zip(header, by_id[1], strict=True)}
    assert cells["business_name"].quotePrefix
    assert cells["total_cost"].value == 0.6667 and cells["total_cost"].data_type == "n"
    assert cells["day"].value == datetime(2026, 1, 3) and cells["day"].number_format == "yyyy-mm-dd"
    assert abs(cells["created_at"].value - datetime(2026, 1, 3, 23, 59, 59, 123000)).total_seconds() < 0.002
    assert cells["is_qualified"].value is True
    assert cells["website"].value is None


def test_xlsx_goes_on_in_another_sheet(leads: str, export, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporting.workbook.ROWS_PER_SHEET", 6)
    book = openpyxl.load_workbook(export(leads, "enhanced_leads", "xlsx"))
    assert book.sheetnames == ["enhanced_leads", "enhanced_leads 2", "enhanced_leads 3"]
    assert [sheet.max_row for sheet in book] == [6, 6, 3]
    assert {sheet["A1"].value for sheet in book} == {"id"}


def test_parquet(leads: str, export) -> None:
    frame = polars.read_parquet(export(leads, "enhanced_leads", "parquet")).sort("id")
    row = frame.row(1, named=True)
    assert frame["business_name"].to_list() == ODD
    assert (row["total_cost"], frame.schema["total_cost"]) == (Decimal("0.6667"), polars.Decimal(12, 4))
    assert row["created_at"] == datetime(2026, 1, 3, 23, 59, 59, 123456, tzinfo=timezone.utc)
    assert row["business_type"] == ["+15125550100", "b"]
    assert (row["email_count"], row["website"], row["is_qualified"]) == (2, None, True)


def test_json(leads: str, export) -> None:
    text = export(leads, "enhanced_leads", "json").read_text(encoding="utf-8")
    rows = sorted(json.loads(text, parse_float=Decimal), key=lambda row: row["id"])
    assert [row["business_name"] for row in rows] == ODD
    assert rows[1]["total_cost"] == Decimal("0.6667")
    assert rows[1]["enrichment_sources"] == ["+15125550100"]
    assert rows[1]["created_at"] == "2026-01-03T23:59:59.123456+00:00"
    assert text.count("\n") == len(ODD) + 2, "a row on each line"


@pytest.mark.parametrize("form", ["csv", "json", "xlsx", "parquet"])
def test_no_rows(leads: str, export, form: str) -> None:
    path = export(leads, "enhanced_leads", form, "--where", "false")
    if form == "json":
        assert json.loads(path.read_text()) == []
    elif form == "csv":
        assert path.read_text("utf-8-sig").startswith("id,business_name,") and len(path.read_text().splitlines()) == 1
    elif form == "xlsx":
        assert openpyxl.load_workbook(path)["enhanced_leads"].max_row == 1
    else:
        assert polars.read_parquet(path).shape == (0, 12)


@pytest.mark.parametrize(
    "condition",
    [
        "true; drop table analytics.enhanced_leads",
        "true) or (true",
        "true) union all select * from pg_authid --",
        "exists (select 1)",
        "pg_sleep(10) is null",
        "set_config('role', 'none', false) is null",
        "query_to_xml('select 1', true, true, '') is null",
        "pg_read_file('/etc/passwd') is null",
        "PG_TERMINATE_BACKEND(1)",
        '"pg_sleep"(1) is null',
        "grade = E'\\' or true --'",
        "grade = U&'\\0041'",
        "grade = $$A$$",
        "grade = 'A' -- ",
        "grade = 'A' /* x */",
        "grade = 'A",
        "grade = 'A'\0",
        'grade = "A"',
        "enhanced_leads is null",
        "xmin = 1",
        "analytics.enhanced_leads.grade = 'A'",
        "((grade = 'A')",
        "current_user = 'x'",
        "grade::regclass is null",
    ],
)
def test_condition_can_only_compare(server: Server, condition: str) -> None:
    with pytest.raises(UserFacingError, match="refused"):
        check_condition(condition, ["id", "grade"])


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("grade = 'A'", 6),
        ("business_name = '</script>'", 1),
        ("business_name like '%;%' and is_qualified is not true", 1),
        ("created_at >= date '2026-01-03' and total_cost between 0.5 and 1e3", 11),
        ("lower(grade) in ('a', 'x') or day < '2026-01-03'::date", 7),
        ("'b' = any(business_type) and not is_qualified", 6),
        ("\"grade\" is distinct from 'A' and email_count % 2 = 1 and created_at < now() + interval '99 years'", 6),
    ],
)
def test_condition_chooses(leads: str, export, condition: str, rows: int) -> None:
    path = export(leads, "enhanced_leads", "json", "--where", condition)
    assert len(json.loads(path.read_text(encoding="utf-8"))) == rows


def test_only_marts_and_reports_can_be_named(server: Server, capsys: pytest.CaptureFixture) -> None:
    for name in ("pg_authid", 'campaign_analytics"; drop table x; --', "../roi", "analytics.roi"):
        with pytest.raises(SystemExit) as end:
            main([name])
        assert end.value.code == 2
        assert "there is no mart or report" in capsys.readouterr().err


def test_reads_as_the_reporter_and_writes_nothing(leads: str, export, capsys: pytest.CaptureFixture) -> None:
    execute(leads, "create role analytics_reporter; grant usage on schema analytics to analytics_reporter")
    try:
        for variable, value in environment_of(leads).items():
            os.environ[variable] = value
        assert main(["enhanced_leads", "--output", "-"]) == 1
        assert "analytics_reporter cannot read it: permission denied" in capsys.readouterr().err
        execute(leads, "grant select on analytics.enhanced_leads to analytics_reporter")
        export(leads, "enhanced_leads", "csv")
        assert "read as analytics_reporter" in capsys.readouterr().err
    finally:
        execute(leads, "drop owned by analytics_reporter; drop role analytics_reporter")


def test_failure_leaves_the_old_file(leads: str, export, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = export(leads, "enhanced_leads", "csv")
    before = path.read_bytes()
    # Fails at one of the later rows
    assert main(["enhanced_leads", "--output", str(path), "--where", "1 / (5 - email_count) < 9"]) == 1
    assert "division by zero" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o077 == 0
    assert main(["enhanced_leads", "--output", str(tmp_path / "no" / "x.csv")]) == 1
    assert "Nothing can be written in" in capsys.readouterr().err


# What is no file


def _run(dsn: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    """The program, as another process that may end badly."""
    environment = {**os.environ, **environment_of(dsn)}
    program = [sys.executable, str(REPOSITORY / "scripts" / "export.py"), "enhanced_leads", *arguments]
    options = options or {"capture_output": True}
    return subprocess.run(program, env=environment, timeout=PATIENCE_SECONDS, **options)


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("way", ["null", "link"])
def test_a_device_stays_one(leads: str, tmp_path: Path, form: str, way: str) -> None:
    """Never the machine's own: a node of the test's, with the numbers of /dev/null."""
    node = tmp_path / "null"
    _make_node(node, stat.S_IFCHR, os.makedev(1, 3))
    before = os.lstat(node)
    if way == "link":
        (tmp_path / "link").symlink_to(node)
    result = _run(leads, "--format", form, "--output", str(tmp_path / way))
    assert (result.returncode, result.stderr.count(b"\n")) == (0, 1), result.stderr
    after = os.lstat(node)
    assert stat.S_ISCHR(after.st_mode)
    kept = ("st_mode", "st_rdev", "st_ino", "st_uid")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    links = {path.name: path.is_symlink() for path in tmp_path.iterdir()}
    assert links == ({"null": False, "link": True} if way == "link" else {"null": False})


def test_a_disk_and_a_socket_are_refused(leads: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    _make_node(disk, stat.S_IFBLK, os.makedev(240, 77))  # numbers for experiments: no driver has them
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(tmp_path / "socket"))
        before = [os.lstat(path) for path in sorted(tmp_path.iterdir())]
        for name, what in (("disk", b"is a disk"), ("socket", b"is no file")):
            result = _run(leads, "--output", str(tmp_path / name))
            assert result.returncode == 1 and what in result.stderr
            assert result.stderr.count(b"\n") == 1
        after = [os.lstat(path) for path in sorted(tmp_path.iterdir())]
        assert [(s.st_ino, s.st_mode, s.st_rdev) for s in after] == [(s.st_ino, s.st_mode, s.st_rdev) for s in before]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_pipe_is_written_to(leads: str, tmp_path: Path, form: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    result = _run(leads, "--format", form, "--output", str(pipe))
    assert result.returncode == 0, result.stderr
    assert stat.S_ISFIFO(os.lstat(pipe).st_mode)
    reader.join(PATIENCE_SECONDS)
    assert got[0].startswith(b"\xef\xbb\xbfid," if form == "csv" else b"PK")


def test_a_link_stays_one_and_its_file_is_replaced(leads: str, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file, link = tmp_path / "there" / "file.csv", tmp_path / "link.csv"
    link.symlink_to("there/file.csv")
    for _ in ("a new file", "the file of before"):
        assert _run(leads, "--output", str(link)).returncode == 0
        assert os.readlink(link) == "there/file.csv"
        assert file.read_text("utf-8-sig").startswith("id,") and not file.is_symlink()
        file.write_text("old")
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["file.csv"]
    link.unlink()
    link.symlink_to("link.csv")
    round_and_round = _run(leads, "--output", str(link))
    assert round_and_round.returncode == 1 and round_and_round.stderr.count(b"\n") == 1


def test_a_device_that_comes_meanwhile_stays(server: Server, tmp_path: Path) -> None:
    target = Target(str(tmp_path / "x.csv"), is_seeking=False)
    with pytest.raises(UserFacingError, match="is no file any more"), target:
        os.mkfifo(tmp_path / "x.csv")
    assert [stat.S_ISFIFO(os.lstat(path).st_mode) for path in tmp_path.iterdir()] == [True]


@pytest.mark.parametrize("form", ["csv", "json", "xlsx", "parquet"])
def test_a_full_disk_is_one_line(leads: str, tmp_path: Path, form: str) -> None:
    node = tmp_path / "full"
    _make_node(node, stat.S_IFCHR, os.makedev(1, 7))  # as /dev/full, which takes no byte
    with open(node, "wb") as full:
        result = _run(leads, "--format", form, "--output", "-", stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1
    assert result.stderr == b"Error: The output cannot be written: No space left on device.\n"
    with small_disk(tmp_path / "disk", size="16k") as disk:
        old = disk / f"x.{form}"
        old.write_text("old")
        fill(disk)
        result = _run(leads, "--output", str(old))
        assert result.returncode == 1
        assert result.stderr.count(b"\n") == 1 and b"No space left on device" in result.stderr, result.stderr
        assert old.read_text() == "old" and {path.name for path in disk.iterdir()} == {old.name, "filling"}


def _make_node(path: Path, kind: int, device: int) -> None:
    try:
        os.mknod(path, 0o600 | kind, device)
        if kind == stat.S_IFCHR:
            path.write_bytes(b"")
    except OSError as error:
        pytest.skip(f"no device can be made here: {error.strerror}")


@pytest.mark.parametrize("form", ["csv", "json", "xlsx", "parquet"])
def test_memory_is_bounded(server: Server, empty_database: str, tmp_path: Path, form: str) -> None:
    """Ten times the rows, and about the same memory, in a process of its own."""
    rows = 20_000 if form == "xlsx" else 200_000
    execute(
        empty_database,
        f"""
        create schema analytics;
        create table analytics.enhanced_leads as
        select n as id, repeat('text ', 20) || n as business_name, n::numeric(12, 4) as total_cost, now() as created_at
        from generate_series(1, {rows}) as n
        """,
    )
    peaks = []
    for condition in (f"id <= {rows // 10}", "true"):
        program = (
            "import resource, export; assert export.main() == 0;"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        arguments = ["enhanced_leads", "--where", condition, "--output", str(tmp_path / f"x.{form}")]
        environment = {**os.environ, **environment_of(empty_database), "PYTHONPATH": str(REPOSITORY / "scripts")}
        result = subprocess.run(
            [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
        peaks.append(int(result.stdout) / (1024 if sys.platform == "linux" else 1024**2))
    assert peaks[1] - peaks[0] < 25, f"{peaks} MiB"


@pytest.mark.parametrize("shape_database", ["hybrid"], indirect=True)
def test_every_mart_and_report_is_whole(shape_database, export, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = shape_database.dsn

    def count(mart: str) -> None:
        frame = polars.read_parquet(export_alone(export, dsn, mart))
        assert frame.height == query(dsn, f"select count(*) from analytics.{mart}")[0][0], mart

    for mart in MARTS:
        at_one_moment(lambda mart=mart: count(mart))
    totals = {
        "campaign-performance": ("total_cost", "select sum(total_cost) from analytics.campaign_analytics"),
        "cost-analysis": ("total_cost", "select sum(total_cost) from analytics.api_cost_tracking"),
        "roi": ("net_value", "select sum(qualified_leads * 10 - total_cost) from analytics.campaign_analytics"),
        "lead-export": (
            "total_cost",
            "select sum(total_cost) from analytics.enhanced_leads where duplicate_of is null",
        ),
    }
    assert sorted(totals) == sorted(set(names()) - set(MARTS))
    for report, (column, statement) in totals.items():
        frame = polars.read_parquet(export_alone(export, dsn, report))
        assert abs(frame[column].sum() - query(dsn, statement)[0][0]) < Decimal("0.01"), report


def export_alone(export, dsn: str, name: str) -> bytes:
    path = export(dsn, name, "parquet")
    try:
        return path.read_bytes()
    finally:
        path.unlink()
