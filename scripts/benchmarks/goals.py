"""What the figures should be, and whether they are."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.dbt_runs import Run
from benchmarks.panels import ALL_TIME, CONTENDERS, MARTS, RAW, THIRTY_DAYS
from benchmarks.size import Measured, median_seconds
from benchmarks.timing import Timing

REFERENCE_CALLS = 10_000_000  # the size for which the panels' goals are set
PANEL_SECONDS = 0.050
SPEED_UP = 100
PANEL_GROWTH = 2.0
FRESHNESS_SECONDS = 1.0
INCREMENTAL_GROWTH = 1.3
INCREMENTAL_SPEED_UP = 20
GROUP_BY_FACTOR = 4.0
IDLE_BUILD_SECONDS = 12
IDLE_BUILD_POSTGRES_SECONDS = 3
SMALL_SERVER_BYTES = 2 * 1024**3
# Panels faster than this are not compared between sizes: it would be the noise that is compared.
COMPARABLE_SECONDS = 0.002

PARTS = {"whole process": "seconds", "PostgreSQL": "postgres_seconds"}


@dataclass(frozen=True)
class Judged:
    """One figure with its goal. `is_met` is None where the goal is for other sizes, or there is nothing to measure.

    A command that failed or was stopped meets no goal.
    """

    what: str
    calls: str
    measured: str
    goal: str
    is_met: bool | None


def judge(sizes: list[Measured]) -> list[Judged]:
    """Every goal at every size, and between neighbouring sizes."""
    judged = []
    for measured in sizes:
        judged += _judge_answers(measured) + _judge_panels(measured) + _judge_dbt(measured)
    for smaller, larger in zip(sizes, sizes[1:], strict=False):
        judged += _judge_growth(smaller, larger)
    return judged


def speed_up(measured: Measured, panel: str) -> float:
    """How many times faster than raw SQL the marts answer a panel, at the median."""
    return measured.panels[panel][RAW].p50 / measured.panels[panel][MARTS].p50


def _judge_answers(measured: Measured) -> list[Judged]:
    agree = measured.answers_agree
    is_met = all(agree.values()) if set(agree) == set(CONTENDERS) else None
    shown = ", ".join(f"{name}: {'same' if same else 'different'}" for name, same in agree.items())
    return [Judged("answers about api_usage alone", _calls(measured), shown or "not compared", "all the same", is_met)]


def _judge_panels(measured: Measured) -> list[Judged]:
    calls = measured.api_calls
    judged = [
        _judge_slowest("slowest panel on a mart, p95", measured, measured.marts),
        _judge_slowest("the same with 0.1 % new rows that no run has taken in", measured, measured.behind),
    ]
    for panel in (THIRTY_DAYS, ALL_TIME):
        ratio = speed_up(measured, panel)
        judged.append(
            Judged(
                f"raw SQL / mart, {panel}",
                _calls(measured),
                times(ratio),
                f"≥ {SPEED_UP}x at {REFERENCE_CALLS:,}",
                ratio >= SPEED_UP if calls >= REFERENCE_CALLS else None,
            )
        )
    for mart, timing in measured.freshness.items():
        worst = max(timing.seconds)
        shown = f"{'not within ' if timing.is_stopped else ''}{worst:.3f} s"
        goal = f"< {FRESHNESS_SECONDS:.0f} s"
        is_met = worst < FRESHNESS_SECONDS
        judged.append(Judged(f"commit → visible in {mart}, worst", _calls(measured), shown, goal, is_met))
    return judged


def _judge_slowest(what: str, measured: Measured, timings: dict[tuple[str, str], Timing]) -> Judged:
    slowest = max(timings, key=lambda name: timings[name].p95)
    within = sum(timing.p95 <= PANEL_SECONDS for timing in timings.values())
    return Judged(
        what,
        _calls(measured),
        f"{milliseconds(timings[slowest].p95)} ms ({', '.join(slowest)}); {within} of {len(timings)} panels are within",
        f"≤ {PANEL_SECONDS * 1000:.0f} ms at {REFERENCE_CALLS:,}",
        within == len(timings) if measured.api_calls <= REFERENCE_CALLS else None,
    )


def _judge_dbt(measured: Measured) -> list[Judged]:
    calls, runs = _calls(measured), measured.dbt
    judged = []
    for part, attribute in PARTS.items():
        ratio = _ratio(runs.get("full refresh"), runs.get("run, new rows"), attribute)
        goal = f"≥ {INCREMENTAL_SPEED_UP}x"
        is_met = ratio is not None and ratio >= INCREMENTAL_SPEED_UP
        judged.append(Judged(f"full refresh / run after 0.1 % new rows, {part}", calls, times(ratio), goal, is_met))
    rollups = median_seconds(runs.get("full refresh", []), "rollup_seconds")
    ratio = rollups / measured.group_by.p50 if rollups and measured.group_by else None
    judged.append(
        Judged(
            "full refresh of the rollups / plainest group by",
            calls,
            times(ratio) if ratio else "no rollups",
            f"≤ {GROUP_BY_FACTOR:.0f}x",
            ratio <= GROUP_BY_FACTOR if ratio else None,
        )
    )
    for (part, attribute), goal_seconds in zip(
        PARTS.items(), (IDLE_BUILD_SECONDS, IDLE_BUILD_POSTGRES_SECONDS), strict=True
    ):
        seconds = median_seconds(runs.get("build, nothing new", []), attribute)
        judged.append(
            Judged(
                f"dbt build with nothing new, {part}",
                calls,
                f"{seconds:.1f} s" if seconds is not None else "did not pass",
                f"≤ {goal_seconds} s",
                seconds <= goal_seconds if seconds is not None else False,
            )
        )
    return [*judged, *_judge_memory(measured)]


def _judge_memory(measured: Measured) -> list[Judged]:
    peak = _memory_peak(measured)
    settings = measured.facts["settings"]
    used = ", ".join(f"{name} {settings[name]}" for name in ("shared_buffers", "work_mem", "maintenance_work_mem"))
    return [
        Judged(
            "memory of PostgreSQL in a full refresh, peak",
            _calls(measured),
            f"{megabytes(peak)} MB ({used})" if peak else "not measured",
            f"≤ {megabytes(SMALL_SERVER_BYTES)} MB",
            peak <= SMALL_SERVER_BYTES if peak else None,
        )
    ]


def _judge_growth(smaller: Measured, larger: Measured) -> list[Judged]:
    between = f"{larger.api_calls:,} / {smaller.api_calls:,}"
    before, after = smaller.marts, larger.marts
    stopped = [name for name, timing in after.items() if timing.is_stopped]
    growth = {
        name: max(timing.p95, COMPARABLE_SECONDS) / max(before[name].p95, COMPARABLE_SECONDS)
        for name, timing in after.items()
    }
    worst = stopped[0] if stopped else max(growth, key=growth.__getitem__)
    judged = [
        Judged(
            "growth of a panel on a mart, p95, worst",
            between,
            f"stopped ({', '.join(worst)})" if stopped else f"{times(growth[worst])} ({', '.join(worst)})",
            f"≤ {PANEL_GROWTH:.0f}x",
            not stopped and growth[worst] <= PANEL_GROWTH,
        )
    ]
    for part, attribute in PARTS.items():
        ratio = _ratio(larger.dbt.get("run, new rows"), smaller.dbt.get("run, new rows"), attribute)
        is_met = ratio is not None and ratio <= INCREMENTAL_GROWTH
        goal = f"≤ {INCREMENTAL_GROWTH}x"
        judged.append(Judged(f"growth of a run after 0.1 % new rows, {part}", between, times(ratio), goal, is_met))
    peaks = _memory_peak(smaller), _memory_peak(larger)
    if all(peaks):
        judged.append(Judged("growth of the peak of memory", between, times(peaks[1] / peaks[0]), "bounded", None))
    return judged


def _ratio(numerator: list[Run] | None, denominator: list[Run] | None, attribute: str) -> float | None:
    above, below = median_seconds(numerator or [], attribute), median_seconds(denominator or [], attribute)
    return above / below if above is not None and below else None


def _memory_peak(measured: Measured) -> int | None:
    return max((run.memory_peak_bytes or 0 for run in measured.dbt.get("full refresh", [])), default=0) or None


def _calls(measured: Measured) -> str:
    return f"{measured.api_calls:,}"


def milliseconds(seconds: float) -> str:
    """Three significant digits."""
    value = seconds * 1000
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def megabytes(size: float) -> str:
    return f"{size / 1024**2:,.0f}"


def times(ratio: float | None) -> str:
    if ratio is None:
        return "not measured"
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.2g}x" if ratio < 0.1 else f"{ratio:.2f}x"
