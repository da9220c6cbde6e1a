"""Tell whether the checks catch what they should: break the project in twenty ways, one at a time.

The ways are in scripts/mutations/mutations.yml. Each is applied to a copy of the project, and the program says what
turns red:

    quick      ./scripts/test quick
    whole      ./scripts/test; where quick, a part of it, is red, without being run
    scheduled  `dbt build` as on a schedule, in a database that the project as it is has built before, after the
               application has written, corrected and deleted rows

Scheduled builds come first: after each, marts and rights are compared with those of the project as it is. A mutation
that does not build, or changes nothing, says nothing about the checks and is an error. Works in copies and on a server
of its own, all thrown away afterwards. Progress goes to stderr, the table to stdout.

Exit code: 0 if as many turn red as should, 1 if not, 2 for wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from errors import UserFacingError
from mutations.mutation import Mutation, UnfitMutation, progress, read_mutations

PARTS = {"quick": "quick", "whole": "whole", "scheduled": "scheduled build"}
"""What may turn red, and its title."""
GOALS = {"quick": 15, "whole": 20, "scheduled": 5}
"""How many must. A scheduled build tests what it can afford: its number is what has been reached."""
SHOWN_TESTS = 2


@dataclass
class Outcome:
    """Which parts a mutation has turned red, and which tests of the scheduled build; or why it says nothing."""

    is_red: dict[str, bool] = field(default_factory=dict)
    failed_tests: list[str] = field(default_factory=list)
    problem: str = ""


def _judge(mutations: list[Mutation], parts: list[str]) -> list[Outcome]:
    """Break the project in each of these ways, and print the table."""
    from mutations.suite import Suite

    outcomes = [Outcome() for _ in mutations]
    with tempfile.TemporaryDirectory(prefix="leadgen-mutations-") as name:
        if "scheduled" in parts:
            _schedule(Path(name), mutations, outcomes)
        suite = Suite(Path(name))
        _print_row(["mutation", "where", *(PARTS[part] for part in parts)])
        _print_row(["---"] * (2 + len(parts)))
        for mutation, outcome in zip(mutations, outcomes, strict=True):
            for part in ("quick", "whole"):
                if part in parts and not outcome.problem:
                    outcome.is_red[part] = outcome.is_red.get("quick") or suite.is_red(part, mutation)
            _print_row(_cells(mutation, outcome, parts))
    return outcomes


def _schedule(folder: Path, mutations: list[Mutation], outcomes: list[Outcome]) -> None:
    from mutations.scheduled import scenario

    with scenario(folder) as builds:
        for mutation, outcome in zip(mutations, outcomes, strict=True):
            try:
                outcome.failed_tests = builds.failed_tests(mutation)
                outcome.is_red["scheduled"] = bool(outcome.failed_tests)
                progress(f"{mutation.name}: a scheduled build is {'red' if outcome.failed_tests else 'green'}")
            except UnfitMutation as error:
                outcome.problem = str(error)
                progress(f"{mutation.name} {error}")


def _cells(mutation: Mutation, outcome: Outcome, parts: list[str]) -> list[str]:
    cells = [f"`{mutation.name}`: {mutation.breaks}", mutation.where]
    for part in parts:
        cell = "red" if outcome.is_red.get(part) else "green"
        if part == "scheduled" and outcome.failed_tests:
            more = len(outcome.failed_tests) - SHOWN_TESTS
            cell += ": " + ", ".join(outcome.failed_tests[:SHOWN_TESTS]) + (f", {more} more" if more > 0 else "")
        cells.append("-" if outcome.problem else cell)
    return cells


def _print_row(cells: list[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/check_mutations", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these mutations")
    parser.add_argument(
        "--with", nargs="+", dest="parts", choices=PARTS, default=list(PARTS), help="what to try (default: all three)"
    )
    parser.add_argument("--list", action="store_true", help="print the mutations, and do nothing")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    mutations = read_mutations()
    if unknown := sorted(set(options.only) - {mutation.name for mutation in mutations}):
        print(f"There is no mutation {', '.join(unknown)}: --list has their names.", file=sys.stderr)
        return 2
    chosen = [mutation for mutation in mutations if mutation.name in options.only or not options.only]
    if options.list:
        for mutation in chosen:
            print(f"{mutation.name} ({mutation.where}): {mutation.breaks}")
        return 0
    parts = [part for part in PARTS if part in options.parts]
    outcomes = _judge(chosen, parts)
    # Of those that are left out, all may be red.
    goals = {part: max(0, GOALS[part] - len(mutations) + len(chosen)) for part in parts}
    reached = {part: sum(outcome.is_red.get(part, False) for outcome in outcomes) for part in parts}
    counts = [f"{PARTS[part]} {reached[part]} (at least {goals[part]})" for part in parts]
    print(f"\nRed of {len(chosen)}: {', '.join(counts)}")
    for mutation, outcome in zip(chosen, outcomes, strict=True):
        if outcome.problem:
            print(f"Error: mutation {mutation.name} {outcome.problem}", file=sys.stderr)
    is_good = all(reached[part] >= goals[part] for part in parts) and not any(outcome.problem for outcome in outcomes)
    return 0 if is_good else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are ended, too
    try:
        sys.exit(main())
    except UserFacingError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
