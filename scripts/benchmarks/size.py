"""All measurements at one number of API calls, on a server that exists for them alone."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import embedded_postgres
from embedded_postgres import Server
from errors import UserFacingError

from benchmarks import contenders, panels, source
from benchmarks.contenders import MARTS_PATH, SOURCE_PATH, Ask
from benchmarks.dbt_runs import Dbt, Run
from benchmarks.panels import DUCKDB, MARTS, OTHER_SERVICE, RAW, USAGE_ONLY, VIEW
from benchmarks.structure import structure
from benchmarks.timing import Patience, Timing, TookTooLongError, time_warm, timed

DATABASE = "benchmark"
NEW_ROWS_SHARE = 0.001
TEN_MINUTES_SHARE = 0.0003  # of the rows: what comes in ten minutes of business, and in what a run leaves to settle
AFTER_RUN, TEN_MINUTES, WITH_NEW_ROWS = "right after a run", "ten minutes after", "with 0.1 % new rows"
# What must lie above the watermark for ten minutes of business to be among what is asked.
FEWEST_LIVE = {"calls": 2_500, "log records": 2_000, "leads": 500}
FEWEST_LIVE_AT = 10_000_000  # API calls; in proportion at other sizes
POLL_SECONDS = 0.01
# Source, view, DuckDB file and marts twice, while they are rebuilt; and write-ahead log and temporary files.
BYTES_PER_CALL = 1_200
SPARE_BYTES = 4_000_000_000

Progress = Callable[[str], None]
Answers = dict[str, dict[str, list[tuple]]]  # by contender and panel


@dataclass
class Measured:
    """The figures of one size. Times in seconds; a dbt command has a list with one `Run` for each repetition."""

    api_calls: int
    facts: dict = field(default_factory=dict)
    panels: dict[str, dict[str, Timing]] = field(default_factory=dict)  # by panel and contender
    live: dict[str, dict[str, int]] = field(default_factory=dict)  # by state: rows above the watermark, of each kind
    marts: dict[tuple[str, str], Timing] = field(default_factory=dict)  # by mart and title, ten minutes after a run
    planning: dict[tuple[str, str], Timing] = field(default_factory=dict)  # of it, to plan
    behind: dict[tuple[str, str], Timing] = field(default_factory=dict)  # before a run takes in new rows
    structure: dict = field(default_factory=dict)  # of the project
    upkeep: dict[str, float] = field(default_factory=dict)  # by contender: to bring its copy up to date
    totals: dict[str, dict[str, dict]] = field(default_factory=dict)  # by panel and contender: calls and cost
    answers_agree: dict[str, bool] = field(default_factory=dict)  # by contender, on the usage-only question
    raw_overcount: dict[str, float] = field(default_factory=dict)  # calls and cost: raw SQL's answer over the marts'
    freshness: dict[str, Timing] = field(default_factory=dict)  # by mart
    dbt: dict[str, list[Run]] = field(default_factory=dict)
    group_by: Timing | None = None
    added_rows: dict[str, int] = field(default_factory=dict)


def check_disk(scratch: Path, api_calls: int) -> None:
    """Refuse a size for which there is no room."""
    needed = SPARE_BYTES + api_calls * BYTES_PER_CALL
    free = shutil.disk_usage(scratch).free
    if free < needed:
        raise UserFacingError(
            f"{api_calls:,} API calls need about {needed / 1e9:.0f} GB of disk, and {scratch} has {free / 1e9:.0f} GB:"
            " name another folder with --scratch, or give a smaller number"
        )


def measure(
    api_calls: int, scratch: Path, logs: Path, patience: Patience, dbt_runs: int, progress: Progress
) -> Measured:
    """Make the data, measure everything, and leave nothing behind but the output of failed dbt commands in `logs`."""
    check_disk(scratch, api_calls)
    with tempfile.TemporaryDirectory(prefix="leadgen-benchmark-", dir=scratch) as name:
        folder = Path(name)
        folder.chmod(0o755)  # root's server runs as another account
        data_dir = folder / "postgres"
        try:
            server = embedded_postgres.start(data_dir, durable=False)
            embedded_postgres.ensure_database(server, DATABASE)
            measured = Measured(api_calls)
            _Session(server, folder, logs, patience, dbt_runs, progress, measured).measure()
            return measured
        finally:
            embedded_postgres.stop(data_dir)


class _Session:
    """The steps, in their order: what changes the rows comes after all that compares answers."""

    def __init__(
        self,
        server: Server,
        folder: Path,
        logs: Path,
        patience: Patience,
        dbt_runs: int,
        progress: Progress,
        measured: Measured,
    ):
        self._dsn, self._folder, self._logs = server.dsn(DATABASE), folder, logs
        self._dbt = Dbt(server, DATABASE, folder, patience.limit_seconds)
        self._patience, self._dbt_runs, self._progress = patience, dbt_runs, progress
        self._measured = measured
        self._answers: Answers = {}

    def measure(self) -> None:
        source.load(self._dsn, self._measured.api_calls, self._progress)
        with source.connect(self._dsn) as connection:
            self._moment = source.moment_of(connection)
            self._measured.facts = source.facts(connection)
        self._measure_others()
        self._run_dbt("first build", "build", "--resource-type", "seed", "--resource-type", "model")
        self._measured.structure = structure(self._dbt.manifest())
        self._count_live(AFTER_RUN)
        with contenders.postgres(self._dsn, MARTS_PATH, self._patience.limit_seconds) as ask:
            self._time_panels(MARTS, ask, panels.marts_sql(self._moment))
        self._compare_answers()
        self._measure_freshness()
        self._measure_marts()
        # What was added above the watermark may lie above that of the first run, too, which needs rows to take in.
        self._add_activity()
        self._measure_dbt()
        with source.connect(self._dsn) as connection:
            self._measured.facts["database_bytes_at_end"] = source.facts(connection)["database_bytes"]

    def _measure_others(self) -> None:
        with contenders.postgres(self._dsn, SOURCE_PATH, self._patience.limit_seconds) as ask:
            self._time_panels(RAW, ask, panels.raw_sql(self._moment))
        with source.connect(self._dsn, search_path=SOURCE_PATH) as connection:
            self._progress(f"{VIEW}: creating and refreshing")
            self._measured.upkeep[VIEW] = contenders.create_view(connection)
        with contenders.postgres(self._dsn, SOURCE_PATH, self._patience.limit_seconds) as ask:
            self._time_panels(VIEW, ask, panels.view_sql(self._moment))
        with source.connect(self._dsn) as connection:
            self._progress(f"{DUCKDB}: copying")
            with contenders.duckdb_copy(connection, self._folder / "copy.duckdb") as (ask, seconds):
                self._measured.upkeep[DUCKDB] = seconds
                self._time_panels(DUCKDB, ask, panels.raw_sql(self._moment))

    def _measure_marts(self) -> None:
        """The marts' panels, with what comes in ten minutes above the watermark, and with more that no run has seen."""
        self._add_live(TEN_MINUTES_SHARE)
        self._count_live(TEN_MINUTES)
        self._measured.marts = self._time_marts(TEN_MINUTES)
        with contenders.postgres(self._dsn, MARTS_PATH, self._patience.limit_seconds) as ask:
            for key, statement in panels.all_mart_panels(self._moment).items():
                times = [contenders.planning_seconds(ask, statement) for _ in range(self._patience.repetitions)]
                self._measured.planning[key] = Timing(tuple(times))
        self._add_live(NEW_ROWS_SHARE - TEN_MINUTES_SHARE)
        self._count_live(WITH_NEW_ROWS)
        self._measured.behind = self._time_marts(WITH_NEW_ROWS)

    def _time_marts(self, state: str) -> dict[tuple[str, str], Timing]:
        timings = {}
        with contenders.postgres(self._dsn, MARTS_PATH, self._patience.limit_seconds) as ask:
            for (mart, title), statement in panels.all_mart_panels(self._moment).items():
                timing, _ = time_warm(lambda statement=statement: ask(statement), self._patience)
                timings[mart, title] = timing
                self._progress(f"{state}: {mart}, {title}: p95 {timing.p95 * 1000:,.1f} ms")
        return timings

    def _add_live(self, share: float) -> None:
        with source.connect(self._dsn) as connection:
            source.add_activity(connection, share, after=source.watermark(connection))
            connection.cursor().execute("analyze")

    def _count_live(self, state: str) -> None:
        with source.connect(self._dsn) as connection:
            found = self._measured.live[state] = source.above_watermark(connection)
        self._progress(f"{state}: above the watermark are {shown_live(found)}")
        if state != AFTER_RUN:
            check_live(found, self._measured.api_calls)

    def _time_panels(self, contender: str, ask: Ask, statements: dict[str, str]) -> None:
        self._answers[contender] = {}
        for panel, statement in statements.items():
            timing, answer = time_warm(lambda statement=statement: ask(statement), self._patience)
            self._answers[contender][panel] = answer
            self._measured.panels.setdefault(panel, {})[contender] = timing
            self._progress(f"{contender}, {panel}: p95 {timing.p95 * 1000:,.1f} ms")

    def _compare_answers(self) -> None:
        """Whether all say the same of `api_usage` alone, and by how much raw SQL overcounts both logs together."""
        truth = self._answers[RAW][USAGE_ONLY]
        for contender, answers in self._answers.items():
            if truth and answers[USAGE_ONLY]:  # neither was stopped
                self._measured.answers_agree[contender] = usage_agrees(truth, answers[USAGE_ONLY])
        totals = self._measured.totals = {
            panel: {name: _totals(panel, answers[panel]) for name, answers in self._answers.items()}
            for panel in (*panels.PANELS, USAGE_ONLY)
        }
        all_time = totals[panels.ALL_TIME]
        for what in ("calls", "cost"):
            if all_time[RAW][what] and all_time[MARTS][what]:
                self._measured.raw_overcount[what] = float(all_time[RAW][what] / all_time[MARTS][what])

    def _measure_freshness(self) -> None:
        """From the commit of a row to the first answer that has it; no dbt in between."""
        campaign_id = self._moment.campaign_id
        probes = {
            "api_cost_tracking": (
                source.insert_call,
                f"select 1 from api_cost_tracking where campaign_id = '{campaign_id}' and endpoint = '{{name}}'"
                f" and date >= '{self._moment.today}'",
            ),
            "enhanced_leads": (
                source.insert_lead,
                f"select 1 from enhanced_leads where campaign_id = '{campaign_id}' and business_name = '{{name}}'",
            ),
        }
        limit = self._patience.limit_seconds
        with source.connect(self._dsn) as writer, contenders.postgres(self._dsn, MARTS_PATH, limit) as ask:
            for mart, (insert, statement) in probes.items():
                seconds = []
                try:
                    for number in range(self._dbt_runs):
                        name = f"benchmark_probe_{number}"
                        insert(writer, campaign_id, name)
                        seconds.append(self._seconds_until_answered(ask, statement.format(name=name)))
                    timing = Timing(tuple(seconds))
                except TookTooLongError:
                    timing = Timing((limit,), is_stopped=True)
                self._measured.freshness[mart] = timing
                self._progress(f"freshness of {mart}: {max(timing.seconds):.3f} s")

    def _seconds_until_answered(self, ask: Ask, statement: str) -> float:
        started = time.perf_counter()
        while not ask(statement):
            if time.perf_counter() - started > self._patience.limit_seconds:
                raise TookTooLongError
            time.sleep(POLL_SECONDS)
        return time.perf_counter() - started

    def _measure_dbt(self) -> None:
        for _ in range(self._dbt_runs):
            self._run_dbt("run, new rows", "run")
            self._add_activity()
        self._run_dbt("build, new rows", "build")
        for _ in range(self._dbt_runs):
            self._run_dbt("build, nothing new", "build")
        self._run_dbt("full refresh", "run", "--full-refresh", with_memory=True)
        self._progress("the plainest group by over both logs")
        with source.connect(self._dsn) as connection, connection.cursor() as cursor:
            seconds = [timed(lambda: cursor.execute(_GROUP_BY))[0] for _ in range(min(2, self._dbt_runs))]
        self._measured.group_by = Timing(tuple(seconds))

    def _add_activity(self) -> None:
        with source.connect(self._dsn) as connection:
            self._measured.added_rows = source.add_activity(connection, NEW_ROWS_SHARE)

    def _run_dbt(self, name: str, *arguments: str, with_memory: bool = False) -> None:
        run = self._dbt.run(*arguments, with_memory=with_memory)
        self._measured.dbt.setdefault(name, []).append(run)
        self._progress(
            f"dbt {name}: {run.outcome} after {run.seconds:.1f} s, of it PostgreSQL {run.postgres_seconds:.1f} s"
        )
        if run.outcome == "passed":
            return
        log = self._logs / f"dbt-{name.replace(',', '').replace(' ', '-')}-{self._measured.api_calls}.log"
        log.write_text(run.output)
        if name == "first build":
            raise UserFacingError(f"dbt could not build the marts: {run.outcome}, see {log}")


def shown_live(live: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in live.items())


def check_live(live: dict[str, int], api_calls: int) -> None:
    """Refuse to time marts whose live part has less to do than after ten minutes of business."""
    for what, fewest in FEWEST_LIVE.items():
        needed = fewest * api_calls // FEWEST_LIVE_AT
        if live[what] < needed:
            raise UserFacingError(
                f"only {shown_live(live)} lie above the watermark: the marts' times would be too good"
            )


def _totals(panel: str, answer: list[tuple]) -> dict[str, Decimal]:
    """Calls and cost over all rows of an answer; they are a panel's last columns."""
    calls, cost = (-3, -2) if panel == USAGE_ONLY else (-2, -1)
    return {
        what: sum((Decimal(row[at] or 0) for row in answer), Decimal())
        for what, at in (("calls", calls), ("cost", cost))
    }


def usage_agrees(truth: list[tuple], answer: list[tuple]) -> bool:
    """Whether two answers to the usage-only question say the same.

    Services that the list of spellings lacks are taken together: raw SQL does not tell them apart. Cost is compared
    where every call has one: the marts put the list price in the place of a missing cost.
    """
    expected, found = _by_day_and_service(truth), _by_day_and_service(answer)
    return expected.keys() == found.keys() and all(
        calls == found[key][0] and (without_cost or cost == found[key][1])
        for key, (calls, cost, without_cost) in expected.items()
    )


def _by_day_and_service(rows: list[tuple]) -> dict[tuple, tuple]:
    known = {service for _, service in source.service_names()}
    summed: dict[tuple, tuple] = {}
    for date, service, *measures in rows:
        key = (date, service if service in known else OTHER_SERVICE)
        before = summed.get(key, (0, 0, 0))
        summed[key] = tuple(old + (new or 0) for old, new in zip(before, measures, strict=True))
    return summed


def median_seconds(runs: list[Run], attribute: str) -> float | None:
    """The median of what the runs took; None if one of them did not pass or has no such figure."""
    seconds = [getattr(run, attribute) if run.outcome == "passed" else None for run in runs]
    return None if not seconds or None in seconds else statistics.median(seconds)


_GROUP_BY = """
create temporary table grouped on commit drop as
select campaign_id, service, endpoint, date_trunc('hour', created_at), count(*), sum(cost)
from (
    select campaign_id, service, endpoint, created_at, cost from api_usage
    union all
    select campaign_id, api_service, endpoint, created_at, request_cost from api_usage_log
) as records
group by 1, 2, 3, 4
"""
