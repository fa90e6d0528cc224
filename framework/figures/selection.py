"""The figure of a selection: merit against accessibility, with the front labelled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from framework.figures.canvas import BLACK, BLUE, VERMILLION, head, new_figure

BEST, NUMBERED = 10, 20
"""Fields with the best joint scores that are drawn, and fields that are numbered and named."""

CELLS = 60
"""Of the background, along the horizontal axis."""

TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)


def selection_figure(
    table: pd.DataFrame, known: pd.DataFrame, *, against: int, encoder: str, wanted: str
) -> Figure:
    """Probability of merit against accessibility, both on axes that stretch what is near to the best.

    Candidates are shaded by how many there are; reported fields that neither model has seen are
    drawn by what is known of them; the front is a line; its fields and the best joint scores are
    numbered, and named beside the axes.

    Args:
        table: of candidates: elements, joint, probability, accessibility, front; best first.
        known: of held-out reported fields: accessibility, probability, wanted (bool).
        against: among how many candidates these were ranked.
        wanted: of the property, in words.
    """
    n = len(table)
    figure, (axes,) = new_figure(height=5.6, width=9.6)
    counts = axes.hexbin(
        _share(table["accessibility"], n),
        _log_odds(table["probability"]),
        xscale="log",
        gridsize=(CELLS, CELLS // 2),
        norm=LogNorm(vmin=0.2),
        cmap="Greys",
        mincnt=1,
        linewidths=0,
    )
    for side, colour, marker in ((False, BLUE, "v"), (True, VERMILLION, "^")):
        rows = known[known["wanted"] == side]
        x, y = (
            _share(rows["accessibility"], against),
            _log_odds(rows["probability"]),
        )
        label = f"reported, held out: {'' if side else 'not '}{wanted} ({len(rows):,})"
        axes.plot(x, y, marker, ms=4.5, mec="white", mew=0.4, color=colour, label=label)
    front = table[table["front"]].sort_values("accessibility")
    label = f"front ({len(front):,} of {n:,} candidates)"
    x, y = _share(front["accessibility"], n), _log_odds(front["probability"])
    axes.plot(x, y, "-", lw=1.2, color=BLACK, label=label)
    axes.set_xscale("log")
    axes.set_xlim(100, 0.6 * 50 / n)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_xlabel(f"accessibility: among the best x % of the candidates by {encoder}")
    low, high = axes.get_ylim()
    ticks = [tick for tick in TICKS if low <= _log_odds(tick) <= high]
    axes.set_yticks([_log_odds(tick) for tick in ticks], [f"{tick:g}" for tick in ticks])
    axes.set_ylim(low, high + 0.04 * (high - low))
    axes.set_ylabel(f"probability of {wanted}")
    named = pd.concat([table.head(BEST), front.nlargest(NUMBERED, "joint")])
    _number(axes, named.drop_duplicates("elements").head(NUMBERED), n)
    bar = figure.colorbar(
        counts, ax=axes, label="candidates", pad=0.02, shrink=0.5, location="left"
    )
    bar.ax.set_ylim(1, max(2, np.max(np.asarray(counts.get_array()))))
    head(axes, f"{wanted}: merit against accessibility")
    return figure


def _share(percentile: Any, n: int) -> Any:
    """Which best share (%) of n candidates percentiles are in; half of the best one, at least."""
    return (100 - np.asarray(percentile, dtype=float)).clip(min=50 / n)


def _log_odds(probability: Any) -> Any:
    clipped = np.clip(np.asarray(probability, dtype=float), 5e-4, 1 - 5e-4)
    return np.log(clipped / (1 - clipped))


def _number(axes: Axes, fields: pd.DataFrame, n: int) -> None:
    """Numbers at the fields, by joint score, and beside the axes what they stand for."""
    fields = fields.sort_values(["joint", "elements"], ascending=[False, True])
    x, y = _share(fields["accessibility"], n), _log_odds(fields["probability"])
    axes.plot(x, y, "o", ms=11, mfc="white", mec=BLACK, mew=0.8, zorder=4)
    text: dict[str, Any] = {"va": "center", "fontsize": 8.5, "annotation_clip": False}
    axes.annotate("joint score", (1.02, 1.0), xycoords="axes fraction", **text)
    for i, row in enumerate(fields.to_dict("records"), start=1):
        at = (x[i - 1], y[i - 1])
        axes.annotate(str(i), at, ha="center", va="center", fontsize=7, zorder=5)
        name = f"{i:>2}  {'-'.join(row['elements'].split())}  {row['joint']:.2f}"
        axes.annotate(name, (1.02, 1.0 - 0.047 * i), xycoords="axes fraction", **text)
