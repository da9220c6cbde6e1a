#!/usr/bin/env python3
"""Fill a database with a believable source schema whose truth is known.

Creates the application's tables in one of their three shapes and loads the 90 days before --until: campaigns of
several users, their leads, API calls in one to three logs, and all else that the application records. A known number
of defects of every kind that the data quality mart lists is planted on purpose. --truth writes what is true of the
data: number and cost of API calls (each once) and of leads, the number of exports (each once), and for each kind of
defect all records that hold it.

    ./scripts/generate_sample_data --shape hybrid --truth truth.json
    ./scripts/generate_sample_data --shape enhanced --api-calls 1000000 --database-url postgresql://localhost/leadgen

All is done in one transaction: an interrupted load leaves nothing. Tables that exist are never touched: the load is
refused. Names, phones, addresses and keys are invented; whatever looks like a secret begins with `fake-secret-`.
"""

import argparse
import json
import sys
import time
from datetime import datetime
from pathlib import Path

import psycopg2
from sample_data.campaigns import FEWEST_AT_WORK
from sample_data.load import RefusedError, generate
from sample_data.shapes import TABLES_OF_SHAPE

__all__ = ["generate"]


def main() -> int:
    """Run the command line. Returns the exit status."""
    options = _parser().parse_args()
    started = time.monotonic()

    def progress(line: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {line}", file=sys.stderr, flush=True)

    try:
        truth = generate(
            options.database_url,
            options.shape,
            options.api_calls,
            options.seed,
            options.until,
            options.schema,
            progress,
            options.at_work,
        )
        if options.truth:
            options.truth.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    except KeyboardInterrupt:
        return _fail("interrupted: nothing was loaded")
    except (RefusedError, ValueError, OSError, psycopg2.Error) as error:
        return _fail(str(error))
    calls, cost = truth["api_calls"]["total"], truth["api_cost"]["total"]
    progress(f"loaded shape {options.shape}: {calls:,} API calls for {cost} USD, {truth['leads']:,} leads")
    return 0


def _fail(message: str) -> int:
    """Say in one line why nothing was done."""
    print(f"generate_sample_data: {' '.join(message.split())}", file=sys.stderr)
    return 1


def _timestamp(text: str) -> datetime:
    """An ISO 8601 time; Z for UTC, which Python 3.10 cannot read, is allowed."""
    try:
        return datetime.fromisoformat(text.removesuffix("Z") + ("+00:00" if text.endswith("Z") else ""))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no time: write it like 2025-06-30T18:00:00Z") from error


def _file(text: str) -> Path:
    """A file that can be written once the load is done."""
    path = Path(text)
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder of '{text}' does not exist: create it")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./scripts/generate_sample_data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shape", required=True, choices=list(TABLES_OF_SHAPE), help="which tables the source has")
    parser.add_argument(
        "--api-calls",
        type=int,
        default=30_000,
        metavar="N",
        help="number of true API calls, at least 1000; all else scales with it (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed, size and --until give the same rows (default: %(default)s)"
    )
    parser.add_argument(
        "--until",
        type=_timestamp,
        metavar="TIMESTAMP",
        help="end of the data; UTC unless it names a zone (default: now)",
    )
    parser.add_argument(
        "--at-work",
        type=int,
        default=FEWEST_AT_WORK,
        metavar="CAMPAIGNS",
        help="campaigns at work in the last minutes before --until, at least: a large number makes a burst in an hour"
        " that otherwise is like any business hour (default: %(default)s)",
    )
    parser.add_argument("--truth", type=_file, metavar="FILE", help="write the truth about the data to this JSON file")
    parser.add_argument("--schema", default="public", help="schema to create the tables in (default: %(default)s)")
    parser.add_argument(
        "--database-url", default="", metavar="URL", help="libpq URL or connection string (default: the PG* variables)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
