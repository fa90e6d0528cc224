"""From scores to probabilities, and how well these hold.

The probability is that of a field drawn from those ranked, the reported ones that the model has not
seen and the unexplored ones: that it is one of the reported. What tells them apart is learned from
the validation part, which the model has not seen either. Source: Elkan & Noto, KDD 2008.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

    The rank of each score among the unexplored items is taken as a quantile z of the standard
    normal, so that unexplored items are spread as N(0, 1); hits then follow N(mean, sd), the
    binormal model of ROC curves (Dorfman & Alf, J. Math. Psychol. 6, 487, 1969), and the odds of a
    hit are prior / (1 - prior) times the ratio of the two densities. Where that ratio falls, beyond
    its turning point, it is held level. Two numbers are learned, so a hundred validation items are
    enough, and the curve does not depend on the scale of the scores.

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
        # evenly, and then ever closer to either end
        ends = np.geomspace(1 / len(others), 0.5, _KNOTS)
        levels = np.concatenate([np.linspace(0, 1, _KNOTS), ends, 1 - ends])
        knots = np.unique(np.quantile(others, levels))
        rising = _rising_ratio(_normal(hits, others))
        ratio = rising(_normal(knots, others))
        mean = np.exp(rising(_normal(others, others))).mean()  # 1, but for what is held level
        return cls(knots, ratio - np.log(mean) + np.log(prior / (1 - prior)), prior)

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


def _normal(scores: FloatArray, ordered: FloatArray) -> FloatArray:
    """Quantile of the standard normal for the share of ordered scores (n,) that lie below each
    score, a tie counting half."""
    from scipy.special import ndtri

    below, through = (ordered.searchsorted(scores, side) for side in ("left", "right"))
    return np.asarray(ndtri(((below + through) / 2 + 0.5) / (len(ordered) + 1)))


def _rising_ratio(z: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Logarithm of the density of hits, of which some lie at z (m,), over the standard normal."""
    mean, sd = max(0.0, float(z.mean())), float(z.std()) if len(z) > 1 else 1.0
    sd = max(sd, 0.05)  # of hits that are nearly alike

    def log_ratio(at: FloatArray) -> FloatArray:
        if sd != 1:  # a parabola: held level on the falling side of its turning point
            turn = mean / (1 - sd**2)
            at = np.minimum(at, turn) if sd < 1 else np.maximum(at, turn)
        return np.asarray(at**2 / 2 - ((at - mean) / sd) ** 2 / 2 - np.log(sd))

    return log_ratio


def _require_prior(prior: float) -> None:
    if not 0 < prior < 1:
        raise ValueError(f"prior is {prior}; the share of hits among what is ranked lies in (0, 1)")
