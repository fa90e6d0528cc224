"""Metrics of a ranking that know more of its items than their order: how popular their elements
are, or with which probability each is a hit.

What is resampled are the hits alone. The candidates are all that there are, and each hit is compared
with many of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framework.metrics.bootstrap import FloatArray, IntArray, centred
from framework.metrics.evaluation import Evaluation, evaluation_of
from framework.metrics.intervals import FEW
from framework.metrics.metric import Metric

NAN = float("nan")


@dataclass(frozen=True)
class RankedItems:
    """A ranking, and what is known of its items, all of shape (n,).

    Attributes:
        scores: higher ranks nearer the top.
        relevance: True for a hit.
        known: by name; ``popularity``: how frequent an item's elements are in what was learned
            from; ``probability``: that an item is a hit, as it was predicted.
    """

    scores: FloatArray
    relevance: NDArray[np.bool_]
    known: Mapping[str, FloatArray]


OfResamples = Callable[[IntArray], FloatArray]
"""From how often each hit is drawn (B, n_hits) to a metric (B,)."""


@dataclass(frozen=True, kw_only=True)
class ItemMetric(Metric):
    """A metric of a ranking and of what is known of its items.

    Attributes:
        needs: what must be known; the value is NaN where it is not.
        of: of a ranking, what gives the metric in each resample.
        by_chance: its value under random order; of probabilities, what chance alone gives where
            they are right.
        judges_order: whether a better order is better; else it judges probabilities.
        shifts: whether resampling moves it to one side, as it does the size of an error: replicates
            are then moved back to the value.
    """

    needs: str
    of: Callable[[RankedItems], OfResamples]
    by_chance: Callable[[RankedItems], float]
    judges_order: bool = True
    shifts: bool = False


def evaluate_items(
    ranked: RankedItems, n_resamples: int, seed: int = 0, metrics: Iterable[ItemMetric] = ()
) -> Evaluation:
    """Metrics with intervals and values under random order.

    The draws of hits depend on their number, ``n_resamples`` and the seed alone: the paired
    difference of two encoders is the difference of replicates. Of fewer than `FEW` hits there is no
    interval.
    """
    metrics = tuple(metrics)
    n = int(ranked.relevance.sum())
    generator = np.random.default_rng(seed)
    drawn = generator.integers(n, size=(n_resamples, n))
    times = np.stack([np.bincount(row, minlength=n) for row in drawn])
    values, random = [], {}
    replicates = np.full((len(metrics), n_resamples), np.nan)
    for row, metric in zip(replicates, metrics, strict=True):
        known = metric.needs in ranked.known
        of = metric.of(ranked) if known else None
        values.append(NAN if of is None else float(of(np.ones((1, n), np.intp))[0]))
        random[metric.name] = metric.by_chance(ranked) if known else NAN
        if of is not None and n >= FEW:
            row[:] = centred(values[-1:], of(times)[None]) if metric.shifts else of(times)
    return evaluation_of(metrics, values, random, replicates, [n] * len(metrics))


def item_metrics(ranked: RankedItems, metrics: Iterable[ItemMetric]) -> dict[str, float]:
    """Metrics of one ranking, without intervals."""
    return evaluate_items(ranked, 1, metrics=metrics).values
