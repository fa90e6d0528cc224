"""Expected calibration error: how far the confidence of answers is from their accuracy. Source: Guo et al., ICML 2017."""

from __future__ import annotations

import numpy as np

from framework.metrics.bootstrap import FloatArray
from framework.metrics.classification import ClassificationMetric, Counts, Shares
from framework.metrics.scales import LOG

BINS = 15
"""Of equal width between 0 and 1, as published."""


def _error(counts: Counts) -> FloatArray:
    answers = counts.answers
    confidence = answers.probabilities.max(axis=1).clip(max=1)
    bins = np.minimum((BINS * confidence).astype(np.intp), BINS - 1)
    excess = (answers.predicted == answers.true) - confidence
    by_bin = counts.times @ (np.eye(BINS)[bins] * excess[:, None])
    return np.asarray(np.abs(by_bin).sum(axis=1) / counts.n)


def _certain(shares: Shares) -> float:
    """Random order, each answer given with certainty."""
    return float(1 - (shares.of_classes**2).sum())


expected_calibration_error = ClassificationMetric(
    name="expected_calibration_error",
    label="expected calibration error",
    description="Distance of the probability of the most probable class from how often it is the "
    "true one, in 15 bins of equal width, the mean over the materials; 0 to 1, less is better "
    "(Guo et al. 2017). Few materials raise it, as counts scatter.",
    higher_is_better=False,
    scale=LOG,
    compute=_error,
    random=_certain,
    shifts=True,
)
