"""The ranking metrics, one object each: what it is, its value under random order, its interval
where hits are few."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from framework.metrics.bootstrap import FloatArray, IntArray
from framework.metrics.intervals import FEW, MANY, Interval, auroc_score, share_score
from framework.metrics.metric import Metric, by_name
from framework.metrics.orders import Order, RandomOrder, Ranking, discount_until
from framework.metrics.scales import LOG, LOGIT


@dataclass(frozen=True)
class Hits:
    """A ranking that cannot be resampled, and how many independent items it has.

    Attributes:
        positive, negative: element sets with a positive, and with a candidate.
    """

    ranking: Ranking
    positive: int
    negative: int
    level: float


@dataclass(frozen=True, kw_only=True)
class RankingMetric(Metric):
    """A metric of how high positives stand.

    Attributes:
        compute: from B rankings to (B,); asked of `RandomOrder` it gives the value under random
            order, unless ``random`` does.
        random: the value under random order, where ``compute`` does not give it.
        score_interval: the interval where hits are fewer than ``fewest``; None where there is none
            to be had.
        enough: whether hits are enough for resampling though they are fewer than that.
    """

    compute: Callable[[Order], FloatArray]
    random: Callable[[RandomOrder], float] | None = None
    score_interval: Callable[[Hits], Interval] | None = None
    enough: Callable[[Hits], bool] = lambda hits: False

    def by_chance(self, order: RandomOrder) -> float:
        """The value under random order."""
        return float(self.random(order) if self.random is not None else self.compute(order))


def _auroc_interval(hits: Hits) -> Interval:
    auroc = float(hits.ranking.auroc[0])
    return auroc_score(auroc, hits.positive, hits.negative, hits.level)


def _corrected(auroc: FloatArray, prior: float) -> FloatArray:
    return np.clip((auroc - prior / 2) / (1 - prior), 0, 1)


def _corrected_interval(hits: Hits) -> Interval:
    ends = np.array(_auroc_interval(hits))
    return Interval(*_corrected(ends, hits.ranking.prior).tolist())


def _bedroc(order: Order) -> FloatArray:
    n = order.n
    decay = order.at_positives(lambda rank: np.exp(-_BEDROC_ALPHA * rank / n[..., None]))
    best, worst = (_mean_decay(first, order.n_positive, n) for first in (1, order.n_negative + 1))
    # mean ranks of a long tie among mostly positives can fall below the worst order: clip
    return np.clip((decay - worst) / (best - worst), 0, 1)


def _mean_decay(first: ArrayLike, count: IntArray, n: IntArray) -> FloatArray:
    """Mean of exp(-alpha rank/n) over ``count`` ranks from ``first``, a geometric series.

    BEDROC scaled between two of these equals the closed form of Truchon & Bayly (2007).
    """
    rate = _BEDROC_ALPHA / n
    series = np.expm1(-rate * count) / np.expm1(-rate)
    return np.asarray(np.exp(-rate * np.asarray(first)) * series / count)


def _ndcg(order: Order) -> FloatArray:
    perfect = discount_until(int(order.n.max()))[order.n_positive]
    return order.mean_discount * order.n_positive / perfect


_BEDROC_ALPHA = 20.0

_Cut = Callable[[Order], IntArray]


def _top(percent: int) -> _Cut:
    """Ranks in the top ``percent`` %, halves rounded up in whole numbers, at least 1."""
    return lambda order: np.maximum(1, (percent * order.n + 50) // 100)


def _first_hundred(order: Order) -> IntArray:
    return np.minimum(100, order.n)


def _of_share(cut: _Cut, scale: Callable[[Order], FloatArray]) -> Callable[[Hits], Interval]:
    """The interval of what is proportional to the share of positives that stand in a cut: so many
    independent outcomes as there are positives."""

    def score_interval(hits: Hits) -> Interval:
        ranking, k = hits.ranking, cut(hits.ranking)
        share = float((ranking.hits_in(k) / ranking.n_positive)[0])
        # where all items are in the cut, all positives are, by necessity
        ends = (1.0, 1.0) if k[0] >= ranking.n[0] else share_score(share, hits.positive, hits.level)
        most = float((np.minimum(k, ranking.n_positive) / ranking.n_positive)[0])
        return Interval(*(min(end, most) * float(scale(ranking)[0]) for end in ends))

    return score_interval


def _on_both_sides(cut: _Cut) -> Callable[[Hits], bool]:
    """Whether `FEW` positives or more stand in a cut, and beyond it."""

    def enough(hits: Hits) -> bool:
        inside = float(hits.ranking.hits_in(cut(hits.ranking))[0])
        beyond = float(hits.ranking.n_positive[0]) - inside
        return hits.positive >= FEW and min(inside, beyond) >= FEW

    return enough


def _recall(name: str, place: str, cut: _Cut) -> RankingMetric:
    return RankingMetric(
        name=f"recall_at_{name}",
        label=f"recall at {place}",
        description=f"Share of all positives that stand in {_words(name)}; 0 to 1.",
        scale=LOGIT,
        fewest=MANY,
        enough=_on_both_sides(cut),
        compute=lambda order: order.hits_in(cut(order)) / order.n_positive,
        score_interval=_of_share(cut, lambda order: np.ones(1)),
    )


def _precision(name: str, place: str, cut: _Cut) -> RankingMetric:
    return RankingMetric(
        name=f"precision_at_{name}",
        label=f"precision at {place}",
        description=f"Share of {_words(name)} that is positive; 0 to 1.",
        scale=LOGIT,
        fewest=MANY,
        enough=_on_both_sides(cut),
        compute=lambda order: order.hits_in(cut(order)) / cut(order),
        score_interval=_of_share(cut, lambda order: order.n_positive / cut(order)),
    )


def _enrichment(name: str, place: str, cut: _Cut) -> RankingMetric:
    return RankingMetric(
        name=f"enrichment_factor_at_{name}",
        label=f"enrichment factor at {place}",
        description=f"Precision in {_words(name)} over the unrounded prevalence; 0 to "
        "1/prevalence, random order 1 (Truchon & Bayly 2007).",
        scale=LOG,
        fewest=MANY,
        enough=_on_both_sides(cut),
        compute=lambda order: order.hits_in(cut(order)) / cut(order) / (order.n_positive / order.n),
        score_interval=_of_share(cut, lambda order: order.n / cut(order)),
    )


def _words(name: str) -> str:
    return "the first 100 ranks" if name == "100" else f"the top {name.removesuffix('pct')} %"


_ONE, _FIVE, _HUNDRED = (
    ("1pct", "1 %", _top(1)),
    ("5pct", "5 %", _top(5)),
    ("100", "100", _first_hundred),
)

# A tie at the cut of a "top k" metric counts its expected hits (McSherry & Najork 2008).
RANKING: dict[str, RankingMetric] = by_name(
    [
        RankingMetric(
            name="auroc",
            label="AUROC",
            description="Probability that a positive outranks a candidate, a tie counting half; "
            "0 to 1 (Hanley & McNeil 1982).",
            scale=LOGIT,
            compute=lambda order: order.auroc,
            score_interval=_auroc_interval,
        ),
        RankingMetric(
            name="auroc_pu",
            label="AUROC pu",
            description="AUROC corrected for the stated prior share of hidden positives among "
            "candidates, (auroc - prior/2)/(1 - prior) clipped; 0 to 1 (Menon et al. 2015, Jain et "
            "al. 2017).",
            scale=LOGIT,
            fewest=MANY,  # clipped at 1, so near it resampling cannot tell
            compute=lambda order: _corrected(order.auroc, order.prior),
            score_interval=_corrected_interval,
        ),
        RankingMetric(
            name="average_precision",
            label="average precision",
            description="Mean over positives of the precision at their score as threshold; 0 to 1 "
            "(uninterpolated, as in scikit-learn).",
            scale=LOGIT,
            compute=lambda order: order.average_precision,
        ),
        _recall(*_ONE),
        _recall(*_FIVE),
        _precision(*_ONE),
        _precision(*_FIVE),
        _recall(*_HUNDRED),
        _precision(*_HUNDRED),
        _enrichment(*_ONE),
        _enrichment(*_FIVE),
        RankingMetric(
            name="bedroc_20",
            label="bedroc 20",
            description="Mean of exp(-20 mean rank/n) over positives, scaled from the worst to the "
            "best ranking and clipped; 0 to 1 (Truchon & Bayly 2007).",
            scale=LOGIT,
            compute=_bedroc,
        ),
        RankingMetric(
            name="mean_reciprocal_rank",
            label="mean reciprocal rank",
            fewest=math.inf,  # the first few ranks make it: percentiles cover 60 %
            description="Mean of 1/(mean rank) over all P positives; 0 to (1 + ... + 1/P)/P "
            "(Voorhees 1999, there for the first positive alone).",
            compute=lambda order: order.at_positives(lambda rank: 1 / rank),
        ),
        RankingMetric(
            name="ndcg",
            label="ndcg",
            fewest=300,  # a hit drawn twice ties with itself: percentiles cover 80 % at 20 hits
            description="Sum of 1/log2(rank + 1) over positives, ties averaged, over that of a "
            "perfect ranking; 0 to 1 (Jarvelin & Kekalainen 2002).",
            compute=_ndcg,
        ),
    ]
)
