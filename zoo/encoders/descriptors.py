"""The descriptors of a representation, unchanged: what a probe is worth on the raw input."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from framework.contracts.encoder import Encoder
from framework.contracts.representation import Samples


class Descriptors(Encoder):
    """Learns nothing but the mean; score = negative distance to the mean of the training part.

    Args:
        representation: any.
    """

    representation = "composition"
    baseline = True

    def __init__(self, representation: str = "composition") -> None:
        self.representation = representation

    def fit(self, samples: Samples, validation: Any = None) -> Self:
        self.mean_ = samples.descriptors().mean(axis=0, dtype=np.float64)
        return self

    def transform(self, samples: Samples) -> np.ndarray:
        self.require_fitted()
        return samples.descriptors()

    def score_samples(self, samples: Samples) -> np.ndarray:
        return -np.linalg.norm(self.transform(samples) - self.mean_, axis=1)
