"""Ranking metrics for binary relevance, with intervals and values under random order.

Positives are held-out reported materials, the rest are unlabelled candidates; a higher score ranks
nearer the top, at rank 1. The metrics are in `ranks`; what they are computed from, many resamples at
once, is in `orders`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.metrics.bootstrap import (
    FloatArray,
    IntArray,
    require_level,
    resample_groups,
    resample_indices,
)
from framework.metrics.evaluation import Evaluation, evaluation_of
from framework.metrics.intervals import FEW
from framework.metrics.orders import RandomOrder, Ranking
from framework.metrics.ranks import RANKING, Hits, RankingMetric

_COUNTS_AT_ONCE = 2**20  # bounds an array of (resample, group) to 8 MiB
EVERY = tuple(RANKING.values())


def evaluate(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    prior: float,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    groups: ArrayLike | None = None,
    metrics: Iterable[RankingMetric] = EVERY,
) -> Evaluation:
    """Metrics with intervals and random-order values.

    Intervals (`intervals`) are those of a bootstrap that draws positives and candidates apart (with
    ``groups``, those that hold a positive and those that hold none), in the order given, from a
    generator seeded with `seed` alone. Two encoders evaluated on the same items in the same order
    with the same seed therefore see the same resamples: replicate_a - replicate_b is their paired
    bootstrap (`bootstrap.paired_difference`). Values never depend on the order of the items.

    Of fewer than `FEW` positives (or groups that hold one) resamples are nearly alike: replicates
    are then NaN.

    An item drawn twice ties with itself. At mean ranks this holds `mean_reciprocal_rank` and
    `bedroc_20` slightly down, so near a perfect ranking their interval can lie below the value.

    Args:
        scores: (n,), higher = more plausible.
        relevance: (n,), True for a positive.
        prior: the stated share of hidden positives among the candidates, used by `auroc_pu` alone.
        groups: of the items (n,), drawn whole, such as element sets; each item by itself where None.

    Raises:
        ValueError: the items cannot be ranked, or a setting means nothing.
    """
    scores, relevance = _checked(scores, relevance)
    metrics = tuple(metrics)
    observed = _ranking(scores, relevance, prior)
    values = [float(metric.compute(observed)[0]) for metric in metrics]
    require_level(level)
    if n_resamples < 1:
        raise ValueError(f"n_resamples is {n_resamples}; an interval needs at least 1")
    hits = Hits(observed, *_independent(relevance, groups), level)
    replicates = np.full((len(metrics), n_resamples), np.nan)
    if min(hits.positive, hits.negative) >= FEW:
        drawn = _resampled(scores, relevance, groups, n_resamples, seed)
        start = 0
        at_once = max(1, _COUNTS_AT_ONCE // observed.positives.shape[1])
        while counts := list(islice(drawn, at_once)):
            ranking = Ranking(prior, *map(np.stack, zip(*counts, strict=True)))
            for row, metric in zip(replicates, metrics, strict=True):
                if metric.fewest < math.inf:
                    row[start : start + len(counts)] = metric.compute(ranking)
            start += len(counts)
    random = random_order(
        int(relevance.sum()), int((~relevance).sum()), prior=prior, metrics=metrics
    )
    without = [metric.score_interval and metric.score_interval(hits) for metric in metrics]
    n = min(hits.positive, hits.negative)
    able = [n >= metric.fewest or metric.enough(hits) for metric in metrics]
    independent = [n] * len(metrics)
    return evaluation_of(metrics, values, random, replicates, independent, able, without, level)


def ranking_metrics(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    prior: float,
    metrics: Iterable[RankingMetric] = EVERY,
) -> dict[str, float]:
    """Metrics of one ranking, without intervals; the arguments are those of `evaluate`."""
    ranking = _ranking(*_checked(scores, relevance), prior)
    return {metric.name: float(metric.compute(ranking)[0]) for metric in metrics}


def random_order(
    n_positive: int,
    n_negative: int,
    *,
    prior: float,
    metrics: Iterable[RankingMetric] = EVERY,
) -> dict[str, float]:
    """Exact expectation of metrics when all n items stand in uniformly random order."""
    order = RandomOrder(prior, n_positive, n_negative)
    return {metric.name: metric.by_chance(order) for metric in metrics}


def recall_curve(scores: ArrayLike, relevance: ArrayLike, fractions: ArrayLike) -> FloatArray:
    """Recall once each fraction of the ranking is explored from the top; shape of `fractions`.

    Expected under random order inside ties, linear between whole ranks; the curve of random order
    is `fractions` itself.
    """
    explored = np.asarray(fractions, dtype=np.float64)
    if not np.all((explored >= 0) & (explored <= 1)):
        raise ValueError("fractions must lie in [0, 1]; 0.05 stands for the top 5 %")
    ranking = _ranking(*_checked(scores, relevance), 0.0)
    hits = ranking.hits_in(explored.ravel() * ranking.n)
    return (hits / ranking.n_positive).reshape(explored.shape)


def _independent(relevance: NDArray[np.bool_], groups: ArrayLike | None) -> tuple[int, int]:
    """How many groups hold a positive, and how many a candidate."""
    if groups is None:
        return int(relevance.sum()), int((~relevance).sum())
    named = np.asarray(groups)
    return len(np.unique(named[relevance])), len(np.unique(named[~relevance]))


def _ranking(scores: FloatArray, relevance: NDArray[np.bool_], prior: float) -> Ranking:
    """The counts of the items as they are, B = 1."""
    positives, candidates = _columns(scores, relevance)
    counts = _count(positives, candidates, int(positives.max()) + 1)
    return Ranking(prior, *(count[np.newaxis] for count in counts))


def _resampled(
    scores: FloatArray,
    relevance: NDArray[np.bool_],
    groups: ArrayLike | None,
    n_resamples: int,
    seed: int,
) -> Iterator[tuple[IntArray, IntArray]]:
    """The counts of every resample, as rows of a `Ranking`."""
    positives, candidates = _columns(scores, relevance)
    n_columns = int(positives.max()) + 1
    if groups is None:
        for one, other in resample_indices(positives.size, candidates.size, n_resamples, seed):
            yield _count(positives.take(one), candidates.take(other), n_columns)
        return
    for times in resample_groups(groups, n_resamples, seed, apart=relevance):
        for drawn in times:
            yield _count(positives, candidates, n_columns, drawn[relevance], drawn[~relevance])


def _columns(scores: FloatArray, relevance: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """The column of each positive and of each candidate in the arrays of a `Ranking`."""
    levels, positives = np.unique(-scores[relevance], return_inverse=True)
    candidates = -scores[~relevance]
    # The insertion points left and right differ, by one, exactly for a tie with a positive.
    return positives, levels.searchsorted(candidates) + levels.searchsorted(candidates, "right")


def _count(
    positives: IntArray,
    candidates: IntArray,
    n_columns: int,
    times: IntArray | None = None,
    times_candidates: IntArray | None = None,
) -> tuple[IntArray, IntArray]:
    """Items in each column: positives (G,), candidates (2G + 1,); each counts so many times."""
    return (
        np.bincount(positives, times, n_columns).astype(np.intp, copy=False),
        np.bincount(candidates, times_candidates, 2 * n_columns + 1).astype(np.intp, copy=False),
    )


def _checked(scores: ArrayLike, relevance: ArrayLike) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Scores (n,) as float, relevance (n,) as bool; a ValueError says what cannot be ranked."""
    scores, relevance = np.asarray(scores, dtype=np.float64), np.asarray(relevance)
    if scores.ndim != 1 or scores.shape != relevance.shape:
        raise ValueError(
            f"scores have shape {scores.shape}, relevance {relevance.shape}; both must be (n,)"
        )
    if not np.isin(relevance, (0, 1)).all():
        raise ValueError("relevance must be True (positive) or False (candidate) for every item")
    unusable = np.flatnonzero(~np.isfinite(scores))
    if unusable.size:
        raise ValueError(
            f"{unusable.size} of {scores.size} scores are not finite, the first at index "
            f"{unusable[0]} ({scores[unusable[0]]}); every item needs a score to be ranked"
        )
    relevance = relevance.astype(np.bool_)
    if relevance.all() or not relevance.any():
        missing = "candidate" if relevance.any() else "positive"
        raise ValueError(f"no {missing} among {relevance.size} items: a ranking needs both classes")
    return scores, relevance
