"""The figures of a benchmark: recall curves and leaderboard of every split strategy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from framework.bootstrap import interval
from framework.canvas import (
    BLACK,
    CONTESTANTS,
    GREY,
    HEIGHT,
    RESAMPLES,
    FloatArray,
    explored_shares,
    new_figure,
    recall_axes,
    recall_resampled,
    save_all,
    scores_and_relevance,
    spoken,
)
from framework.task import PARTS

DASHES = ((4, 1.5), (1.5, 1.5), (6, 1.5, 1.5, 1.5), (2.5, 2.5), (8, 2), (4, 1.5, 1, 1.5, 1, 1.5))


def recall_curves(cube: xr.Dataset, strategy: str) -> Figure:
    """Recall against the explored share: every encoder, mean over folds and seeds with interval.

    Contestants are solid and coloured, baselines dashed and grey, in the leaderboard's order.

    Args:
        strategy: the split label before its '/'.
    """
    cube, table, metric = board(cube, strategy)
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
    axes.set_title(f"split {strategy}, {cells}; bands: 95 % interval of the mean", loc="left")
    axes.legend(loc="upper left", frameon=False, title=spoken(metric), alignment="left")
    return figure


def leaderboard_figure(cube: xr.Dataset, strategy: str) -> Figure:
    """Forest plot of the first metric: mean and interval of every encoder, one dot a seed."""
    cube, table, metric = board(cube, strategy)
    seeds = cube["value"].sel(metric=metric).mean("split", skipna=False)
    styles = line_styles(table["encoder"], cube)
    figure, (axes,) = new_figure(height=2.0 + 0.34 * len(table))
    for row, entry in enumerate(table.to_dict("records")):
        value, low, high = (entry[metric + end] for end in ("", "_low", "_high"))
        encoder, colour = entry["encoder"], styles[entry["encoder"]]["color"]
        if entry["verdict"] == "best baseline":
            axes.axvspan(low, high, color=GREY, alpha=0.2, lw=0, label="best baseline")
        axes.plot(seeds.sel(encoder=encoder), [row + 0.28] * seeds.sizes["seed"], ".", color=colour)
        text = "incomplete"
        if not np.isnan(value):
            axes.plot([low, high], [row, row], color=colour, lw=2)
            axes.plot(value, row, "o", ms=8, color=colour)
            text = f"{value:.3f} [{low:.3f}, {high:.3f}]"
        axes.annotate(text, (1.02, row), xycoords=("axes fraction", "data"), va="center")
    axes.axvline(table[f"{metric}_random"].iloc[0], color=BLACK, lw=1, ls=":", label="random order")
    axes.plot([], [], "o-", color=BLACK, lw=2, ms=8, label="mean, 95 % interval")
    axes.plot([], [], ".", color=BLACK, label="one seed")
    axes.set_yticks(range(len(table)), table["encoder"])
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlabel(f"{spoken(metric)}, mean over folds and seeds")
    axes.set_ylabel("encoder (grey: baseline)")
    cells = table["cells"].iloc[0]
    title = f"split {strategy}, {cells}\n{_verdict(table, cube)}"
    figure.suptitle(title, x=0.01, ha="left")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, handlelength=1.5)
    return figure


def save_benchmark_figures(cube: xr.Dataset, folder: Path) -> list[Path]:
    """Write recall, ROC or learning curves and leaderboard of every split strategy as PNG."""
    from framework.classification import Classification  # brings torch
    from framework.classification_plots import roc_curves
    from framework.property import Property
    from framework.property_plots import learning_curves

    draw: dict[str, tuple[Callable[[xr.Dataset, str], Figure | None], ...]] = {
        Property.name: (learning_curves,),
        Classification.name: (learning_curves, roc_curves),
    }
    figures = {}
    for strategy in dict.fromkeys(_strategies(cube)):
        name = re.sub(r"[^\w.-]+", "_", strategy)
        of_task = draw.get(cube.attrs.get("task", ""), (recall_curves,))
        for function in (*of_task, leaderboard_figure):
            figures[f"{function.__name__.removesuffix('_figure')}_{name}"] = function(
                cube, strategy
            )
    return save_all({name: figure for name, figure in figures.items() if figure}, folder)


def _strategies(cube: xr.Dataset) -> list[str]:
    return [str(label).split("/")[0] for label in cube["split"].values]


def board(cube: xr.Dataset, strategy: str) -> tuple[xr.Dataset, pd.DataFrame, str]:
    """The part of a cube that is of one strategy, its leaderboard, and the first metric."""
    from framework.results import leaderboard  # brings torch

    cube = cube.isel(split=[name == strategy for name in _strategies(cube)])
    metric = cube.attrs["metrics"].split()[0]
    return cube, leaderboard(cube, [metric]), metric


def _verdict(table: pd.DataFrame, cube: xr.Dataset) -> str:
    contestants = table[~table["encoder"].map(cube["baseline"].to_series())]
    if "best baseline" not in set(table["verdict"]) or contestants.empty:
        return "no baseline to compare with" if len(contestants) else "baselines only"
    won = (contestants["verdict"] == "beats").sum()
    return f"{won} of {len(contestants)} contestants beat the best baseline (paired bootstrap)"


def line_styles(encoders: pd.Series[str], cube: xr.Dataset) -> dict[str, dict[str, Any]]:
    """The line of every encoder: contestants coloured in the order of the experiment, baselines
    dashed and grey, the better the darker."""
    baseline = cube["baseline"].to_series()
    styles: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(baseline.index[~baseline]):
        round_, colour = divmod(i, len(CONTESTANTS))
        line = ("-", "-.")[round_ % 2]
        styles[name] = {"color": CONTESTANTS[colour], "ls": line, "lw": 2.2, "zorder": 3}
    grey = [name for name in encoders if baseline[name]]
    for i, name in enumerate(grey):
        shade = 0.25 + 0.45 * i / max(1, len(grey) - 1)
        styles[name] = {"color": str(shade), "ls": (0, DASHES[i % len(DASHES)]), "lw": 1.5}
    return styles


def _mean_recall(own: xr.Dataset, fractions: FloatArray) -> tuple[FloatArray, ...]:
    """Recall of one encoder, mean over folds and seeds, and its interval (low, high)."""
    cells = own[["score", "part"]].stack(cell=("split", "seed")).transpose("cell", "candidate")
    curve, resampled = np.zeros(len(fractions)), np.zeros((RESAMPLES, len(fractions)))
    for scores, part in zip(cells["score"].values, cells["part"].values, strict=True):
        one, replicates = recall_resampled(*scores_and_relevance(scores, part), fractions)
        curve += one / cells.sizes["cell"]
        resampled += replicates / cells.sizes["cell"]
    return curve, *interval(resampled.T)
