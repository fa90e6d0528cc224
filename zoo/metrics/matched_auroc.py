"""AUROC of each hit against candidates whose elements are as frequent, so that popularity alone ranks at random."""

from __future__ import annotations

import numpy as np

from framework.metrics.bootstrap import FloatArray, IntArray
from framework.metrics.items import ItemMetric, OfResamples, RankedItems
from framework.metrics.scales import LOGIT

EACH_SIDE = 100
"""Candidates that a hit is compared with on either side of its popularity."""


def outranked(ranked: RankedItems) -> FloatArray:
    """The share of like candidates that each hit outranks, a tie counting half: (n_hits,).

    Like are the candidates of equal popularity, and as many of the next below as of the next
    above, so that a ranking by popularity outranks half of them, wherever the hit stands. NaN
    where there is none of equal popularity and none on one side.
    """
    popularity, hits = ranked.known["popularity"], np.flatnonzero(ranked.relevance)
    others = np.flatnonzero(~ranked.relevance)
    others = others[np.argsort(popularity[others], kind="stable")]
    scores, levels = ranked.scores[others], popularity[others]
    shares = np.full(len(hits), np.nan)
    for i, hit in enumerate(hits):
        first, last = _ends(levels, popularity[hit])
        side = min(EACH_SIDE, first, len(levels) - last)
        if not (n := last - first + 2 * side):
            continue
        # which of the candidates as popular as the outermost one are inside is chance: all of
        # them count, each for as much as are inside
        low, low_end = _ends(levels, levels[first - side])
        high_begin, high = _ends(levels, levels[last + side - 1])
        weights = np.ones(high - low)
        weights[: low_end - low] = (low_end - first + side) / (low_end - low)
        weights[high_begin - low :] = (last + side - high_begin) / (high - high_begin)
        like, score = scores[low:high], ranked.scores[hit]
        shares[i] = weights @ ((like < score) + (like == score) / 2) / n
    return shares


def _ends(levels: FloatArray, level: float) -> tuple[int, int]:
    """Where a level begins and ends among sorted ones."""
    return int(levels.searchsorted(level)), int(levels.searchsorted(level, "right"))


def _matched(ranked: RankedItems) -> OfResamples:
    shares = outranked(ranked)
    compared = np.isfinite(shares)

    def mean(times: IntArray) -> FloatArray:
        n = times[:, compared].sum(axis=1)
        return times[:, compared] @ shares[compared] / np.where(n > 0, n, np.nan)

    return mean


matched_auroc = ItemMetric(
    name="matched_auroc",
    label="matched AUROC",
    description="Probability that a hit outranks a candidate whose elements are as frequent in "
    "what was learned from, a tie counting half; 0 to 1, and 0.5 for a ranking by the frequency of "
    "elements.",
    scale=LOGIT,
    needs="popularity",
    of=_matched,
    by_chance=lambda ranked: 0.5,
)
