"""Write a mart, or one of the application's reports, to a file, with the reporter's rights.

Reports: campaign-performance, cost-analysis, roi, lead-export. The database is the one that ./scripts/run would use:
DATABASE_URL or the PG* variables, else the embedded server. Rows are streamed, in a read-only transaction, as the
reporter (variable reporter_role) where that role exists and the connected one may be it.

--where is an SQL condition on the columns of the mart or report, such as "grade = 'A' and created_at >= '2026-01-01'".
It may use columns, values, operators, a few functions (now, lower, date_trunc …), and nothing else: no subqueries.

csv      for spreadsheets: UTF-8 with a mark that tells Excel so, times in UTC to the second. Texts that a spreadsheet
         would take for a formula (= + - @ at the start) get an apostrophe before them.
xlsx     the same as an Excel workbook: typed cells, times in UTC to the millisecond; a new sheet every 1,048,575 rows.
json     one array, a row on each line, times with their offset, decimals exact.
parquet  for programs: exact decimals, times in UTC, lists as lists.

The file appears when it is complete, and only its owner may read it: leads are personal data. A file of that name is
replaced, and so is the file that a symbolic link of that name points to; into a pipe or a device it is written.

Exit code: 0 written, 1 something failed (one line says what), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from datetime import date
from pathlib import Path

from errors import UserFacingError
from exporting.condition import check_condition
from exporting.database import Reader, connect
from exporting.output import STDOUT, Target
from exporting.reports import names, query_of
from exporting.writers import FORMATS


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        _export(options)
    except UserFacingError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1  # who reads our output has had enough, and knows
    except KeyboardInterrupt:
        print("\nInterrupted: nothing was written.", file=sys.stderr)
        return 130
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./scripts/export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="MART", help=f"one of: {', '.join(names())}")
    parser.add_argument("--where", metavar="SQL", help="only rows for which this holds")
    parser.add_argument("--format", choices=FORMATS, help="default: by the ending of --output, else csv")
    parser.add_argument(
        "--output", metavar="FILE", help="default: MART-DATE.FORMAT in this folder; - is standard output"
    )
    options = parser.parse_args(arguments)
    if options.name not in names():
        parser.error(f"there is no mart or report '{options.name}': take one of {', '.join(names())}")
    ending = Path(options.output or "").suffix.removeprefix(".")
    options.format = options.format or (ending if ending in FORMATS else "csv")
    options.output = options.output or f"{options.name}-{date.today():%Y-%m-%d}.{options.format}"
    return options


def _export(options: argparse.Namespace) -> None:
    writer_class = FORMATS[options.format]
    writer_class.check_installed()
    query, order = query_of(options.name)
    with closing(connect()) as connection:
        reader = Reader(connection, query)
        if options.where:
            check_condition(options.where, [column.name for column in reader.columns])
        with Target(options.output, writer_class.is_binary) as target:
            rows = reader.rows(options.where, order, as_json=options.format == "json")
            writer = writer_class(target.file, reader.columns, options.name)
            count = writer.write_all(target.counted(rows))
    place = "standard output" if options.output == STDOUT else options.output
    print(f"{count:,} rows of {options.name} to {place}, read as {reader.role}", file=sys.stderr)
    for note in writer.notes:
        print(f"Note: {note}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
