"""Draw the boards of dashboards/ from the marts, as static pages or live.

  render [FOLDER]   write one page for each board, and index.html, into FOLDER (site/dashboards if not named);
                    they open from disk, and show all campaigns, services and days
  serve             show them at http://127.0.0.1:8580 with filters that work, until Ctrl-C; nobody has to log in, so it
                    answers this machine only (--port for another port)
  publish FOLDER    render for a web server: FOLDER is a symbolic link to the pages, and is replaced in one step; for
                    cron, say. If anything fails, what was published before stays

The database is the one that ./scripts/run would use: DATABASE_URL or the PG* variables, else the embedded server. It is
read with the rights of analytics_reporter (variable reporter_role) if the connected role is that one or may become it.

Exit code: 0 done, 1 something failed (one line says what), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from boards.pages import render, titles
from boards.publishing import publish
from boards.reader import Reader, find_reader
from boards.workplace import workplace
from embedded_postgres import REPOSITORY
from errors import UserFacingError, disk_error

FOLDER = REPOSITORY / "site" / "dashboards"
PORT = 8580


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        reader = find_reader(os.environ)
        if reader.note:
            print(f"Note: {reader.note}", flush=True)
        if options.command == "serve":
            return serve(reader, options.port)
        if options.command == "publish":
            publish(options.folder, lambda made: render(made, reader))
            print(f"Published {len(titles())} boards: {Path(os.path.abspath(options.folder))}/index.html")
        else:
            pages = render(options.folder, reader)
            print(f"Boards: {(pages[0].parent / 'index.html').resolve().as_uri()}")
    except UserFacingError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {disk_error(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    return 0


def serve(reader: Reader, port: int) -> int:
    """Run dct's server until it is interrupted; returns its exit code."""
    with workplace(reader) as place:
        first = next(iter(titles()))
        print(f"Serving the boards at http://127.0.0.1:{port}/{first}/ until Ctrl-C", flush=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's way to say Ctrl-C
        process = place.start_server("serve", "--host", "127.0.0.1", "--port", str(port), "--no-cache")
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait(timeout=30)
            return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./scripts/dashboards", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="render | serve | publish")
    commands.add_parser("render").add_argument("folder", nargs="?", type=Path, default=FOLDER)
    commands.add_parser("serve").add_argument("--port", type=_port, default=PORT)
    commands.add_parser("publish").add_argument("folder", type=Path)
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: give a number from 1 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
