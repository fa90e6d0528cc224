"""Bootstrap resamples that are the same for every encoder, their intervals, paired differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class Difference(NamedTuple):
    """A difference and its interval, each of shape (...)."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


def resample_indices(
    n_positive: int, n_negative: int, n_resamples: int, seed: int
) -> Iterator[tuple[IntArray, IntArray]]:
    """The draws of `evaluate`: for each resample, indices (n_positive,) and (n_negative,).

    Stratified: indices count within each class, in the order in which the items are given. They
    depend on these four arguments alone.
    """
    generator = np.random.default_rng(seed)
    for _ in range(n_resamples):
        yield (
            generator.integers(n_positive, size=n_positive, dtype=np.intp),
            generator.integers(n_negative, size=n_negative, dtype=np.intp),
        )


def interval(replicates: ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Percentile interval (low, high) along the last axis: (..., n_resamples) -> (...) each."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it must lie in (0, 1), for example 0.95")
    tail = (1 - level) / 2
    low, high = np.quantile(np.asarray(replicates, dtype=np.float64), [tail, 1 - tail], axis=-1)
    return low, high


def paired_difference(
    value_a: ArrayLike,
    replicates_a: ArrayLike,
    value_b: ArrayLike,
    replicates_b: ArrayLike,
    *,
    level: float = 0.95,
) -> Difference:
    """Difference a - b of a metric between two encoders, with its paired bootstrap interval.

    Values have shape (...), replicates (..., n_resamples), both from `evaluate` on the same items
    in the same order with the same seed; otherwise the replicates are not of the same resamples.
    """
    value = np.asarray(value_a, dtype=np.float64) - np.asarray(value_b, dtype=np.float64)
    a, b = np.asarray(replicates_a, dtype=np.float64), np.asarray(replicates_b, dtype=np.float64)
    if a.shape != b.shape or a.shape[:-1] != value.shape:
        raise ValueError(
            f"replicates have shapes {a.shape} and {b.shape}, values {value.shape}; "
            f"they must be (..., n_resamples) twice, and (...)"
        )
    return Difference(value, *interval(a - b, level))


RESAMPLES = 2000


def over_seeds(curves: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, low and high (...) of what several seeds gave (seed, ...); of one seed no interval."""
    curves = np.asarray(curves, dtype=float)
    mean = curves.mean(axis=0)
    n = len(curves)
    if n == 1:
        nothing = np.full_like(mean, np.nan)
        return mean, nothing, nothing
    drawn = np.random.default_rng(0).integers(n, size=(RESAMPLES, n))
    times = np.stack([np.bincount(row, minlength=n) for row in drawn]) / n
    low, high = interval(np.moveaxis(np.tensordot(times, curves, axes=1), 0, -1))
    return mean, low, high
