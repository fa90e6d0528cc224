"""The figure of an explanation: what elements, pairs and triples add, and where the field stands."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from framework.figures.canvas import BINS, BLACK, BLUE, CONTESTANTS, DPI, VERMILLION

NEIGHBOURS = 14
"""Of the field in the periodic table, that are drawn: the best ones."""

COMBINATIONS = 20
"""Elements, pairs and triples that are drawn: those that add or take most."""

COLOURS = (BLUE, CONTESTANTS[2], CONTESTANTS[4])
KINDS = ("element by itself", "pair, beyond its elements", "triple, beyond its pairs")


def explanation_figure(
    title: str,
    *,
    score: float,
    background: float,
    elements: pd.DataFrame,
    combinations: pd.DataFrame,
    scores: np.ndarray,
    neighbours: pd.DataFrame,
) -> Figure:
    """Left what the elements of a field add (Shapley values) and what they, their pairs and triples
    add beyond their parts; right the field among all candidates, and among its neighbours.

    Args:
        score: of the field.
        background: to which contributions are added.
        elements: element, shapley.
        combinations: elements, size, adds.
        scores: of all candidates (m,).
        neighbours: by, replaced, score, reported; best first.
    """
    largest = combinations["adds"].abs().nlargest(COMBINATIONS)
    rows = combinations.loc[largest.sort_index().index]
    height = max(4.6, 0.25 * (len(elements) + len(rows)) + 1.4)
    figure = Figure(figsize=(11.0, height), dpi=DPI, layout="constrained")
    panels = figure.subplot_mosaic([["added", "all"], ["added", "near"]], height_ratios=(2, 3))
    for axes in panels.values():
        axes.spines[["top", "right"]].set_visible(False)
    _contributions(panels["added"], elements, rows, background)
    _among_all(panels["all"], scores, score)
    _among_neighbours(panels["near"], neighbours.head(NEIGHBOURS), score)
    panels["near"].sharex(panels["all"])
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _contributions(
    axes: Axes, elements: pd.DataFrame, combinations: pd.DataFrame, background: float
) -> None:
    bars = [(row["element"], row["shapley"], BLACK) for row in elements.to_dict("records")]
    bars.append(("", 0.0, BLACK))
    bars += [
        (row["elements"], row["adds"], COLOURS[row["size"] - 1])
        for row in combinations.to_dict("records")
    ]
    labels, values, colours = zip(*bars, strict=True)
    places = np.arange(len(bars))[::-1]
    axes.barh(places, values, color=colours, height=0.7)
    axes.axvline(0, color=BLACK, lw=0.8)
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.barh([0], [0], color=BLACK, label="element, over all orders (Shapley)")
    for colour, label in zip(COLOURS, KINDS, strict=True):
        if colour in colours:
            axes.barh([0], [0], color=colour, label=label)
    axes.set_ylim(-0.7, len(bars) - 0.3)
    axes.set_xlabel(f"added to the mean score of the background ({background:.3g})")
    _legend_above(axes)


def _among_all(axes: Axes, scores: np.ndarray, score: float) -> None:
    counts, edges = np.histogram(scores, 2 * BINS)
    label = f"candidates ({len(scores):,})"
    axes.stairs(counts, edges, fill=True, color="#CCCCCC", label=label)
    axes.axvline(score, color=VERMILLION, lw=1.5, label="the field")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.8)
    axes.set_ylabel("candidates")
    axes.tick_params(axis="x", labelbottom=False)
    _legend_above(axes)


def _among_neighbours(axes: Axes, rows: pd.DataFrame, score: float) -> None:
    places = np.arange(len(rows))[::-1]
    scores, reported = rows["score"].to_numpy(), rows["reported"].to_numpy(dtype=bool)
    axes.axvline(score, color=VERMILLION, lw=1.5)
    for side, face, label in ((False, "white", "unexplored"), (True, BLUE, "reported")):
        chosen = reported == side
        if chosen.any():
            axes.plot(scores[chosen], places[chosen], "o", color=BLUE, mfc=face, ms=6, label=label)
    names = [f"{row.by} for {row.replaced}" for row in rows.itertuples(index=False)]
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.set_ylim(-0.7, max(len(rows), 1) - 0.3)
    axes.set_xlabel("score (higher = more plausible)")
    axes.set_ylabel("neighbours in the table")
    if len(rows):
        axes.legend(frameon=False, fontsize=8.5, loc="best")


def _legend_above(axes: Axes) -> None:
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}
    axes.legend(frameon=False, fontsize=8.5, ncols=2, **place)
