"""What all figures share: canvas, colours, the recall band, and how they become files.

Drawn with matplotlib's objects alone: no window, no state. Colours are those of Okabe & Ito
(jfly.uni-koeln.de/color, 2008), which colour-blind readers can distinguish. Every interval is a 95 %
percentile bootstrap, stratified as in `framework.metrics.ranking`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from framework.base.files import whole
from framework.contracts.split import PARTS

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


def densities(axes: Axes, values: Mapping[str, FloatArray]) -> None:
    """Histograms over the bulk of every group, so that one far outlier does not flatten all.

    Args:
        values: by a name in `COLOURS`, backmost first.
    """
    low = min(np.quantile(group, 0.005) for group in values.values())
    high = max(np.quantile(group, 0.995) for group in values.values())
    margin = 0.1 * (high - low) or 1e-3 * abs(low) or 0.5
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    for name, group in values.items():
        # What lies beyond the edges counts in the outermost bins: nothing is hidden.
        density, _ = np.histogram(group.clip(edges[0], edges[-1]), edges, density=True)
        background = COLOURS[name] == GREY
        colour = "#CCCCCC" if background else COLOURS[name]
        label = counted(name, len(group))
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


def save(figure: Figure, path: Path) -> Path:
    """Write one figure as PNG; its folder is made."""
    with whole(path) as at:
        figure.savefig(at)
    return path


def save_all(figures: Mapping[str, Figure], folder: Path) -> list[Path]:
    """Write figures by name as PNG."""
    return [save(figure, folder / f"{name}.png") for name, figure in figures.items()]


_Array = TypeVar("_Array", bound=NDArray[Any])


PARTS_DRAWN = ("unexplored", "train", "holdout")


def _by_part(values: _Array, part: NDArray[Any]) -> dict[str, _Array]:
    """The values of each part that is drawn, backmost first; empty parts are left out."""
    parts = {name: values[part == PARTS.index(name)] for name in PARTS_DRAWN}
    return {name: members for name, members in parts.items() if len(members)}


def _name(cell: xr.Dataset) -> str:
    return f"{cell.attrs['encoder']}, split {cell.attrs['split']}, seed {cell.attrs['seed']}"
