"""The plot: time against rows, both logarithmic, with one line for each contender."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from benchmarks.panels import CONTENDERS, DUCKDB, MARTS, PANELS, RAW, VIEW
from benchmarks.size import Measured, median_seconds

# Blue, orange, green and purple that the colour-blind can tell apart, and a marker for each.
STYLES = {
    RAW: ("#8c5e00", "s"),
    VIEW: ("#7b4fa3", "^"),
    DUCKDB: ("#d1495b", "D"),
    MARTS: ("#00798c", "o"),
}
UPKEEP = "to take in 0.1 % new rows"
INK, FAINT = "#222222", "#d9d9d9"
LABEL_GAP = 0.075  # of the height of a plot, between two labels


def write_plot(sizes: list[Measured], folder: Path) -> None:
    """Write figures.png and figures.svg."""
    plt.rcParams.update({"font.size": 10, "svg.hashsalt": "benchmark", "axes.edgecolor": INK, "text.color": INK})
    figure, axes = plt.subplots(2, 3, figsize=(15, 8.4), sharex=True)
    calls = [size.api_calls for size in sizes]
    for ax, panel in zip(axes.flat, PANELS, strict=False):
        lines = {name: [size.panels[panel][name].p50 for size in sizes] for name in CONTENDERS}
        _draw(ax, panel, calls, lines)
    _draw(axes.flat[-1], UPKEEP, calls, _upkeep(sizes))
    _share_height(axes.flat[: len(PANELS)])
    for ax in axes.flat:
        _label_lines(ax)
    for ax in axes[-1]:
        ax.set_xlabel("API calls in the source")
    for ax in axes[:, 0]:
        ax.set_ylabel("time")
    figure.suptitle(
        "A dashboard panel answered four ways, on the same rows and the same machine",
        x=0.012,
        y=0.985,
        ha="left",
        fontsize=15,
        weight="bold",
    )
    figure.text(
        0.012,
        0.932,
        "Median of warm repetitions, lower is better; both axes are logarithmic. Last plot: refreshing the view,"
        " copying to DuckDB, and dbt run (PostgreSQL's part).",
        fontsize=10.5,
    )
    figure.tight_layout(rect=(0, 0, 1, 0.93), w_pad=0.6, h_pad=2)
    for ending in ("png", "svg"):
        figure.savefig(folder / f"figures.{ending}", dpi=150, metadata={"Date": None} if ending == "svg" else None)
    plt.close(figure)


def _upkeep(sizes: list[Measured]) -> dict[str, list[float | None]]:
    """What each contender needs until new rows are in its own copy. Raw SQL and the marts' live tail need nothing."""
    return {
        VIEW: [size.upkeep.get(VIEW) for size in sizes],
        DUCKDB: [size.upkeep.get(DUCKDB) for size in sizes],
        MARTS: [median_seconds(size.dbt.get("run, new rows", []), "postgres_seconds") for size in sizes],
    }


def _draw(ax: Axes, title: str, calls: list[int], lines: dict[str, list[float | None]]) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    for name, seconds in lines.items():
        points = [(x, y) for x, y in zip(calls, seconds, strict=True) if y]
        if not points:
            continue
        colour, marker = STYLES[name]
        width = 3 if name == MARTS else 1.8
        ax.plot(*zip(*points, strict=True), color=colour, marker=marker, linewidth=width, clip_on=False, label=name)
    ax.set_title(title, loc="left", fontsize=11.5, weight="bold")
    ax.grid(which="major", color=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.xaxis.set_major_formatter(FuncFormatter(_count))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(calls)
    ax.set_xlim(calls[0] / 1.25, calls[-1] * 1.25)
    low, high = ax.get_ylim()
    ax.set_ylim(10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(high)))
    ax.yaxis.set_major_formatter(FuncFormatter(_duration))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _share_height(panels: list[Axes]) -> None:
    """One scale for all panels, so that a line's height means the same everywhere."""
    limits = [ax.get_ylim() for ax in panels]
    for ax in panels:
        ax.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))


def _label_lines(ax: Axes) -> None:
    """Write each line's name and last value beside its end, moved apart where they would overlap."""
    ends = {line.get_label(): (line.get_xdata()[-1], line.get_ydata()[-1]) for line in ax.get_lines()}
    low, high = np.log10(ax.get_ylim())
    order = sorted(ends, key=lambda name: ends[name][1])
    heights: list[float] = []
    for name in order:
        wanted = (np.log10(ends[name][1]) - low) / (high - low)
        heights.append(max(wanted, heights[-1] + LABEL_GAP) if heights else wanted)
    overflow = max(0.0, heights[-1] - 1.0) if heights else 0.0
    for name, height in zip(order, heights, strict=True):
        ax.annotate(
            f"{name}  {_duration(ends[name][1])}",
            (1.02, height - overflow),
            xycoords="axes fraction",
            va="center",
            color=STYLES[name][0],
            fontsize=9.5,
            annotation_clip=False,
        )


def _count(value: float, _=None) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g}"


def _duration(seconds: float, _=None) -> str:
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_two_digits(seconds / size)} {unit}"
    return f"{_two_digits(seconds * 1e6)} µs"


def _two_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
