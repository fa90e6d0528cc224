"""Numbers of the elements on the periodic table: what vectors of elements have learned, at a glance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from framework.figures.canvas import GREY, FloatArray, new_figure

MAP = "PuOr"
"""Diverging, and safe for colour-blind readers."""

_NOBLE_GASES = (0, 2, 10, 18, 36, 54, 86, 118)
_EMPTY = "#EEEEEE"


def periodic_table(
    values: FloatArray, symbols: Sequence[str], titles: Sequence[str] | None = None
) -> Figure:
    """One table a column of ``values`` (118, k), by atomic number; light grey for an element whose
    values are all 0 or unknown.

    Args:
        symbols: (118,)
        titles: (k,); numbered components where None.

    Example:
        >>> figure = periodic_table(np.eye(118)[:, :2], SYMBOLS)
        >>> len(figure.axes)
        4
    """
    k = values.shape[1]
    titles = titles or [f"component {i + 1}" for i in range(k)]
    figure, panels = new_figure(height=3.4 * k, rows=k)
    for axes, column, title in zip(panels, values.T, titles, strict=True):
        known = np.isfinite(values).all(axis=1) & (values != 0).any(axis=1)
        _draw(axes, column, known, symbols)
        axes.set_title(title, loc="left", fontsize=11)
    return figure


def place(number: int) -> tuple[float, float]:
    """Column from 1 and row from 1 of an atomic number; the f block stands below, from row 8.5."""
    period = next(i for i, last in enumerate(_NOBLE_GASES) if number <= last)
    position = number - _NOBLE_GASES[period - 1]
    length = _NOBLE_GASES[period] - _NOBLE_GASES[period - 1]
    if length == 32 and 3 <= position <= 16:  # La to Yb, Ac to No
        return float(position), period + 2.5
    left_of_the_gap = 1 if length == 2 else 2
    column = position if position <= left_of_the_gap else 18 - (length - position)
    return float(column), float(period)


def _draw(axes: Axes, column: FloatArray, known: np.ndarray, symbols: Sequence[str]) -> None:
    most = float(np.abs(column[known]).max(initial=1e-9))
    colours = ScalarMappable(TwoSlopeNorm(0.0, -most, most), MAP)
    for i, symbol in enumerate(symbols):
        x, y = place(i + 1)
        face = colours.to_rgba(column[i]) if known[i] else _EMPTY
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 0.94, 0.94, facecolor=face))
        dark = known[i] and abs(column[i]) > 0.6 * most
        ink = "white" if dark else ("black" if known[i] else GREY)
        axes.text(x - 0.03, y - 0.03, symbol, ha="center", va="center", fontsize=7, color=ink)
    axes.set(xlim=(0.4, 18.6), ylim=(10.1, 0.4), aspect="equal")
    axes.axis("off")
    assert axes.figure is not None
    axes.figure.colorbar(colours, ax=axes, shrink=0.7, label="value")
