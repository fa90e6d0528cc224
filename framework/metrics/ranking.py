"""Ranking metrics for binary relevance, with bootstrap intervals and values under random order.

Positives are held-out reported materials, the rest are unlabelled candidates; a higher score ranks
nearer the top, at rank 1. Every metric depends only on how many positives and candidates stand at,
and just above, each distinct score that a positive has. A ranking is therefore a few hundred
counts, a bootstrap resample is other counts of the same groups, and a thousand resamples are
computed together as arrays of shape (resample, group).
Idea: McSherry & Najork, ECIR 2008 (metrics of tied rankings in closed form).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.metrics.bootstrap import FloatArray, IntArray, interval, resample_indices
from framework.metrics.evaluation import Evaluation

_Numbers = NDArray[np.floating] | NDArray[np.integer]
_Value = TypeVar("_Value", FloatArray, float)

# A tie at the cut of a "top k" metric counts its expected hits (McSherry & Najork 2008).
METRICS: dict[str, str] = {
    "auroc": "Probability that a positive outranks a candidate, a tie counting half; 0 to 1 "
    "(Hanley & McNeil 1982).",
    "auroc_pu": "AUROC corrected for the stated prior share of hidden positives among candidates, "
    "(auroc - prior/2)/(1 - prior) clipped; 0 to 1 (Menon et al. 2015, Jain et al. 2017).",
    "average_precision": "Mean over positives of the precision at their score as threshold; "
    "0 to 1 (uninterpolated, as in scikit-learn).",
    "recall_at_1pct": "Share of all positives that stand in the top 1 %; 0 to 1.",
    "recall_at_5pct": "Share of all positives that stand in the top 5 %; 0 to 1.",
    "precision_at_1pct": "Share of the top 1 % that is positive; 0 to 1.",
    "precision_at_5pct": "Share of the top 5 % that is positive; 0 to 1.",
    "recall_at_100": "Share of all positives that stand in the first 100 ranks; 0 to 1.",
    "precision_at_100": "Share of the first 100 ranks that is positive; 0 to 1.",
    "enrichment_factor_at_1pct": "Precision in the top 1 % over the unrounded prevalence; "
    "0 to 1/prevalence, random order 1 (Truchon & Bayly 2007).",
    "enrichment_factor_at_5pct": "Precision in the top 5 % over the unrounded prevalence; "
    "0 to 1/prevalence, random order 1 (Truchon & Bayly 2007).",
    "bedroc_20": "Mean of exp(-20 mean rank/n) over positives, scaled from the worst to the best "
    "ranking and clipped; 0 to 1 (Truchon & Bayly 2007).",
    "mean_reciprocal_rank": "Mean of 1/(mean rank) over all P positives; 0 to (1 + ... + 1/P)/P "
    "(Voorhees 1999, there for the first positive alone).",
    "ndcg": "Sum of 1/log2(rank + 1) over positives, ties averaged, over that of a perfect "
    "ranking; 0 to 1 (Jarvelin & Kekalainen 2002).",
}

_BEDROC_ALPHA = 20.0
_COUNTS_AT_ONCE = 2**20  # bounds an array of (resample, group) to 8 MiB


def evaluate(
    scores: ArrayLike,
    relevance: ArrayLike,
    *,
    prior: float,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Evaluation:
    """Every metric with its stratified bootstrap percentile interval and random-order value.

    scores (n,): higher = more plausible. relevance (n,): True for a positive. prior: the stated
    share of hidden positives among the candidates, used by `auroc_pu` alone.

    A resample draws ITEMS, in the order given, from a generator seeded with `seed` alone. Two
    encoders evaluated on the same items in the same order with the same seed therefore see the
    same resamples: replicate_a - replicate_b is their paired bootstrap (`bootstrap.paired_difference`).
    Values never depend on the order of the items.

    An item drawn twice ties with itself. At mean ranks this holds `mean_reciprocal_rank` and
    `bedroc_20` slightly down, so near a perfect ranking their interval can lie below the value.
    """
    scores, relevance = _checked(scores, relevance)
    values = ranking_metrics(scores, relevance, prior=prior)
    if n_resamples < 1:
        raise ValueError(f"n_resamples is {n_resamples}; an interval needs at least 1")

    positives, candidates = _groups(scores, relevance)
    n_groups = int(positives.max()) + 1
    resamples = resample_indices(positives.size, candidates.size, n_resamples, seed)
    replicates = np.empty((len(METRICS), n_resamples))
    at_once = max(1, _COUNTS_AT_ONCE // n_groups)
    for start in range(0, n_resamples, at_once):
        counts = [
            _count(positives.take(drawn), candidates.take(drawn_candidates), n_groups)
            for drawn, drawn_candidates in islice(resamples, at_once)
        ]
        metrics = _observed(_Ranking(*map(np.stack, zip(*counts, strict=True))), prior)
        replicates[:, start : start + len(counts)] = list(metrics.values())

    low, high = interval(replicates, level)
    return Evaluation(
        values=values,
        low=dict(zip(METRICS, low.tolist(), strict=True)),
        high=dict(zip(METRICS, high.tolist(), strict=True)),
        random=random_order(positives.size, candidates.size, prior=prior),
        replicates=replicates,
    )


def ranking_metrics(scores: ArrayLike, relevance: ArrayLike, *, prior: float) -> dict[str, float]:
    """Every metric of one ranking, without intervals; the arguments are those of `evaluate`."""
    metrics = _observed(_ranking(*_checked(scores, relevance)), prior)
    return {name: float(value[0]) for name, value in metrics.items()}


def random_order(n_positive: int, n_negative: int, *, prior: float) -> dict[str, float]:
    """Exact expectation of every metric when all n items stand in uniformly random order.

    Average precision: H/n + (P - 1)/(n - 1) (1 - H/n), where H = 1 + 1/2 + ... + 1/n
    (Bestgen, Prague Bull. Math. Linguist. 103, 131, 2015).
    """
    n = n_positive + n_negative
    if n_positive < 1 or n_negative < 1:
        raise ValueError(f"{n_positive} positives, {n_negative} candidates: a ranking needs both")
    mean_reciprocal = float(np.mean(1 / np.arange(1, n + 1)))
    expected = _metrics(
        n_positive,
        n_negative,
        prior,
        auroc=0.5,
        average_precision=mean_reciprocal + (n_positive - 1) / (n - 1) * (1 - mean_reciprocal),
        hits_at=lambda k: k * n_positive / n,
        mean_decay=_mean_decay(1, n, n),
        mean_reciprocal=mean_reciprocal,
        mean_discount=float(_discount_until(n)[n] / n),
    )
    return {name: float(value) for name, value in expected.items()}


def recall_curve(scores: ArrayLike, relevance: ArrayLike, fractions: ArrayLike) -> FloatArray:
    """Recall once each fraction of the ranking is explored from the top; shape of `fractions`.

    Expected under random order inside ties, linear between whole ranks; the curve of random order
    is `fractions` itself.
    """
    explored = np.asarray(fractions, dtype=np.float64)
    if not np.all((explored >= 0) & (explored <= 1)):
        raise ValueError("fractions must lie in [0, 1]; 0.05 stands for the top 5 %")
    ranking = _ranking(*_checked(scores, relevance))
    hits = ranking.hits_at(explored.reshape(-1, 1) * ranking.n)
    return (hits / ranking.n_positive).reshape(explored.shape)


@dataclass(frozen=True)
class _Ranking:
    """Counts of B rankings in G groups, one group for each score that a positive has, best first.

    positives (B, G). candidates (B, 2G + 1): above group 0, tied with it, between groups 0 and 1,
    tied with 1, ..., below all. All rankings hold equally many items of each class. A resample may
    leave a group without positives; it then adds nothing, but its candidates still stand above
    the groups below.
    """

    positives: IntArray
    candidates: IntArray

    @cached_property
    def n_positive(self) -> int:
        return int(self.positives[0].sum())

    @cached_property
    def n_negative(self) -> int:
        return int(self.candidates[0].sum())

    @property
    def n(self) -> int:
        return self.n_positive + self.n_negative

    @cached_property
    def candidates_above(self) -> IntArray:
        return self.candidates.cumsum(axis=1)[:, :-1:2]

    @cached_property
    def positives_above(self) -> IntArray:
        return self.positives.cumsum(axis=1) - self.positives

    @cached_property
    def above(self) -> IntArray:
        return self.candidates_above + self.positives_above

    @cached_property
    def size(self) -> IntArray:
        return self.positives + self.candidates[:, 1::2]

    @cached_property
    def mean_rank(self) -> FloatArray:
        return self.above + (self.size + 1) / 2

    def over_positives(self, of_group: _Numbers) -> FloatArray:
        """Mean over positives of a quantity that each has from its group: (..., G) -> (...)."""
        total: FloatArray = (self.positives * of_group).sum(axis=-1)
        return total / self.n_positive

    def per_item(self, of_group: _Numbers) -> FloatArray:
        """A group's total shared out evenly: (..., G) -> (..., G)."""
        return of_group / np.maximum(self.size, 1)

    def auroc(self) -> FloatArray:
        outranked = self.n_negative - self.candidates_above - self.candidates[:, 1::2] / 2
        return self.over_positives(outranked) / self.n_negative

    def average_precision(self) -> FloatArray:
        accepted = np.maximum(self.above + self.size, 1)
        return self.over_positives((self.positives_above + self.positives) / accepted)

    def hits_at(self, k: float | FloatArray) -> FloatArray:
        """Expected positives in the first k ranks, with ties in random order."""
        return self.n_positive * self.over_positives(np.clip(self.per_item(k - self.above), 0, 1))

    def mean_discount(self) -> FloatArray:
        until = _discount_until(self.n)
        return self.over_positives(self.per_item(until[self.above + self.size] - until[self.above]))


def _observed(ranking: _Ranking, prior: float) -> dict[str, FloatArray]:
    """Every metric of B rankings, each of shape (B,)."""
    return _metrics(
        ranking.n_positive,
        ranking.n_negative,
        prior,
        auroc=ranking.auroc(),
        average_precision=ranking.average_precision(),
        hits_at=ranking.hits_at,
        mean_decay=ranking.over_positives(np.exp(-_BEDROC_ALPHA * ranking.mean_rank / ranking.n)),
        mean_reciprocal=ranking.over_positives(1 / ranking.mean_rank),
        mean_discount=ranking.mean_discount(),
    )


def _metrics(
    n_positive: int,
    n_negative: int,
    prior: float,
    *,
    auroc: _Value,
    average_precision: _Value,
    hits_at: Callable[[int], _Value],
    mean_decay: _Value,
    mean_reciprocal: _Value,
    mean_discount: _Value,
) -> dict[str, _Value]:
    """The metrics in the order of `METRICS`, from what was observed or is expected by chance."""
    if not 0 <= prior < 1:
        raise ValueError(
            f"prior is {prior}; the share of hidden positives among the candidates lies in [0, 1)"
        )
    n = n_positive + n_negative
    best = _mean_decay(1, n_positive, n)
    worst = _mean_decay(n_negative + 1, n_positive, n)
    metrics = {
        "auroc": auroc,
        "auroc_pu": np.clip((auroc - prior / 2) / (1 - prior), 0, 1),
        "average_precision": average_precision,
        # Mean ranks of a long tie among mostly positives can fall below the worst order: clip.
        "bedroc_20": np.clip((mean_decay - worst) / (best - worst), 0, 1),
        "mean_reciprocal_rank": mean_reciprocal,
        "ndcg": mean_discount * n_positive / _discount_until(n)[n_positive],
    }
    for cut, k in {"1pct": _top(1, n), "5pct": _top(5, n), "100": min(100, n)}.items():
        hits = hits_at(k)
        metrics[f"recall_at_{cut}"] = hits / n_positive
        metrics[f"precision_at_{cut}"] = hits / k
        metrics[f"enrichment_factor_at_{cut}"] = hits / k / (n_positive / n)
    return {name: metrics[name] for name in METRICS}


def _top(percent: int, n: int) -> int:
    """Ranks in the top `percent` %, halves rounded up in whole numbers, at least 1."""
    return max(1, (percent * n + 50) // 100)


def _mean_decay(first: int, count: int, n: int) -> float:
    """Mean of exp(-alpha rank/n) over `count` ranks from `first`, a geometric series.

    BEDROC scaled between two of these equals the closed form of Truchon & Bayly (2007).
    """
    rate = _BEDROC_ALPHA / n
    return math.exp(-rate * first) * math.expm1(-rate * count) / math.expm1(-rate) / count


def _discount_until(n: int) -> FloatArray:
    """Sum of 1/log2(rank + 1) over the first 0, 1, ..., n ranks, (n + 1,)."""
    return np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, n + 2)))])


def _ranking(scores: FloatArray, relevance: NDArray[np.bool_]) -> _Ranking:
    """The counts of the items as they are, B = 1."""
    positives, candidates = _groups(scores, relevance)
    counts = _count(positives, candidates, int(positives.max()) + 1)
    return _Ranking(*(count[np.newaxis] for count in counts))


def _groups(scores: FloatArray, relevance: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """The column of each positive and of each candidate in the arrays of a `_Ranking`."""
    levels, positives = np.unique(-scores[relevance], return_inverse=True)
    candidates = -scores[~relevance]
    # The insertion points left and right differ, by one, exactly for a tie with a positive.
    return positives, levels.searchsorted(candidates) + levels.searchsorted(candidates, "right")


def _count(positives: IntArray, candidates: IntArray, n_groups: int) -> tuple[IntArray, IntArray]:
    """Items in each column: positives (G,), candidates (2G + 1,)."""
    return (
        np.bincount(positives, minlength=n_groups),
        np.bincount(candidates, minlength=2 * n_groups + 1),
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
