"""The figure of a selection: merit against accessibility, with the front labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from framework.figures.canvas import BLACK, BLUE, VERMILLION, head, new_figure

if TYPE_CHECKING:
    from framework.selection.selection import Selection

BEST, NAMED = 8, 16
"""Fields with the best joint scores that are drawn, and fields that are named."""

GAP = 0.058
"""Between two names, in units of probability."""

CELLS = 60
"""Of the background, along the horizontal axis."""


def selection_figure(chosen: Selection) -> Figure:
    """Probability of merit against accessibility.

    Candidates are shaded by how many there are; reported fields that neither model has seen are
    drawn by what is known of them; the front is a line, and its fields and the best joint scores
    are named.
    """
    table, known, n = chosen.table, chosen.known, len(chosen.table)
    figure, (axes,) = new_figure(height=5.6, width=9.6)
    lowest = _share(np.array([100.0]), n)[0]
    counts = axes.hexbin(
        _share(table["accessibility"].to_numpy(), n),
        table["probability"],
        xscale="log",
        gridsize=(CELLS, CELLS // 2),
        norm=LogNorm(vmin=0.2),
        cmap="Greys",
        mincnt=1,
        linewidths=0,
        extent=(np.log10(lowest), 2, 0, 1),
    )
    for side, colour, marker in ((False, BLUE, "v"), (True, VERMILLION, "^")):
        rows = known[known["wanted"] == side]
        x = _share(rows["accessibility"].to_numpy(), chosen.held_out.against)
        label = f"reported, held out: {'' if side else 'not '}{chosen.wanted} ({len(rows):,})"
        style: dict[str, Any] = {"ms": 4.5, "mec": "white", "mew": 0.4, "color": colour}
        axes.plot(x, rows["probability"], marker, label=label, **style)
    front = table[table["front"]].sort_values("accessibility")
    best = table.head(BEST)
    for rows, line, label in (
        (best, "D", f"best {len(best)} joint scores"),
        (front, "o-", f"front ({len(front):,} of {n:,} candidates)"),
    ):
        x = _share(rows["accessibility"].to_numpy(), n)
        axes.plot(x, rows["probability"], line, ms=5, lw=1.2, color=BLACK, mfc="white", label=label)
    axes.set_xscale("log")
    axes.set(xlim=(100, lowest * 0.8), ylim=(-0.02, 1.02))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_xlabel(f"accessibility: among the best x % of the candidates by {chosen.encoder}")
    axes.set_ylabel(f"probability of {chosen.wanted}")
    named = pd.concat([best, front.nlargest(NAMED, "joint")]).drop_duplicates("elements")
    _name(axes, named.head(NAMED), n)
    bar = figure.colorbar(
        counts, ax=axes, label="candidates", pad=0.02, shrink=0.5, location="left"
    )
    bar.ax.set_ylim(1)
    head(axes, f"{chosen.wanted}: merit against accessibility")
    return figure


def _share(percentile: np.ndarray, n: int) -> np.ndarray:
    """Which best share (%) of n candidates a percentile is in; half of the best one, at least."""
    share: np.ndarray = (100 - percentile).clip(min=50 / n)
    return share


def _name(axes: Axes, fields: pd.DataFrame, n: int) -> None:
    """The names of fields at the right side, one below the other, each with a line to its point:
    the higher first, of equally high ones the one further to the right."""
    level = -(fields["probability"] / GAP).round()
    fields = fields.iloc[np.lexsort((-fields["accessibility"], level))]
    heights = _apart(fields["probability"].to_numpy(), GAP)
    x = _share(fields["accessibility"].to_numpy(), n)
    style: dict[str, Any] = {"fontsize": 8.5, "va": "center", "annotation_clip": False}
    line = {"arrowstyle": "-", "color": "#999999", "lw": 0.6, "shrinkA": 1, "shrinkB": 3}
    place = ("axes fraction", "data")
    for at, height, row in zip(x, heights, fields.to_dict("records"), strict=True):
        text = f"{'-'.join(row['elements'].split())}  {row['joint']:.2f}"
        point = (at, row["probability"])
        axes.annotate(text, point, (1.03, height), textcoords=place, arrowprops=line, **style)


def _apart(heights: np.ndarray, gap: float) -> np.ndarray:
    """Descending heights (n,), moved until neighbours are a gap apart, within 0 and 1 where there
    is room."""
    out = np.array(heights, dtype=float)
    for i in range(1, len(out)):
        out[i] = min(out[i], out[i - 1] - gap)
    lowest = 0.0
    for i in range(len(out) - 1, -1, -1):
        out[i] = max(out[i], lowest)
        lowest = out[i] + gap
    return out
