"""Bootstrap resamples that are the same for every encoder, their intervals, paired differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

RESAMPLES = 2000
_DRAWN_AT_ONCE = 2**20  # bounds an array of (resample, item) to 8 MiB


class Difference(NamedTuple):
    """A difference and its interval, each of shape (...)."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


def resample_indices(
    n_positive: int, n_negative: int, n_resamples: int, seed: int
) -> Iterator[tuple[IntArray, IntArray]]:
    """The draws of `ranking.evaluate`: for each resample, indices (n_positive,) and (n_negative,).

    Stratified: indices count within each class, in the order in which the items are given. They
    depend on these four arguments alone.
    """
    generator = np.random.default_rng(seed)
    for _ in range(n_resamples):
        yield (
            generator.integers(n_positive, size=n_positive, dtype=np.intp),
            generator.integers(n_negative, size=n_negative, dtype=np.intp),
        )


def resample_groups(
    groups: ArrayLike, n_resamples: int, seed: int, *, apart: ArrayLike | None = None
) -> Iterator[IntArray]:
    """How often each item is drawn, (b, n) for some resamples at a time.

    Whole groups are drawn, since items of one group (the materials of an element set) resemble
    each other: they are held out together, and taken one by one their intervals would be too
    narrow. The draws depend on the groups, ``apart`` and the seed alone, not on the order of items.

    Args:
        groups: of the items (n,), equal for those of one group.
        apart: items (n,) whose groups are drawn apart from the other groups, so that no resample
            lacks them.
    """
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    first = np.zeros(len(names), dtype=bool)
    if apart is not None:
        first[member[np.asarray(apart, dtype=bool)]] = True
    strata = [part for part in (np.flatnonzero(first), np.flatnonzero(~first)) if len(part)]
    generator = np.random.default_rng(seed)
    at_once = max(1, _DRAWN_AT_ONCE // len(member))
    for start in range(0, n_resamples, at_once):
        b = min(at_once, n_resamples - start)
        times = np.zeros((b, len(names)), dtype=np.intp)
        for row in times:
            for part in strata:
                drawn = part[generator.integers(len(part), size=len(part), dtype=np.intp)]
                row += np.bincount(drawn, minlength=len(names))
        yield times[:, member]


def require_level(level: float) -> None:
    """Refuse a level that is not a probability.

    Raises:
        ValueError: it is not.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it must lie in (0, 1), for example 0.95")


def interval(replicates: ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Percentile interval (low, high) along the last axis: (..., n_resamples) -> (...) each."""
    require_level(level)
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


def centred(values: ArrayLike, replicates: FloatArray) -> FloatArray:
    """Replicates (m, n_resamples) moved so that their means are the values (m,).

    Where resampling shifts a metric to one side (classes that come and go), the shift is an
    artefact, and the spread is not.
    """
    shift = np.asarray(values, dtype=np.float64) - replicates.mean(axis=-1)
    return replicates + shift[:, None]
