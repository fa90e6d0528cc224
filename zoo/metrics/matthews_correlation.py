"""Matthews correlation coefficient: how predicted and true classes correlate, rare classes counted too. Source: Gorodkin, Comput. Biol. Chem. 28, 367 (2004)."""

from __future__ import annotations

import numpy as np

from framework.metrics.bootstrap import FloatArray
from framework.metrics.classification import ClassificationMetric, Counts
from framework.metrics.scales import FISHER


def _correlation(counts: Counts) -> FloatArray:
    """0 where all are of one class, or taken for one."""
    n, true, predicted = counts.n, counts.true, counts.predicted
    covariance = n * counts.right.sum(axis=1) - (true * predicted).sum(axis=1)
    spread = (n**2 - (true**2).sum(axis=1)) * (n**2 - (predicted**2).sum(axis=1))
    return np.asarray(covariance / np.sqrt(np.where(spread > 0, spread, np.inf)))


matthews_correlation = ClassificationMetric(
    name="matthews_correlation",
    label="Matthews correlation",
    description="Correlation of predicted and true classes, of two or of many; -1 to 1, 0 for any "
    "answer that does not depend on the material (Gorodkin 2004).",
    scale=FISHER,
    compute=_correlation,
    random=lambda shares: 0.0,
)
