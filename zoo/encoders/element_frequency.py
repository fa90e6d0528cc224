"""Element frequency: a field is as plausible as its elements are common in reported fields."""

from __future__ import annotations

from typing import Annotated, Any, Self

import numpy as np

from data.representations.phase_field import PhaseFieldSamples
from framework.contracts.encoder import Encoder
from framework.registry.parameters import Float


class ElementFrequency(Encoder):
    """Sum over the elements of log(reported fields with it + smoothing).

    Args:
        smoothing: added to every count, so that an unseen element does not end the ranking.
    """

    representation = "phase_field"
    baseline = True

    def __init__(self, smoothing: Annotated[float, Float(1e-3, 100.0, log=True)] = 1.0) -> None:
        self.smoothing = smoothing

    def fit(self, samples: PhaseFieldSamples, validation: Any = None) -> Self:
        counts = np.bincount(samples.elements.numpy().ravel(), minlength=119)
        self.log_count_ = np.log(counts + self.smoothing)
        return self

    def transform(self, samples: PhaseFieldSamples) -> np.ndarray:
        """The logarithms themselves, ascending (n, k)."""
        self.require_fitted()
        return np.sort(self.log_count_[samples.elements.numpy()], axis=1)

    def score_samples(self, samples: PhaseFieldSamples) -> np.ndarray:
        return self.transform(samples).sum(axis=1)
