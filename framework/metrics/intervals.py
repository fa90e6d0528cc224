"""Intervals: of many items by resampling, of fewer with a correction, of few without resampling.

Percentiles of a bootstrap are too narrow where few independent items (hits, element sets) carry a
metric: at ten hits and an AUROC of 0.9 they cover the truth in 80 % of cases in place of 95 %. So

- from `MANY` on, they are the percentiles of the replicates;
- below, value ± t standard deviations of the replicates, on the metric's own scale;
- below `FEW` (`Metric.fewest`), and where no resample differs from another, a score interval where
  the metric has one, else none.

A handful of seeds is not resampled at all: Student's t.

`tests/framework/metrics/test_coverage.py` measures what they cover.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from framework.metrics.bootstrap import FloatArray, interval
from framework.metrics.scales import IDENTITY, Scale

FEW = 10
"""Fewer independent hits, or element sets, than this cannot be resampled."""
MANY = 100
"""From so many on percentiles need no correction."""


class Interval(NamedTuple):
    """The two ends of an interval."""

    low: float
    high: float


NO_INTERVAL = Interval(float("nan"), float("nan"))


def resampled(
    value: float, replicates: FloatArray, n: float, scale: Scale = IDENTITY, level: float = 0.95
) -> Interval | None:
    """The interval of a value from its replicates (n_resamples,); None where they are NaN or do
    not vary.

    Args:
        n: independent items behind the value.
        scale: on which the interval is symmetric, below `MANY`.
    """
    if not replicates.min() < replicates.max():
        return None
    if n >= MANY or n < 2 or not scale.holds(value):
        return Interval(*(float(end) for end in interval(replicates, level)))
    spread = float(replicates.std()) * (n / (n - 1)) ** 0.5
    half = _students_t(0.5 + level / 2, n - 1) * spread * scale.slope(value)
    centre = scale.forward(value)
    return Interval(scale.inverse(centre - half), scale.inverse(centre + half))


def p_value(value: float, replicates: FloatArray, n: float) -> float:
    """Two-sided, of a difference being 0, from its replicates (n_resamples,)."""
    spread = float(replicates.std())
    if not spread > 0:
        return 1.0 if value == 0 else 0.0
    from scipy.special import ndtr, stdtr

    below = -abs(value) / spread
    return float(2 * (ndtr(below) if n >= MANY or n < 2 else stdtr(n - 1, below)))


def holm(p_values: list[float]) -> list[float]:
    """P values corrected for their number. Source: Holm, Scand. J. Stat. 6, 65 (1979)."""
    order = np.argsort(p_values, kind="stable")
    falling = np.arange(len(p_values), 0, -1)
    raised = np.maximum.accumulate(np.asarray(p_values, dtype=float)[order] * falling)
    corrected = np.empty(len(p_values))
    corrected[order] = raised.clip(max=1)
    return corrected.tolist()


def over_seeds(values: ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, low and high (...) of what several seeds gave (seed, ...); of one seed no interval.

    Resampling five seeds covers the mean in 83 % of cases in place of 95 %.
    """
    values = np.asarray(values, dtype=float)
    mean, n = values.mean(axis=0), len(values)
    if n == 1:
        nothing = np.full_like(mean, np.nan)
        return mean, nothing, nothing
    half = _students_t(0.5 + level / 2, n - 1) * values.std(axis=0, ddof=1) / n**0.5
    return mean, mean - half, mean + half


def p_over_seeds(differences: ArrayLike) -> float:
    """Two-sided, of paired differences (seed,) being 0 in the mean: Student's t, and the sign test
    where they are all equal."""
    differences = np.asarray(differences, dtype=float)
    n, mean = len(differences), float(differences.mean())
    spread = float(differences.std(ddof=1)) / n**0.5 if n > 1 else 0.0
    if not spread > 0:
        return 1.0 if mean == 0 else 2.0 ** (1 - n)
    from scipy.special import stdtr

    return float(2 * stdtr(n - 1, -abs(mean) / spread))


def share_score(share: float, n: float, level: float = 0.95) -> Interval:
    """Of a proportion of n independent outcomes: exact below `FEW`, where a score interval covers
    85 % at some shares, else Wilson's."""
    return exact(share, n, level) if n < FEW else wilson(share, n, level)


def exact(share: float, n: float, level: float = 0.95) -> Interval:
    """Of a proportion of n independent outcomes, never too narrow. Source: Clopper and Pearson,
    Biometrika 26, 404 (1934)."""
    from scipy.special import betaincinv

    hits, tail = share * n, (1 - level) / 2
    low = float(betaincinv(hits, n - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0
    return Interval(low, high)


def wilson(share: float, n: float, level: float = 0.95) -> Interval:
    """Of a proportion of n independent outcomes. Source: Wilson, J. Am. Stat. Assoc. 22, 209
    (1927)."""
    z = _standard_normal(0.5 + level / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def auroc_score(auroc: float, n_positive: int, n_negative: int, level: float = 0.95) -> Interval:
    """Of an AUROC: all true values from which it lies at most z standard errors away.

    The standard error is that of Hanley and McNeil, Radiology 143, 29 (1982), at the true value
    and not at the observed one, so that it does not vanish at 0 and 1 (Newcombe, Stat. Med. 25,
    559, 2006).
    """
    z = _standard_normal(0.5 + level / 2)

    def beyond(true: float) -> float:
        """Above 0 where the observed value is more than z standard errors away."""
        both_positive, both_negative = true / (2 - true), 2 * true**2 / (1 + true)
        variance = true * (1 - true)
        variance += (n_positive - 1) * (both_positive - true**2)
        variance += (n_negative - 1) * (both_negative - true**2)
        return (auroc - true) ** 2 - z**2 * variance / (n_positive * n_negative)

    return Interval(_end(beyond, 0.0, auroc), _end(beyond, 1.0, auroc))


def _standard_normal(probability: float) -> float:
    """Its quantile. SciPy waits until it is needed: listings start without it."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def _students_t(probability: float, degrees: float) -> float:
    """Its quantile."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def _end(beyond: Callable[[float], float], edge: float, value: float) -> float:
    """Where an interval around a value ends, towards an edge of the range."""
    from scipy.optimize import brentq

    tiny = 1e-9  # at an edge itself the error is 0
    start, stop = abs(edge - tiny), min(max(value, tiny), 1 - tiny)
    if beyond(start) <= 0 or beyond(stop) > 0:
        return edge
    return float(brentq(beyond, start, stop))
