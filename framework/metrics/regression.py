"""Regression metrics, with bootstrap intervals and values under random order.

Resamples are those of `framework.metrics.ranking.evaluate`: hits and others apart, by their numbers and
the seed alone, so that the paired difference of two encoders is the difference of replicates.
"""

from __future__ import annotations

import numpy as np

from framework.metrics.bootstrap import FloatArray, IntArray, interval, resample_indices
from framework.metrics.evaluation import Evaluation

REGRESSION: dict[str, str] = {
    "mae": "Mean absolute error, in the units of the property; 0 or more, less is better.",
    "rmse": "Root of the mean squared error, in the units of the property; 0 or more, less is "
    "better.",
    "r2": "1 - squared error / squared distance to the mean of the true values; up to 1, and 0 "
    "for their mean.",
    "spearman": "Rank correlation of predicted and true values, ties at their mean rank; -1 to 1, "
    "0 where either does not vary.",
}


def evaluate_regression(
    predicted: FloatArray, true: FloatArray, hits: np.ndarray, n_resamples: int, seed: int = 0
) -> Evaluation:
    """Every metric of `REGRESSION`; predicted and true (n,), hits (n,) bool."""
    where_hits, where_others = np.flatnonzero(hits), np.flatnonzero(~hits)
    draws = resample_indices(len(where_hits), len(where_others), n_resamples, seed)
    index = np.array(
        [np.concatenate([where_hits[one], where_others[other]]) for one, other in draws]
    )
    replicates = _metrics(predicted, true, index)
    low, high = interval(replicates)
    return Evaluation(
        values=regression_metrics(predicted, true),
        low=dict(zip(REGRESSION, low.tolist(), strict=True)),
        high=dict(zip(REGRESSION, high.tolist(), strict=True)),
        random=random_order(true),
        replicates=replicates,
    )


def regression_metrics(predicted: FloatArray, true: FloatArray) -> dict[str, float]:
    """Every metric of one prediction, without intervals; both (n,)."""
    found = _metrics(predicted, true, np.arange(len(true))[None])
    return {name: float(value) for name, (value,) in zip(REGRESSION, found, strict=True)}


def random_order(true: FloatArray) -> dict[str, float]:
    """Exact expectation of every metric where the true values (n,) are predicted in random order.

    The mean absolute error is then Gini's mean difference, and the squared error twice the
    variance; for its root, the root of that stands.
    """
    n, ordered = len(true), np.sort(true)
    gini = 2 * float(((2 * np.arange(1, n + 1) - n - 1) * ordered).sum()) / n**2
    return {"mae": gini, "rmse": float(2**0.5 * true.std()), "r2": -1.0, "spearman": 0.0}


def _metrics(predicted: FloatArray, true: FloatArray, index: IntArray) -> FloatArray:
    """(metric, b) of the resamples index (b, n) of predicted and true (n,)."""
    squared, drawn = ((predicted - true) ** 2)[index], true[index]
    spread = ((drawn - drawn.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    r2 = 1 - squared.sum(axis=1) / np.where(spread > 0, spread, np.nan)
    mae = np.abs(predicted - true)[index].mean(axis=1)
    rmse = np.sqrt(squared.mean(axis=1))
    return np.stack([mae, rmse, r2, _correlation(_ranks(predicted, index), _ranks(true, index))])


def _ranks(values: FloatArray, index: IntArray) -> FloatArray:
    """Mean ranks (b, n) within each resample, counted rather than sorted."""
    levels, code = np.unique(values, return_inverse=True)
    drawn = code[index]
    cells = drawn + len(levels) * np.arange(len(index))[:, None]
    counts = np.bincount(cells.ravel(), minlength=len(index) * len(levels))
    counts = counts.reshape(len(index), -1)
    return np.take_along_axis(counts.cumsum(axis=1) - (counts - 1) / 2, drawn, axis=1)


def _correlation(one: FloatArray, other: FloatArray) -> FloatArray:
    """Pearson's along the last axis; 0 where either does not vary."""
    a, b = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return (a * b).sum(axis=1) / np.where(scale > 0, scale, np.inf)
