"""Regression metrics, with bootstrap intervals and values under random order.

A resample draws whole groups (element sets), as the split holds them out. The draws depend on the
groups and the seed alone, so that the paired difference of two encoders is the difference of
replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from framework.metrics.bootstrap import FloatArray, IntArray, resample_groups
from framework.metrics.evaluation import Evaluation, evaluation_of
from framework.metrics.intervals import FEW
from framework.metrics.metric import Metric, by_name
from framework.metrics.scales import FISHER, LOG, LOG_OF_REST


@dataclass(frozen=True)
class Predictions:
    """Predicted and true values of n materials, each of which counts so many times in each of B
    resamples.

    predicted, true (n,); times (B, n).
    """

    predicted: FloatArray
    true: FloatArray
    times: IntArray

    @property
    def n(self) -> IntArray:
        """Materials of each resample (B,)."""
        return self.times.sum(axis=1)

    @property
    def errors(self) -> FloatArray:
        """(n,)"""
        return self.predicted - self.true

    def total(self, of_material: FloatArray) -> FloatArray:
        """Sums (B,) of what each material has, (n,) or (B, n)."""
        return np.asarray((self.times * of_material).sum(axis=1))

    def mean(self, of_material: FloatArray) -> FloatArray:
        """Means (B,) of what each material has, (n,) or (B, n)."""
        return self.total(of_material) / self.n

    def ranks(self, values: FloatArray) -> FloatArray:
        """Mean ranks (B, n) of values (n,) within each resample, counted rather than sorted."""
        levels, code = np.unique(values, return_inverse=True)
        b = len(self.times)
        cells = (code + len(levels) * np.arange(b)[:, None]).ravel()
        counts = np.bincount(cells, self.times.ravel(), minlength=b * len(levels)).reshape(b, -1)
        ranks: FloatArray = (counts.cumsum(axis=1) - (counts - 1) / 2)[:, code]
        return ranks


@dataclass(frozen=True, kw_only=True)
class RegressionMetric(Metric):
    """A metric of how near predictions come.

    Attributes:
        compute: (B,)
        random: its expectation where the true values (n,) are predicted in random order.
    """

    compute: Callable[[Predictions], FloatArray]
    random: Callable[[FloatArray], float]


def _r2(drawn: Predictions) -> FloatArray:
    spread = drawn.total((drawn.true - drawn.mean(drawn.true)[:, None]) ** 2)
    return 1 - drawn.total(drawn.errors**2) / np.where(spread > 0, spread, np.nan)


def _spearman(drawn: Predictions) -> FloatArray:
    """Pearson's of the ranks; 0 where either does not vary."""
    a, b = (
        ranks - drawn.mean(ranks)[:, None]
        for ranks in map(drawn.ranks, (drawn.predicted, drawn.true))
    )
    scale = np.sqrt(drawn.total(a**2) * drawn.total(b**2))
    return drawn.total(a * b) / np.where(scale > 0, scale, np.inf)


def _gini(true: FloatArray) -> float:
    """The mean difference of two of the values."""
    n, ordered = len(true), np.sort(true)
    return 2 * float(((2 * np.arange(1, n + 1) - n - 1) * ordered).sum()) / n**2


REGRESSION: dict[str, RegressionMetric] = by_name(
    [
        RegressionMetric(
            name="mae",
            label="MAE",
            description="Mean absolute error, in the units of the property; 0 or more, less is "
            "better.",
            higher_is_better=False,
            scale=LOG,
            compute=lambda drawn: drawn.mean(np.abs(drawn.errors)),
            random=_gini,
        ),
        RegressionMetric(
            name="rmse",
            label="RMSE",
            description="Root of the mean squared error, in the units of the property; 0 or more, "
            "less is better.",
            higher_is_better=False,
            scale=LOG,
            compute=lambda drawn: np.sqrt(drawn.mean(drawn.errors**2)),
            # the squared error is then twice the variance; for its root, the root of that
            random=lambda true: float(2**0.5 * true.std()),
        ),
        RegressionMetric(
            name="r2",
            label="R²",
            description="1 - squared error / squared distance to the mean of the true values; up "
            "to 1, and 0 for their mean.",
            scale=LOG_OF_REST,
            compute=_r2,
            random=lambda true: -1.0,
        ),
        RegressionMetric(
            name="spearman",
            label="spearman",
            description="Rank correlation of predicted and true values, ties at their mean rank; "
            "-1 to 1, 0 where either does not vary.",
            scale=FISHER,
            compute=_spearman,
            random=lambda true: 0.0,
        ),
    ]
)

EVERY = tuple(REGRESSION.values())


def evaluate_regression(
    predicted: FloatArray,
    true: FloatArray,
    groups: ArrayLike,
    n_resamples: int,
    seed: int = 0,
    metrics: Iterable[RegressionMetric] = EVERY,
) -> Evaluation:
    """Metrics with intervals; predicted, true and groups (n,).

    Of fewer than `FEW` groups there is no interval, and replicates are NaN.
    """
    metrics = tuple(metrics)
    replicates = np.full((len(metrics), n_resamples), np.nan)
    if (n := len(np.unique(np.asarray(groups)))) >= FEW:
        parts = []
        for times in resample_groups(groups, n_resamples, seed):
            drawn = Predictions(predicted, true, times)
            parts.append([metric.compute(drawn) for metric in metrics])
        replicates = np.concatenate(parts, axis=1)
    values = regression_metrics(predicted, true, metrics)
    random = random_order(true, metrics)
    independent = [n] * len(metrics)
    return evaluation_of(metrics, list(values.values()), random, replicates, independent)


def regression_metrics(
    predicted: FloatArray, true: FloatArray, metrics: Iterable[RegressionMetric] = EVERY
) -> dict[str, float]:
    """Metrics of one prediction, without intervals; both (n,)."""
    once = Predictions(predicted, true, np.ones((1, len(true)), dtype=np.intp))
    return {metric.name: float(metric.compute(once)[0]) for metric in metrics}


def random_order(true: FloatArray, metrics: Iterable[RegressionMetric] = EVERY) -> dict[str, float]:
    """Exact expectation of metrics where the true values (n,) are predicted in random order."""
    return {metric.name: metric.random(true) for metric in metrics}
