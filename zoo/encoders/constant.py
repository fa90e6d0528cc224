"""The same for all: a probe on it predicts the mean of the labels, and a ranking is a single tie."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from framework.contracts.encoder import Encoder
from framework.contracts.representation import Samples


class Constant(Encoder):
    """One latent dimension that is 0; the mean predictor of every property.

    Args:
        representation: any; its samples are counted, not read.
    """

    representation = "composition"
    baseline = True

    def __init__(self, representation: str = "composition") -> None:
        self.representation = representation

    def fit(self, samples: Samples, validation: Any = None) -> Self:
        self.n_seen_ = len(samples)
        return self

    def transform(self, samples: Samples) -> np.ndarray:
        self.require_fitted()
        return np.zeros((len(samples), 1))

    def score_samples(self, samples: Samples) -> np.ndarray:
        return self.transform(samples)[:, 0]
