"""The benchmark at a small size: it writes its report, and the contenders really answer the same questions."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import benchmark
import psycopg2
import pytest
from benchmarks import contenders, goals, source
from benchmarks.dbt_runs import Dbt, Run
from benchmarks.panels import (
    CONTENDERS,
    DUCKDB,
    MARTS,
    PANELS,
    RAW,
    USAGE_ONLY,
    VIEW,
    Moment,
    mart_panels,
)
from benchmarks.plot import write_plot
from benchmarks.size import (
    AFTER_RUN,
    FEWEST_LIVE,
    TEN_MINUTES,
    WITH_NEW_ROWS,
    Measured,
    check_disk,
    check_live,
    shown_live,
    usage_agrees,
)
from benchmarks.structure import files_behind, longest_path
from benchmarks.timing import BusySessions, Patience, Timing, TookTooLongError, time_warm
from clones import PATIENCE_SECONDS
from conftest import ONE_SERVER, REPOSITORY, execute, query, spare_parsing
from embedded_postgres import Server
from errors import UserFacingError

PROGRAM = [sys.executable, str(REPOSITORY / "scripts" / "benchmark.py")]
API_CALLS = 20_000


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that one whole benchmark wrote."""
    folder, scratch = tmp_path_factory.mktemp("figures"), tmp_path_factory.mktemp("scratch")
    options = ["--repetitions", "2", "--panel-seconds", "1", "--dbt-runs", "1", "--out", folder, "--scratch", scratch]
    said, on_termination = io.StringIO(), signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.setattr("benchmarks.size.Dbt", ParsedBefore)
        status = benchmark.main([str(API_CALLS), *map(str, options)])
    signal.signal(signal.SIGTERM, on_termination)
    assert status == 0, said.getvalue()
    assert not list(scratch.iterdir()), "the throw-away server was not removed"
    return folder


class ParsedBefore(Dbt):
    """dbt that reads the project as it has been read for other tests."""

    def __init__(self, server: Server, database: str, folder: Path, limit_seconds: float) -> None:
        super().__init__(server, database, folder, limit_seconds)
        spare_parsing(self._target, server.environment(database))


@pytest.fixture(scope="module")
def figures(report: Path) -> dict:
    return json.loads((report / "figures.json").read_text())


def test_report_has_every_mart_and_goal(report: Path, figures: dict) -> None:
    text = (report / "figures.md").read_text()
    for mart in _marts():
        assert f"`{mart}`" in text
    for goal in figures["goals"]:
        assert goal["what"] in text


def test_plot_is_an_image(report: Path) -> None:
    assert (report / "figures.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (report / "figures.svg").read_text()


def test_contenders_give_the_same_answers(figures: dict) -> None:
    (size,) = figures["sizes"]
    assert size["answers_agree"] == dict.fromkeys(CONTENDERS, True)
    usage_calls = {name: Decimal(total["calls"]) for name, total in size["totals"][USAGE_ONLY].items()}
    assert usage_calls == dict.fromkeys(CONTENDERS, size["rows"]["api_usage"])
    for panel, totals in size["totals"].items():
        for contender in (VIEW, DUCKDB):
            for what in ("calls", "cost"):
                assert Decimal(totals[contender][what]) == Decimal(totals[RAW][what]), (panel, contender)
    # With both logs, the marts count a call once and the others twice.
    assert 1.5 < size["raw_overcount"]["calls"] < 2


def test_everything_was_measured(figures: dict) -> None:
    (size,) = figures["sizes"]
    for table, rows in size["added_rows"].items():
        assert rows == pytest.approx(size["rows"][table] / 1000, rel=0.5), table
    for name, runs in size["dbt"].items():
        assert [run["outcome"] for run in runs] == ["passed"], name
        assert all(0 < run["postgres_seconds"] < run["seconds"] for run in runs), name
    assert size["dbt"]["full refresh"][0]["memory_peak_bytes"] > 10_000_000
    assert not any(timing["is_stopped"] for timing in size["freshness"].values())
    assert {panel["mart"] for panel in size["marts"]} == _marts()
    for panel in size["marts"]:
        assert all(seconds > 0 for seconds in panel["planning"]["seconds"]), panel["panel"]


def test_rows_lie_above_the_watermark(figures: dict, report: Path) -> None:
    """As many as ten minutes of business bring, and then 0.1 % of all; the report says how many."""
    (size,) = figures["sizes"]
    assert list(size["live"]) == [AFTER_RUN, TEN_MINUTES, WITH_NEW_ROWS]
    check_live(size["live"][TEN_MINUTES], API_CALLS)
    new = {what: size["live"][WITH_NEW_ROWS][what] - size["live"][AFTER_RUN][what] for what in FEWEST_LIVE}
    for what, table in (("calls", "api_usage"), ("log records", "api_usage_log"), ("leads", "businesses")):
        # and the probes of freshness
        assert size["rows"][table] * 0.0005 <= new[what] <= size["rows"][table] * 0.0015 + 2, what
    assert shown_live(size["live"][TEN_MINUTES]).split(", ")[0].split()[0] in (report / "figures.md").read_text()


@ONE_SERVER
def test_new_rows_come_to_lie_where_they_are_wanted(empty_database: str) -> None:
    """Up to now as far apart as they were, or closer together behind a moment; records of a call stay together."""
    tables = "api_usage", "api_usage_log", "businesses"
    rows = "select gen_random_uuid() as id, n as number, now() - (1440 + n) * interval '1 minute' as created_at"
    made = (
        f"create table {table} as {rows} from generate_series(1, 100) as n;"
        f" alter table {table} alter id set default gen_random_uuid();"
        for table in tables
    )
    execute(empty_database, "".join(made))
    ((since,),) = query(empty_database, "select now() - interval '1 minute'")
    with source.connect(empty_database) as connection:
        for share, after, added, span in ((0.5, None, 50, 49 * 60), (0.3, since, 45, 60)):
            known = {table: [row for (row,) in query(empty_database, f"select id from {table}")] for table in tables}
            assert source.add_activity(connection, share, after) == dict.fromkeys(tables, added)
            for table in tables:
                times = [
                    time
                    for row, time in query(empty_database, f"select id, created_at from {table}")
                    if row not in known[table]
                ]
                assert len(times) == added and min(times) >= (after or min(times)), table
                assert span - 5 < (max(times) - min(times)).total_seconds() < span + 5, table
    pairs = "select count(*) from api_usage join api_usage_log using (number, created_at)"
    assert query(empty_database, pairs) == [(195,)]


def test_too_few_rows_above_the_watermark_are_refused() -> None:
    enough = {what: fewest // 10 for what, fewest in FEWEST_LIVE.items()}
    check_live(enough, 1_000_000)
    for what in enough:
        with pytest.raises(UserFacingError, match="above the watermark"):
            check_live({**enough, what: enough[what] - 1}, 1_000_000)


def test_files_and_paths_are_counted() -> None:
    def node(kind: str, file: str, nodes: tuple = (), macros: tuple = (), package: str = "p") -> dict:
        depends_on = {"macros": list(macros)} | ({"nodes": list(nodes)} if kind != "macro" else {})
        return {"resource_type": kind, "original_file_path": file, "package_name": package, "depends_on": depends_on}

    manifest = {
        "metadata": {"project_name": "p"},
        "nodes": {
            "model.p.mart": node("model", "mart.sql", ["model.p.one", "model.p.two"], ["macro.p.a"]),
            "model.p.one": node("model", "one.sql", ["model.p.two", "seed.p.seed"], ["macro.dbt.x"]),
            "model.p.two": node("model", "two.sql", ["source.p.s.t"]),
            "model.p.other": node("model", "other.sql", ["model.p.mart"], ["macro.p.unused"]),
            "seed.p.seed": node("seed", "seed.csv"),
        },
        "macros": {
            "macro.p.a": node("macro", "ab.sql", macros=["macro.p.b"]),
            "macro.p.b": node("macro", "ab.sql", macros=["macro.p.a"]),
            "macro.dbt.x": node("macro", "dbt.sql", macros=["macro.p.c"], package="dbt"),
            "macro.p.c": node("macro", "c.sql"),
            "macro.p.unused": node("macro", "unused.sql"),
        },
    }
    assert files_behind(manifest, "mart") == {"mart.sql", "one.sql", "two.sql", "ab.sql", "c.sql"}
    assert longest_path(manifest) == 4


def test_every_mart_has_a_panel() -> None:
    assert {mart for mart, _ in mart_panels(Moment(date(2025, 6, 1), "campaign"))} == _marts()


def test_termination_removes_the_server(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "100_000", "--scratch", str(tmp_path), "--out", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert any("API calls" in line for line in process.stderr), "it ended before it had loaded anything"
        assert [path for path in tmp_path.iterdir() if path.name.startswith("leadgen-benchmark-")]
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, errors
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["many"], "'many' is no number"),
        (["10"], "too few"),
        (["--repetitions", "0"], "no positive whole number"),
        (["--scratch", "/nowhere/at/all"], "does not exist"),
        (["1_000_000_000_000"], "of disk"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = subprocess.run([*PROGRAM, *arguments, "--out", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_disk_that_is_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="--scratch"):
        check_disk(tmp_path, 10**12)


def test_answers_that_differ_do_not_agree() -> None:
    day = date(2025, 6, 1)
    truth = [(day, "hunter_io", 3, Decimal("0.3"), 0), (day, "other", 2, Decimal("0.2"), 1)]
    # Unknown services are taken together; where a cost is missing, the marts put the list price.
    assert usage_agrees(truth, [*truth[:1], (day, "clearbit", 1, 1, None), (day, "unknown", 1, 1, None)])
    assert not usage_agrees(truth, truth[:1])
    assert not usage_agrees(truth, [(day, "hunter_io", 4, Decimal("0.3"), 0), truth[1]])
    assert not usage_agrees(truth, [(day, "hunter_io", 3, Decimal("0.31"), 0), truth[1]])


def test_warm_timing_stops_when_it_should() -> None:
    patience = Patience(repetitions=5, panel_seconds=60, limit_seconds=1)
    assert len(time_warm(lambda: [], patience)[0].seconds) == 5
    patience = replace(patience, panel_seconds=0.05)
    slow, answer = time_warm(lambda: time.sleep(0.06) or [1], patience)
    assert (len(slow.seconds), answer) == (1, [1])

    def never() -> list:
        raise TookTooLongError

    assert time_warm(never, patience) == (Timing((1,), is_stopped=True), [])


def test_statement_is_stopped_at_the_limit(empty_database: str) -> None:
    patience = Patience(repetitions=5, panel_seconds=60, limit_seconds=2)
    with contenders.postgres(empty_database, "public", patience.limit_seconds) as ask:
        timing, answer = time_warm(lambda: ask("select pg_sleep(600)"), patience)
        assert (timing.is_stopped, answer) == (True, [])
        # Planned, and not carried out
        assert contenders.planning_seconds(ask, "select pg_sleep(600)") > 0
        assert ask("select 1") == [(1,)]


def test_sessions_that_work_side_by_side_count_once(empty_database: str) -> None:
    """Two that wait for a lock are both busy, and what they do not do before and after is nothing."""
    at_work = [psycopg2.connect(empty_database, application_name="at_work") for _ in range(2)]
    busy = "select from pg_stat_activity where application_name = 'at_work' and state = 'active'"
    with closing(psycopg2.connect(empty_database)) as holder:
        holder.cursor().execute("select pg_advisory_lock(1)")
        with BusySessions(empty_database, "at_work") as sessions, ThreadPoolExecutor() as pool:
            begun = time.monotonic()
            working = [pool.submit(one.cursor().execute, "select pg_advisory_lock_shared(1)") for one in at_work]
            try:
                while len(query(empty_database, busy)) < 2:
                    assert time.monotonic() < begun + PATIENCE_SECONDS
                both_busy = time.monotonic()
                # On a busy machine it takes a while until both are, and that must not count for much.
                time.sleep(max(1, 10 * (both_busy - begun)))
                least = time.monotonic() - both_busy
            finally:
                holder.cursor().execute("select pg_advisory_unlock(1)")
            for one in working:
                one.result()
            most = time.monotonic() - begun
            time.sleep(most)
    for one in at_work:
        one.close()
    # Counted twice, or when idle, it would be twice as much.
    assert 0.75 * least < sessions.seconds < 1.4 * most


def test_goals_are_judged_at_their_sizes(tmp_path: Path) -> None:
    good = [_measured(1_000_000), _measured(10_000_000), _measured(100_000_000)]
    assert not [goal for goal in goals.judge(good) if goal.is_met is False]
    write_plot(good, tmp_path)

    slow_marts = _measured(10_000_000, mart_seconds=0.060)
    too_slow = ["slowest panel on a mart, p95", "the same with 0.1 % new rows that no run has taken in"]
    assert [goal.what for goal in goals.judge([slow_marts]) if goal.is_met is False] == too_slow
    missed = [goal.what for goal in goals.judge([good[0], slow_marts]) if goal.is_met is False]
    assert missed == [*too_slow, "growth of a panel on a mart, p95, worst"]

    slow_run = replace(good[1], dbt={**good[1].dbt, "run, new rows": [_run(6.0)]})
    missed = {goal.what.partition(",")[0] for goal in goals.judge([good[0], slow_run]) if goal.is_met is False}
    assert missed == {"full refresh / run after 0.1 % new rows", "growth of a run after 0.1 % new rows"}


def test_stopped_command_meets_no_goal() -> None:
    measured = _measured(10_000_000)
    measured.dbt["build, nothing new"] = [replace(_run(1.0), outcome="stopped")]
    judged = {goal.what: goal for goal in goals.judge([measured])}
    assert judged["dbt build with nothing new, whole process"].is_met is False


def _measured(api_calls: int, mart_seconds: float = 0.020) -> Measured:
    """Figures that meet every goal unless told otherwise."""
    raw_seconds = mart_seconds * 200
    settings = dict.fromkeys(("shared_buffers", "work_mem", "maintenance_work_mem"), "1MB")
    by_contender = {
        contender: Timing((mart_seconds if contender == MARTS else raw_seconds,)) for contender in CONTENDERS
    }
    return Measured(
        api_calls,
        facts={"settings": settings},
        panels=dict.fromkeys((*PANELS, USAGE_ONLY), by_contender),
        marts={("campaign_analytics", "one campaign"): Timing((mart_seconds,))},
        planning={("campaign_analytics", "one campaign"): Timing((0.005,))},
        behind={("campaign_analytics", "one campaign"): Timing((mart_seconds,))},
        upkeep={VIEW: 10.0, DUCKDB: 5.0},
        answers_agree=dict.fromkeys(CONTENDERS, True),
        freshness={"enhanced_leads": Timing((0.1,))},
        dbt={
            "run, new rows": [_run(2.0)],
            "build, nothing new": [_run(2.0)],
            "full refresh": [replace(_run(100.0), rollup_seconds=30.0, memory_peak_bytes=10**9)],
        },
        group_by=Timing((10.0,)),
    )


def _run(seconds: float) -> Run:
    return Run("dbt", seconds, seconds, "passed")


def _marts() -> set[str]:
    return {path.stem for path in (REPOSITORY / "models" / "marts").glob("*.sql")}
