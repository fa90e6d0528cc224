"""The figures of rankings: recall of the hold-out, and where the scores lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from framework.contracts.split import PARTS
from framework.figures.canvas import (
    BLACK,
    BLUE,
    HEIGHT,
    POINTS_OF_CURVE,
    RESAMPLES,
    FloatArray,
    _by_part,
    _name,
    densities,
    head,
    new_figure,
)
from framework.figures.canvas import save as save
from framework.figures.leaderboard import line_styles, main_metric
from framework.metrics.bootstrap import interval
from framework.registry.metrics import spoken


def ranking_curve(cell: xr.Dataset) -> Figure:
    """Recall of the hold-out against the explored share of the ranking, with its interval."""
    ranked = scores_and_relevance(cell["score"].values, cell["part"].values)
    fractions = explored_shares(len(ranked[0]))
    curve, resampled = recall_resampled(*ranked, fractions)
    low, high = interval(resampled.T)
    figure, (axes,) = new_figure()
    axes.fill_between(fractions, low, high, color=BLUE, alpha=0.2, lw=0, label="95 % interval")
    axes.plot(fractions, curve, color=BLUE, lw=2, label="hold-out", zorder=3)
    recall = cell.sel(metric="recall_at_1pct")
    axes.plot([0.01, 0.01], [recall["low"], recall["high"]], color=BLACK, lw=1.5, zorder=4)
    axes.plot(0.01, recall["value"], "o", color=BLACK, zorder=4, label="recall at 1 %")
    recall_axes(axes, fractions)
    quoted = f"{_quoted(cell, 'auroc')}, {_quoted(cell, 'recall_at_1pct')}"
    axes.set_title(f"{_name(cell)}\n{quoted}", loc="left")
    axes.legend(loc="upper left", frameon=False)
    return figure


def score_distribution(cell: xr.Dataset) -> Figure:
    """Densities of the scores of train, hold-out and unexplored items."""
    part, scores = cell["part"].values, cell["score"].values.astype(float)
    figure, (axes,) = new_figure()
    densities(axes, _by_part(scores, part))
    top = np.quantile(scores_and_relevance(scores, part)[0], 0.99)
    axes.axvline(top, color=BLACK, lw=1, ls=":", label="top 1 % of the ranking begins")
    axes.set_xlabel("score (higher = more plausible)")
    axes.set_ylabel("density (per unit of score)")
    head(axes, _name(cell))
    return figure


def _quoted(cell: xr.Dataset, metric: str) -> str:
    value, low, high = (float(cell[end].sel(metric=metric)) for end in ("value", "low", "high"))
    return f"{spoken(metric)} {value:.3f} [{low:.3f}, {high:.3f}]"


def recall_curves(cube: xr.Dataset, table: pd.DataFrame) -> Figure:
    """Recall against the explored share: every encoder, mean over folds and seeds with interval.

    Contestants are solid and coloured, baselines dashed and grey, in the leaderboard's order.

    Args:
        cube: of one split strategy.
        table: its leaderboard.
    """
    metric = main_metric(cube)
    in_ranking = cube["part"] >= PARTS.index("holdout")
    fractions = explored_shares(int(in_ranking.sum("candidate").max()))
    figure, (axes,) = new_figure(height=HEIGHT + 0.22 * max(0, len(table) - 8))
    styles = line_styles(table["encoder"], cube)
    for encoder, value in zip(table["encoder"], table[metric], strict=True):
        style = styles[encoder]
        if np.isnan(value):
            axes.plot([], [], label=f"{encoder} (incomplete)", **style)
            continue
        curve, low, high = _mean_recall(cube.sel(encoder=encoder), fractions)
        axes.fill_between(fractions, low, high, color=style["color"], alpha=0.15, lw=0)
        axes.plot(fractions, curve, label=f"{encoder}  {value:.3f}", **style)
    recall_axes(axes, fractions)
    cells = table["cells"].iloc[0]
    axes.set_title(
        f"split {table['split'].iloc[0]}, {cells}\nbands: 95 % interval of the mean", loc="left"
    )
    axes.legend(loc="upper left", frameon=False, title=spoken(metric), alignment="left")
    return figure


def _mean_recall(of_encoder: xr.Dataset, fractions: FloatArray) -> tuple[FloatArray, ...]:
    """Recall of one encoder, mean over folds and seeds, and its interval (low, high)."""
    cells = (
        of_encoder[["score", "part"]].stack(cell=("split", "seed")).transpose("cell", "candidate")
    )
    curve, resampled = np.zeros(len(fractions)), np.zeros((RESAMPLES, len(fractions)))
    for scores, part in zip(cells["score"].values, cells["part"].values, strict=True):
        one, replicates = recall_resampled(*scores_and_relevance(scores, part), fractions)
        curve += one / cells.sizes["cell"]
        resampled += replicates / cells.sizes["cell"]
    return curve, *interval(resampled.T)


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
        recalled = np.append(0, np.bincount(hits, minlength=n_groups).cumsum())
        explored = np.append(0, others.cumsum()) + recalled
        share: FloatArray = np.interp(fractions * len(scores), explored, recalled) / len(positives)
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
