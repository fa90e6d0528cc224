"""The figure of calibrated probabilities: are they right, and how many hits do they promise?"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from framework.figures.canvas import BLACK, BLUE, VERMILLION, FloatArray, _name, new_figure
from framework.figures.ranking import explored_shares, scores_and_relevance
from framework.metrics.calibration import BINS, Calibration, bins_of
from framework.metrics.intervals import share_score


def reliability(cell: xr.Dataset) -> Figure | None:
    """Counted against predicted probability of a hit, and hits among the first ranks against those
    expected; None where nothing was calibrated."""
    if (calibration := Calibration.from_variables(cell)) is None:
        return None
    ranked = scores_and_relevance(cell["score"].values, cell["part"].values)
    scores, hits = ranked
    probability = calibration.probability(scores)
    figure, (left, right) = new_figure(columns=2, width=10.0)
    _shares(left, probability, hits)
    best_first = np.argsort(-scores, kind="stable")
    _first_ranks(right, probability[best_first], hits[best_first])
    title = f"{_name(cell)}\nprior: {100 * calibration.prior:.2g} % of the ranked are hits"
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _shares(axes: Axes, probability: FloatArray, hits: np.ndarray) -> None:
    """By bin of equally many expected hits, the share of hits with its interval."""
    bins = bins_of(probability)
    ends: list[float] = []
    for number in range(BINS):
        if not (inside := bins == number).any():
            continue
        share, mean = float(hits[inside].mean()), float(probability[inside].mean())
        low, high = share_score(share, int(inside.sum()))
        axes.plot([mean, mean], [low, high], color=BLUE, lw=1.5)
        axes.plot(mean, share, "o", color=BLUE, label="counted" if not ends else None)
        ends += [mean, high, *([low] if low > 0 else [])]
    span = [min(ends) / 1.5, min(1, max(ends) * 1.5)]
    axes.plot(span, span, color=BLACK, lw=1, ls=":", label="as predicted")
    axes.set(xscale="log", yscale="log", xlim=span, ylim=span)
    axes.set_xlabel("predicted probability of a hit (mean of a bin)")
    axes.set_ylabel("share of hits in the bin, 95 % interval")
    axes.legend(loc="upper left", frameon=False)


def _first_ranks(axes: Axes, probability: FloatArray, hits: np.ndarray) -> None:
    """Hits among the first k, expected and counted, with what counting alone varies by."""
    from scipy.special import pdtrik

    k = np.unique((explored_shares(len(hits)) * len(hits)).round().astype(int).clip(min=1))
    expected = probability.cumsum()[k - 1]
    low, high = (np.nan_to_num(pdtrik(tail, expected)).clip(min=0) for tail in (0.025, 0.975))
    axes.fill_between(k, low, high, color=BLUE, alpha=0.2, lw=0, label="95 % of counts")
    axes.plot(k, expected, color=BLUE, lw=2, label="expected")
    axes.plot(k, hits.cumsum()[k - 1], color=VERMILLION, lw=2, label="counted")
    axes.set_xscale("log")
    axes.set_xlabel("first k of the ranking")
    axes.set_ylabel("hits among them")
    axes.legend(loc="upper left", frameon=False)
