"""Time the marts against raw SQL, a materialized view and DuckDB, on the same rows. Called by ./scripts/benchmark.

For each number of API calls it makes a throw-away embedded PostgreSQL server with sample data, builds the marts with
dbt, asks every contender the same questions, inserts new rows, and runs dbt again. It prints one report and writes
it as figures.md, with all single times in figures.json and a plot in figures.png and figures.svg. Your databases and
the embedded server of ./scripts/run are not touched.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import psycopg2
from benchmarks import report
from benchmarks.plot import write_plot
from benchmarks.size import Measured, check_disk, measure
from benchmarks.timing import Patience
from embedded_postgres import REPOSITORY
from errors import UserFacingError
from sample_data.load import FEWEST_API_CALLS, RefusedError

DEFAULT_SIZES = (1_000_000, 10_000_000)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns the exit status: 0 if everything was measured, whether goals are met or not."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _run(options)
    except (UserFacingError, RefusedError, OSError, psycopg2.Error) as error:
        print(f"Error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The throw-away server is gone.", file=sys.stderr)
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    sizes = sorted(set(options.api_calls))
    check_disk(options.scratch, sizes[-1])
    options.out.mkdir(parents=True, exist_ok=True)
    patience = Patience(options.repetitions, options.panel_seconds, options.limit)
    machine = report.machine()
    started = time.monotonic()
    measured: list[Measured] = []
    for api_calls in sizes:

        def progress(line: str, api_calls: int = api_calls) -> None:
            print(f"[{time.monotonic() - started:6.0f} s] {api_calls:,}: {line}", file=sys.stderr, flush=True)

        measured.append(measure(api_calls, options.scratch, options.out, patience, options.dbt_runs, progress))
        # After every size, so that a large one that fails does not take the others with it.
        text = report.write(measured, machine, options.out)
        write_plot(measured, options.out)
    print(text)
    print(f"Written to {options.out}: figures.md, figures.json, figures.png, figures.svg")


def _interrupt(*_) -> None:
    raise KeyboardInterrupt


def _calls(text: str) -> int:
    """A number of API calls, with or without underscores or commas."""
    try:
        number = int(text.replace(",", "").replace("_", ""))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no number") from error
    if number < FEWEST_API_CALLS:
        raise argparse.ArgumentTypeError(f"{number} is too few: give at least {FEWEST_API_CALLS}")
    return number


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no positive whole number")
    return int(text)


def _folder(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"the folder '{text}' does not exist: create it")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./scripts/benchmark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "api_calls",
        type=_calls,
        nargs="*",
        default=list(DEFAULT_SIZES),
        metavar="N",
        help="numbers of API calls to measure at, each on a server of its own (default: 1_000_000 10_000_000)",
    )
    parser.add_argument(
        "--out",
        type=lambda text: Path(text).resolve(),
        default=REPOSITORY / "benchmark",
        metavar="FOLDER",
        help="where to write the report and the plot (default: benchmark/)",
    )
    parser.add_argument(
        "--scratch",
        type=_folder,
        default=Path(tempfile.gettempdir()),
        metavar="FOLDER",
        help="where to keep the throw-away server; needs about 1.2 kB for each call (default: %(default)s)",
    )
    parser.add_argument(
        "--repetitions", type=_positive, default=20, metavar="K", help="of a warm panel (default: %(default)s)"
    )
    parser.add_argument(
        "--panel-seconds",
        type=_positive,
        default=30,
        metavar="S",
        help="repeat a panel no longer than this in all (default: %(default)s)",
    )
    parser.add_argument(
        "--dbt-runs",
        type=_positive,
        default=3,
        metavar="K",
        help="repetitions of a dbt command, of which the median counts (default: %(default)s)",
    )
    parser.add_argument(
        "--limit",
        type=_positive,
        default=1800,
        metavar="S",
        help="stop a statement or a dbt command after this time and note it (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
