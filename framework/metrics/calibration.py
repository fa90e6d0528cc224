"""From scores to probabilities, and how well these hold.

The probability is that of a field drawn from those ranked, the reported ones that the model has not
seen and the unexplored ones: that it is one of the reported. What tells them apart is learned from
the validation part, which the model has not seen either. Source: Elkan & Noto, KDD 2008.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.metrics.bootstrap import FloatArray, IntArray
from framework.metrics.orders import Numbers

BINS = 10
"""Of equally many expected hits each, in which expected and counted ones are compared."""

_KNOTS = 200


@dataclass(frozen=True)
class Calibration:
    """A rising curve from scores to log odds, at a stated prior.

    Each unexplored item has a rank among all of them; the ranks q of hits, which would be even
    under random order, follow a beta density that never falls, b(q) = Beta(q; a >= 1, b <= 1), and
    the odds of a hit are prior / (1 - prior) b(q). Two numbers are learned, so a hundred
    validation items are enough. Source of the form: Kull, Silva Filho & Flach, AISTATS 2017.

    Attributes:
        scores: ascending (k,).
        log_odds: at these scores (k,), never falling.
        prior: the share of hits among what is ranked.
    """

    scores: FloatArray
    log_odds: FloatArray
    prior: float

    @classmethod
    def fit(cls, validation: ArrayLike, unexplored: ArrayLike, prior: float) -> Self:
        """Learn from the scores of hits that the model has not seen (m,) and of unexplored items
        (n,).

        Raises:
            ValueError: there are none of either, or the prior is not inside (0, 1).
        """
        hits, others = (np.asarray(each, dtype=np.float64) for each in (validation, unexplored))
        if not (len(hits) and len(others)):
            raise ValueError("a calibration needs scores of validation and of unexplored items")
        _require_prior(prior)
        others = np.sort(others)
        a, b = _beta_of(_rank(hits, others))
        # evenly, and then ever closer to either end
        ends = np.geomspace(1 / len(others), 0.5, _KNOTS)
        levels = np.concatenate([np.linspace(0, 1, _KNOTS), ends, 1 - ends])
        knots = np.unique(np.quantile(others, levels))
        q = _rank(knots, others)
        from scipy.special import betaln, logit

        density = (a - 1) * np.log(q) + (b - 1) * np.log1p(-q) - betaln(a, b)
        return cls(knots, density + logit(prior), prior)

    def probability(self, scores: ArrayLike, prior: float | None = None) -> FloatArray:
        """Of being a hit (n,), never falling as scores rise.

        Args:
            prior: another share of hits among what is ranked than the one it was fitted with.

        Raises:
            ValueError: the prior is not inside (0, 1).
        """
        from scipy.special import expit, logit

        log_odds = np.interp(np.asarray(scores, dtype=np.float64), self.scores, self.log_odds)
        if prior is not None:
            _require_prior(prior)
            log_odds = log_odds - logit(self.prior) + logit(prior)
        return np.asarray(expit(log_odds))

    def variables(self) -> dict[str, Any]:
        """As variables of a run's results (`xarray.Dataset`)."""
        return {
            "calibration_score": ("calibration_knot", self.scores),
            "calibration_log_odds": ("calibration_knot", self.log_odds, {"prior": self.prior}),
        }

    @classmethod
    def from_variables(cls, results: Mapping[Any, Any]) -> Self | None:
        """Of a run's results; None where it has none."""
        if "calibration_score" not in results:
            return None
        log_odds = results["calibration_log_odds"]
        prior = float(log_odds.attrs["prior"])
        return cls(results["calibration_score"].values, log_odds.values, prior)


def hits_among_first(
    scores: FloatArray, relevance: NDArray[np.bool_], probability: FloatArray
) -> dict[str, Any]:
    """How many hits probabilities expect among the first 100 ranks, 1 %, 5 % and 10 %, and how many
    there are (those of a tie that crosses the border by their share), as variables of results."""
    n = len(scores)
    k = np.unique(np.minimum(n, [100, *(max(1, round(share * n)) for share in (0.01, 0.05, 0.1))]))
    order = np.argsort(-scores, kind="stable")
    _, member, sizes = np.unique(-scores[order], return_inverse=True, return_counts=True)
    of_tie = np.bincount(member, relevance[order]) / sizes
    return {
        "first": ("among_first", k),
        "expected_hits": ("among_first", probability[order].cumsum()[k - 1]),
        "hits": ("among_first", of_tie[member].cumsum()[k - 1]),
    }


def bins_of(probability: FloatArray) -> IntArray:
    """The bin of each item (n,), 0 for the most probable: `BINS` of equally many expected hits;
    items of one probability share a bin."""
    levels, member, n = np.unique(-probability, return_inverse=True, return_counts=True)
    expected = n * -levels
    middle = np.cumsum(expected) - expected / 2
    return np.minimum(BINS - 1, (BINS * middle / expected.sum()).astype(np.intp))[member]


def counted_by_chance(expected: Numbers) -> FloatArray:
    """Mean distance of a Poisson count from its expectation, (n,)."""
    from scipy.special import gammaln

    mean = np.asarray(expected, dtype=np.float64).clip(min=1e-300)
    k = np.floor(mean)
    return np.asarray(2 * np.exp((k + 1) * np.log(mean) - mean - gammaln(k + 1)))


def _rank(scores: FloatArray, ordered: FloatArray) -> FloatArray:
    """Share of ordered scores (n,) that lie below each score, a tie counting half; never 0 or 1."""
    below, through = (ordered.searchsorted(scores, side) for side in ("left", "right"))
    return np.asarray(((below + through) / 2 + 0.5) / (len(ordered) + 1))


def _beta_of(q: FloatArray) -> tuple[float, float]:
    """The most likely rising beta density of ranks (m,); unique, as its family is exponential."""
    from scipy.optimize import minimize
    from scipy.special import betaln

    mean_low, mean_high = np.log(q).mean(), np.log1p(-q).mean()

    def unlikely(ab: FloatArray) -> float:
        return float(betaln(*ab) - (ab[0] - 1) * mean_low - (ab[1] - 1) * mean_high)

    best = minimize(unlikely, (2.0, 0.5), method="L-BFGS-B", bounds=((1, 1e4), (1e-3, 1)))
    return float(best.x[0]), float(best.x[1])


def _require_prior(prior: float) -> None:
    if not 0 < prior < 1:
        raise ValueError(f"prior is {prior}; the share of hits among what is ranked lies in (0, 1)")
