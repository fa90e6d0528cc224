"""The figures of searches: convergence, hits found, and what an objective draws of itself."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from framework.config.optimisation import BASELINE
from framework.figures.canvas import BLACK, CONTESTANTS, new_figure
from framework.metrics.intervals import over_seeds

COLUMNS = 4
"""Panels side by side, at most."""
LEAST_GAP = 1e-6
"""What is nearer to the optimum is drawn here, on a logarithmic axis."""
LABEL = 30
"""Letters of an axis's name in a line."""
SHORT = 30
"""A logarithmic axis over less than this factor has its numbers written out."""
DASHES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1)))


def convergence_figure(results: xr.Dataset) -> Figure:
    """The best value so far against evaluations, a panel an objective: the mean over seeds with
    its 95 % interval. Where the optimum is known, the gap to it, on a logarithmic axis."""
    figure, panels = _panels(results["objective"].size)
    for axes, title in zip(panels, results["objective"].values, strict=False):
        of = results.sel(objective=title)
        optimum, quantity = float(of["optimum"]), str(of["quantity"].item())
        curves = of["best"]
        gap = not np.isnan(optimum) and not int(of["candidates"])
        if gap:
            curves = abs(curves - optimum).clip(min=LEAST_GAP)
            axes.set_yscale("log")
            if float(curves.max() / curves.min()) < SHORT:
                axes.yaxis.set_minor_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        elif not np.isnan(optimum):
            axes.axhline(optimum, color=BLACK, lw=1, ls=":")
            side = "bottom" if bool(of["maximise"]) else "top"
            note: dict[str, Any] = {
                "xytext": (-2, -2 if side == "top" else 2),
                "textcoords": "offset points",
            }
            axes.annotate(
                "best candidate", (1, optimum), xycoords=("axes fraction", "data"),
                ha="right", va=side, fontsize=8, **note,
            )  # fmt: skip
        _curves(axes, curves)
        axes.set_title(str(title), loc="left", fontsize=11)
        axes.set_xlabel("evaluations")
        label = f"gap to the least {quantity}" if gap else f"best {quantity}"
        axes.set_ylabel(fill(label, LABEL))
    _legend(figure, panels[0])
    return figure


def hits_figure(results: xr.Dataset) -> Figure:
    """The share of all hits that was found against evaluations, a panel an objective."""
    titles = results["objective"].values[results["n_hits"].values > 0]
    figure, panels = _panels(len(titles))
    for axes, title in zip(panels, titles, strict=False):
        of = results.sel(objective=title)
        target = float(of["target"])
        n, spent = int(of["candidates"]), of["evaluation"].values
        expected: dict[str, Any] = {
            "color": BLACK,
            "lw": 1,
            "ls": ":",
            "label": "random order, expected",
        }
        axes.plot(np.append(0, spent), np.append(0, spent) / n, **expected)
        _curves(axes, of["hits"])
        axes.set_ylim(0, 1.15)  # room for what is told
        sign = "≥" if bool(of["maximise"]) else "≤"
        note = f"{int(of['n_hits'])} hits among {n:,} candidates\n"
        note += f"hit: {of['quantity'].item()} {sign} {target:g}"
        corner: dict[str, Any] = {"ha": "left", "va": "top", "fontsize": 8.5}
        axes.text(0.03, 0.97, note, transform=axes.transAxes, **corner)
        axes.set_title(str(title), loc="left", fontsize=11)
        axes.set_xlabel("evaluations")
        axes.set_ylabel("share of hits found")
    _legend(figure, panels[0])
    return figure


def hits_by_space_figure(results: xr.Dataset) -> Figure:
    """The share of all hits that was found in the end, a row an objective, the best on top: the
    mean over seeds with its 95 % interval."""
    last = results["hits"].isel(evaluation=-1).sel(objective=results["n_hits"].values > 0)
    order = last.mean("seed").max("sampler").argsort().values
    titles = [str(title) for title in last["objective"].values[order]]
    figure, (axes,) = new_figure(0.42 * len(titles) + 1.6, width=8.0)
    contestants = [s for s in last["sampler"].values if s != BASELINE]
    for i, sampler in enumerate([*contestants, BASELINE]):
        mean, low, high = over_seeds(last.sel(sampler=sampler).transpose("seed", ...).values)
        colour = BLACK if sampler == BASELINE else CONTESTANTS[i % len(CONTESTANTS)]
        at = np.arange(len(titles)) + 0.6 * (i / max(len(contestants), 1) - 0.5)
        error = np.nan_to_num(np.clip([mean - low, high - mean], 0, None))[:, order]
        axes.errorbar(
            mean[order], at, xerr=error, fmt="o", ms=4, color=colour, lw=1, label=str(sampler)
        )
    axes.set_yticks(range(len(titles)), titles)
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"share of hits found in {results.sizes['evaluation']} evaluations")
    _legend(figure, axes)
    return figure


def _panels(n: int) -> tuple[Figure, list[Axes]]:
    columns = min(n, COLUMNS)
    rows = -(-n // columns)
    width = {1: 7.0, 2: 9.6}.get(n, 3.6 * columns)
    height = 4.8 if rows == 1 and n < 3 else 3.0 * rows + 0.5
    figure, panels = new_figure(height, columns, rows, width)
    for unused in panels[n:]:
        unused.set_axis_off()
    return figure, panels


def _curves(axes: Axes, curves: xr.DataArray) -> None:
    """A line a sampler (sampler, seed, evaluation), the baseline last and in black."""
    spent = curves["evaluation"].values
    contestants = [s for s in curves["sampler"].values if s != BASELINE]
    for i, sampler in enumerate([*contestants, BASELINE]):
        mean, low, high = over_seeds(curves.sel(sampler=sampler).values)
        colour = BLACK if sampler == BASELINE else CONTESTANTS[i]
        axes.fill_between(spent, low, high, color=colour, alpha=0.15, lw=0)
        axes.plot(spent, mean, color=colour, lw=1.8, ls=DASHES[i % 4], label=str(sampler))
    axes.set_xlim(0 if len(spent) > 1 else None, spent[-1])


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), frameon=False)
