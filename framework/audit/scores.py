"""What the plausibility score is made of: norm, frequency, a sum over elements, combinations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy.stats import spearmanr

from framework.metrics.ranking import evaluate
from framework.neural.samples import TensorSamples

COPIES = 5
"""Shuffled fields for each held-out one."""

SHUFFLES = 30
"""Rounds of swaps: after them a field keeps few of its own elements."""


def of_scores(
    samples: TensorSamples, names: np.ndarray, train: np.ndarray, scores: np.ndarray
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Quantities of the scores (n,) of unexplored items with these names; ``train``: names."""
    norms = samples.mean_over_views(lambda x: torch.linalg.vector_norm(x, dim=1), most_views=1)[
        :, 0
    ]
    holds, symbols = _holds(names)
    counts = _holds(train, symbols)[0].sum(axis=0)
    values = {
        "distinct_scores": np.unique(scores).size / scores.size,
        "norm_correlation": _correlation(scores, -norms),
        "frequency_correlation": _correlation(scores, holds @ np.log(counts + 1)),
    }
    return values, {"norm": norms, "score": scores}


def of_shuffled(
    additive: Additive,
    real: tuple[np.ndarray, np.ndarray],
    shuffled: tuple[np.ndarray, np.ndarray],
) -> tuple[dict[str, float], dict[str, np.ndarray], float]:
    """Whether held-out fields outscore those whose elements were swapped among them.

    Args:
        additive: what of the score is a sum over elements.
        real, shuffled: names (n,) and scores (n,).

    Returns:
        quantities, evidence, and the low end of the interval of the larger AUROC.
    """
    beyond = additive.residual(*real), additive.residual(*shuffled)
    whole, low = _outscores(real[1], shuffled[1])
    rest, rest_low = _outscores(*beyond)
    values = {
        "additive_r2": additive.r2,
        "shuffle_auroc": whole,
        "combination_auroc": rest,
    }
    return values, {"real": beyond[0], "shuffled": beyond[1]}, max(low, rest_low)


def shuffle_elements(
    rng: np.random.Generator, element_sets: list[str], members: Callable[[list[str]], list[str]]
) -> list[str]:
    """Swap elements between sets, keeping how often each element occurs.

    Sets are paired at random and swap one element each, where both results are of the same field
    space and differ from every set given; repeated `SHUFFLES` times. A set that could swap with
    none stays as it is and is left out of what is returned.
    """
    given = set(element_sets)
    current = [text.split() for text in element_sets]
    for _ in range(SHUFFLES):
        order = rng.permutation(len(current))
        pairs = list(zip(order[::2], order[1::2], strict=False))
        proposals = []
        for i, j in pairs:
            a, b = rng.integers(len(current[i])), rng.integers(len(current[j]))
            one = [*current[i][:a], current[j][b], *current[i][a + 1 :]]
            two = [*current[j][:b], current[i][a], *current[j][b + 1 :]]
            proposals.append((sorted(one), sorted(two)))
        texts = [" ".join(each) for pair in proposals for each in pair]
        distinct = [t for t in texts if len(set(t.split())) == len(t.split())]
        valid = set(members(distinct)) if distinct else set()
        for (i, j), (one, two) in zip(pairs, proposals, strict=True):
            if " ".join(one) in valid and " ".join(two) in valid:
                current[i], current[j] = one, two
    texts = [" ".join(each) for each in current]
    return [text for text in texts if text not in given] or texts


@dataclass(frozen=True)
class Additive:
    """Least squares of a score on the elements: one number an element, and a constant."""

    symbols: tuple[str, ...]
    weights: np.ndarray
    r2: float

    @classmethod
    def fit(cls, names: np.ndarray, target: np.ndarray) -> Self:
        holds, symbols = _holds(names)
        design = np.column_stack([np.ones(len(holds)), holds])
        weights, _, rank, _ = np.linalg.lstsq(design, target, rcond=None)
        left, total = (
            ((target - design @ weights) ** 2).sum(),
            ((target - target.mean()) ** 2).sum(),
        )
        if np.ptp(target) == 0:
            return cls(symbols, weights, 1.0)  # a constant is a sum over elements
        r2 = 1 - left / total * (len(target) - 1) / max(1, len(target) - rank)
        return cls(symbols, weights, float(r2))

    def residual(self, names: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """What of the scores (n,) is not a sum over elements."""
        holds, _ = _holds(names, self.symbols)
        return scores - self.weights[0] - holds @ self.weights[1:]


def _outscores(real: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """AUROC of real against other, and the low end of its 95 % interval."""
    relevance = np.arange(len(real) + len(other)) < len(real)
    evaluation = evaluate(np.concatenate([real, other]), relevance, prior=0.0, n_resamples=300)
    return evaluation.values["auroc"], evaluation.low["auroc"]


def _holds(
    names: np.ndarray, symbols: tuple[str, ...] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Which element stands in which set (n, n_symbols)."""
    sets = [set(text.split()) for text in names]
    symbols = symbols or tuple(sorted(set().union(*sets)))
    return np.array([[s in each for s in symbols] for each in sets], dtype=float), symbols


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first, second).statistic)
