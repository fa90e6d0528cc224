"""Share of hits that predicted probabilities expect at other scores than those where they are."""

from __future__ import annotations

import numpy as np

from framework.metrics.bootstrap import FloatArray, IntArray
from framework.metrics.calibration import BINS, bins_of, counted_by_chance
from framework.metrics.items import ItemMetric, OfResamples, RankedItems
from framework.metrics.scales import LOG


def _misplaced(ranked: RankedItems) -> OfResamples:
    bins = bins_of(ranked.known["probability"])
    expected = _expected(ranked, bins)
    places = np.eye(BINS)[bins[ranked.relevance]]

    def error(times: IntArray) -> FloatArray:
        counted: FloatArray = times @ places
        share: FloatArray = np.abs(counted - expected).sum(axis=1) / times.sum(axis=1)
        return share

    return error


def _by_counting(ranked: RankedItems) -> float:
    probability = ranked.known["probability"]
    bins = bins_of(probability)
    expected = _expected(ranked, bins)
    # of probabilities that are not small, counts vary less than Poisson's
    less = np.bincount(bins, probability * (1 - probability), BINS) / np.maximum(expected, 1e-300)
    return float((counted_by_chance(expected) * less**0.5).sum() / ranked.relevance.sum())


def _expected(ranked: RankedItems, bins: IntArray) -> FloatArray:
    return np.bincount(bins, ranked.known["probability"], BINS).astype(np.float64)


calibration_error_of_hits = ItemMetric(
    name="calibration_error_of_hits",
    label="calibration error of hits",
    description="Expected calibration error in ten bins of equally many expected hits, over the "
    "prevalence: the sum of |counted - expected hits| by bin over all hits; 0 or more, less is "
    "better. Beside it stands what counting alone gives where every probability is right.",
    higher_is_better=False,
    scale=LOG,
    needs="probability",
    of=_misplaced,
    by_chance=_by_counting,
    judges_order=False,
    shifts=True,
)
