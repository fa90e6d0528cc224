"""The figures of a benchmark: recall curves and leaderboard of every split strategy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from framework.figures.canvas import (
    BLACK,
    CONTESTANTS,
    GREY,
    new_figure,
)
from framework.registry.metrics import spoken

DASHES = ((4, 1.5), (1.5, 1.5), (6, 1.5, 1.5, 1.5), (2.5, 2.5), (8, 2), (4, 1.5, 1, 1.5, 1, 1.5))


def leaderboard_figure(cube: xr.Dataset, table: pd.DataFrame) -> Figure:
    """Forest plot of the first metric: mean and interval of every encoder, one dot a seed.

    Args:
        cube: of one split strategy.
        table: its leaderboard.
    """
    metric = main_metric(cube)
    seeds = cube["value"].sel(metric=metric).mean("split", skipna=False)
    styles = line_styles(table["encoder"], cube)
    figure, (axes,) = new_figure(height=2.0 + 0.34 * len(table))
    for row, entry in enumerate(table.to_dict("records")):
        value, low, high = (entry[metric + end] for end in ("", "_low", "_high"))
        encoder, colour = entry["encoder"], styles[entry["encoder"]]["color"]
        if entry["verdict"] == "best baseline" and not np.isnan(low):
            axes.axvspan(low, high, color=GREY, alpha=0.2, lw=0, label="best baseline")
        axes.plot(seeds.sel(encoder=encoder), [row + 0.28] * seeds.sizes["seed"], ".", color=colour)
        text = "incomplete"
        if not np.isnan(value):
            axes.plot([low, high], [row, row], color=colour, lw=2)
            axes.plot(value, row, "o", ms=8, color=colour)
            text = f"{value:.3f}" + ("" if np.isnan(low) else f" [{low:.3f}, {high:.3f}]")
        axes.annotate(text, (1.02, row), xycoords=("axes fraction", "data"), va="center")
    axes.axvline(table[f"{metric}_random"].iloc[0], color=BLACK, lw=1, ls=":", label="random order")
    axes.plot([], [], "o-", color=BLACK, lw=2, ms=8, label="mean, 95 % interval")
    axes.plot([], [], ".", color=BLACK, label="one seed")
    axes.set_yticks(range(len(table)), table["encoder"])
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlabel(f"{spoken(metric)}, mean over folds and seeds")
    axes.set_ylabel("encoder (grey: baseline)")
    cells = table["cells"].iloc[0]
    title = f"split {table['split'].iloc[0]}, {cells}\n{_verdict(table, cube)}"
    figure.suptitle(title, x=0.01, ha="left")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, handlelength=1.5)
    return figure


def main_metric(cube: xr.Dataset) -> str:
    """The metric by which encoders are ranked: the experiment's first."""
    return str(cube.attrs["metrics"].split()[0])


def _verdict(table: pd.DataFrame, cube: xr.Dataset) -> str:
    contestants = table[~table["encoder"].map(cube["baseline"].to_series())]
    if "best baseline" not in set(table["verdict"]) or contestants.empty:
        return "no baseline to compare with" if len(contestants) else "baselines only"
    won = (contestants["verdict"] == "beats").sum()
    return (
        f"{won} of {len(contestants)} contestants beat the best baseline (paired bootstrap, Holm)"
    )


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
