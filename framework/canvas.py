"""What all figures share: canvas, colours, the recall band, and how they become files.

Drawn with matplotlib's objects alone: no window, no state. Colours are those of Okabe & Ito
(jfly.uni-koeln.de/color, 2008), told apart by colour-blind readers. Every interval is a 95 %
percentile bootstrap, stratified as in `framework.metrics`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from framework.files import whole
from framework.task import PARTS

FloatArray = NDArray[np.float64]

BLUE, VERMILLION, BLACK, GREY = "#0072B2", "#D55E00", "#000000", "#888888"
CONTESTANTS = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", BLACK)

COLOURS = {"unexplored": GREY, "shuffled": GREY, "train": BLUE, "holdout": VERMILLION}

WIDTH, HEIGHT, DPI = 7.0, 4.5, 110  # inches, inches, dots an inch
BINS = 41  # odd: a constant stands in the middle
RESAMPLES = 200
POINTS_OF_CURVE = 150


def new_figure(
    height: float = HEIGHT,
    columns: int = 1,
    rows: int = 1,
    width: float = WIDTH,
    layout: Literal["constrained"] | None = "constrained",
) -> tuple[Figure, list[Axes]]:
    """A figure and its empty panels, row by row."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.label.set_fontsize(11)
        axes.yaxis.label.set_fontsize(11)
    return figure, panels


def scores_and_relevance(
    scores: NDArray[Any], part: NDArray[Any]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Scores and relevance (n,) of what is ranked: the hold-out and the unexplored."""
    holdout = part == PARTS.index("holdout")
    ranked = holdout | (part == PARTS.index("unexplored"))
    return scores[ranked].astype(float), holdout[ranked]


def explored_shares(n: int) -> FloatArray:
    """Explored shares from one item to all of them, even on a logarithmic axis."""
    return np.geomspace(1 / max(n, 2), 1, POINTS_OF_CURVE).clip(max=1)


def recall_resampled(
    scores: FloatArray, relevance: NDArray[np.bool_], fractions: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Recall at each fraction (fraction,), and in each bootstrap resample (resample, fraction).

    Inside a tie recall rises evenly, so a curve is linear between the ends of groups of items:
    tied with a positive, or between two. Positives are drawn by item, so that rankings of one
    hold-out see the same draws; candidates as numbers in each group, which is the same and cheap.
    """
    generator = np.random.default_rng(0)
    levels = np.unique(-scores[relevance])
    groups, n_groups = levels.searchsorted(-scores), 2 * len(levels) + 1
    groups += levels.searchsorted(-scores, "right")  # odd exactly where tied with a positive
    positives, candidates = groups[relevance], np.bincount(groups[~relevance], minlength=n_groups)

    def curve(hits: NDArray[np.intp], others: NDArray[np.int64]) -> FloatArray:
        found = np.append(0, np.bincount(hits, minlength=n_groups).cumsum())
        explored = np.append(0, others.cumsum()) + found
        share: FloatArray = np.interp(fractions * len(scores), explored, found) / len(positives)
        return share

    drawn = generator.integers(len(positives), size=(RESAMPLES, len(positives)))
    n = candidates.sum()
    counts = generator.multinomial(n, candidates / n, size=RESAMPLES)
    resampled = [curve(positives[i], others) for i, others in zip(drawn, counts, strict=True)]
    return curve(positives, candidates), np.array(resampled)


def recall_axes(axes: Axes, fractions: FloatArray) -> None:
    """Random order, scales and labels of recall against the explored share."""
    axes.plot(fractions, fractions, color=BLACK, lw=1, ls=":", label="random order")
    axes.set_xscale("log")
    axes.set(xlim=(fractions[0], 1), ylim=(0, 1.02))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:g}"))
    axes.set_xlabel("explored share of hold-out and unexplored (%)")
    axes.set_ylabel("recall of the hold-out")


def densities(axes: Axes, values: Mapping[str, FloatArray]) -> None:
    """Histograms over the bulk of every group, so that one far outlier does not flatten all.

    Args:
        values: by a name in `COLOURS`, backmost first.
    """
    low = min(np.quantile(own, 0.005) for own in values.values())
    high = max(np.quantile(own, 0.995) for own in values.values())
    margin = 0.1 * (high - low) or 1e-3 * abs(low) or 0.5
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    for name, own in values.items():
        # What lies beyond the edges counts in the outermost bins: nothing is hidden.
        density, _ = np.histogram(own.clip(edges[0], edges[-1]), edges, density=True)
        background = COLOURS[name] == GREY
        colour = "#CCCCCC" if background else COLOURS[name]
        label = counted(name, len(own))
        axes.stairs(density, edges, fill=background, color=colour, lw=1.8, label=label)
    axes.set_ylim(bottom=0)


def head(axes: Axes, title: str, columns: int = 2) -> None:
    """Title, and below it the legend, where no data can lie."""
    handles, labels = axes.get_legend_handles_labels()
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}
    spacing: dict[str, Any] = {"handlelength": 1.6, "columnspacing": 1.2}
    legend = axes.legend(handles, labels, ncols=columns, frameon=False, **place, **spacing)
    for line in legend.get_lines():
        line.set(alpha=1, markersize=max(6, line.get_markersize()))
    rows = -(-len(handles) // columns)
    axes.set_title(title, loc="left", pad=8 + 16 * rows)


def counted(group: str, n: int) -> str:
    return f"{group.replace('holdout', 'hold-out')} ({n:,})"


def spoken(metric: str) -> str:
    """A metric's name as one would say it."""
    *of, metric = metric.split("/")
    text = re.sub(r"_at_(\d+)pct", r" at \1 %", metric).replace("_", " ")
    text = re.sub("^auroc", "AUROC", text)
    text = {"mae": "MAE", "rmse": "RMSE", "r2": "R²", "f1": "F1"}.get(text, text)
    text = text.replace("top 5", "top-5").replace("macro f1", "macro F1")
    return f"{text} of {of[0].replace('_', ' ')}, {of[1]} labels" if of else text


def save(figure: Figure, path: Path) -> Path:
    """Write one figure as PNG; its folder is made."""
    with whole(path) as at:
        figure.savefig(at)
    return path


def save_all(figures: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Write figures by name as PNG."""
    return [save(figure, folder / f"{name}.png") for name, figure in figures.items()]
