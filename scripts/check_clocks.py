"""Run ./scripts/test as if it were another hour and another day, six times.

Every process, the PostgreSQL servers and the browser among them, sees one clock that starts at the given time and
runs on from there (libfaketime, package `faketime` in Debian and Ubuntu). Before the tests run at a clock, each kind of
program is asked what time it is, and the whole is refused if one of them says anything else. Only what a test starts
with an empty environment, as cron does, keeps the machine's own clock.

PART names what to run, as for ./scripts/test; without one, everything is run, six times over. Everything that a run
prints goes to logs/clocks/NAME.log; here a Markdown table tells how it went.

Exit code: 0 if all passed at every clock, 1 if not, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from clocks.faking import Faked, Preloads
from errors import UserFacingError

REPOSITORY = Path(__file__).resolve().parent.parent
LOGS = REPOSITORY / "logs" / "clocks"
WRONG_USAGE = 2
HEADER = ("clock", "zone", "what it is", "outcome", "seconds", "failed")

# The last line of pytest, the names above it, and what ./scripts/test says of its parts.
COUNTS = re.compile(r"^=* ?(\d+ [a-z]+(?:, \d+ [a-z]+)*) in [\d.]+s", re.MULTILINE)
FAILED_TEST = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", re.MULTILINE)
FAILED_PART = re.compile(r"^(\S.*?): failed\b", re.MULTILINE)


@dataclass(frozen=True)
class Clock:
    """When the run begins, and the zone that the machine is in."""

    name: str
    start: datetime
    zone: str
    what: str


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


CLOCKS = (
    Clock("evening", _utc(2026, 11, 25, 23, 30), "UTC", "a Wednesday, before midnight"),
    Clock("sunday", _utc(2026, 11, 29, 23, 50), "UTC", "a Sunday, before midnight"),
    Clock("new-year", _utc(2026, 12, 31, 23, 40), "UTC", "the last day of a month and of a year"),
    Clock("spring", _utc(2027, 3, 28, 0, 40), "Europe/Berlin", "clocks go forward at 01:00 UTC, a Sunday"),
    Clock("autumn", _utc(2027, 10, 31, 0, 40), "Europe/Berlin", "clocks go back at 01:00 UTC, a Sunday"),
    Clock("leap-day", _utc(2028, 2, 29, 23, 30), "UTC", "29 February, the last day of a month"),
)


@dataclass(frozen=True)
class Outcome:
    """How a run went: its exit code, what pytest counted, the tests (or other parts) that failed, and its seconds."""

    code: int
    counts: str
    failed: list[str]
    seconds: float


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    clocks = [clock for clock in CLOCKS if not options.at or clock.name in options.at]
    is_heading_printed = False
    red = []
    with Preloads() as preloads:
        for clock in clocks:
            outcome = _run(clock, preloads, options.parts)
            if outcome.code == WRONG_USAGE:
                print((LOGS / f"{clock.name}.log").read_text(encoding="utf-8"), end="", file=sys.stderr)
                return WRONG_USAGE
            if not is_heading_printed:
                _print_row(*HEADER)
                _print_row(*["---"] * len(HEADER))
                is_heading_printed = True
            _print_row(*_cells(clock, outcome))
            if outcome.code:
                red.append(clock.name)
    what = " ".join(options.parts) or "everything"
    print()
    if red:
        print(f"{what}: failed at {len(red)} of {len(clocks)} clocks: {', '.join(red)}")
    else:
        print(f"{what}: passed at all of {len(clocks)} clocks")
    return 1 if red else 0


def _run(clock: Clock, preloads: Preloads, parts: list[str]) -> Outcome:
    """Run ./scripts/test at a clock, once every kind of program has said that this is the time."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{clock.name}.log"
    with Faked(preloads, clock.start, clock.zone) as faked:
        asked = faked.assert_everywhere()
        _tell(f"{clock.name}: {asked} say {clock.start:%Y-%m-%d %H:%M} UTC; running, see {log.relative_to(REPOSITORY)}")
        started = time.monotonic()
        with log.open("w", encoding="utf-8") as output:
            code = faked.start([str(REPOSITORY / "scripts" / "test"), *parts], output).wait()
        seconds = time.monotonic() - started
    text = log.read_text(encoding="utf-8", errors="replace")
    return Outcome(code, _counts(text), _failed(text), seconds)


def _counts(text: str) -> str:
    """What every pytest of a run counted, together."""
    counts: Counter[str] = Counter()
    for line in COUNTS.findall(text):
        for count in line.split(", "):
            number, _, word = count.partition(" ")
            counts[word.removesuffix("s")] += int(number)
    words = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
    return ", ".join(f"{counts[word]:,} {word}" for word in words if counts[word])


def _failed(text: str) -> list[str]:
    """The tests that failed, and the parts that are no tests."""
    tests = [name.replace("tests/python/", "") for name in FAILED_TEST.findall(text)]
    parts = [name for name in FAILED_PART.findall(text) if not (tests and name.startswith("pytest"))]
    return list(dict.fromkeys([*parts, *tests]))


def _cells(clock: Clock, outcome: Outcome) -> list[str]:
    word = "failed" if outcome.code else "passed"
    return [
        f"{clock.start:%a %Y-%m-%d %H:%M} UTC",
        clock.zone,
        clock.what,
        f"{word}: {outcome.counts}" if outcome.counts else word,
        f"{outcome.seconds:,.0f}",
        "<br>".join(f"`{name}`" for name in outcome.failed),
    ]


def _print_row(*cells: str) -> None:
    print("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |", flush=True)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    width = max(len(clock.name) for clock in CLOCKS)
    clocks = "\n".join(
        f"  {clock.name:<{width}}  {clock.start:%a %Y-%m-%d %H:%M} UTC  {clock.zone:<13}  {clock.what}"
        for clock in CLOCKS
    )
    parser = argparse.ArgumentParser(
        prog="scripts/check_clocks",
        description=__doc__,
        epilog=f"clocks:\n{clocks}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--at",
        action="append",
        choices=[clock.name for clock in CLOCKS],
        metavar="NAME",
        help="only this clock; may be given more than once",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="what ./scripts/test is to run (default: everything)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what is at work is ended, too
    try:
        sys.exit(main())
    except UserFacingError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
