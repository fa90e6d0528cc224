"""k nearest neighbours: a field is as plausible as it is close to reported fields."""

from __future__ import annotations

from typing import Annotated, Any, Self

import numpy as np

from data.representations.phase_field import PhaseFieldSamples
from framework.contracts.encoder import Encoder
from framework.registry.parameters import Int


class NearestNeighbours(Encoder):
    """Negative mean distance to the k nearest training fields on the order statistics of each descriptor.

    Args:
        k: number of neighbours; all training fields where there are fewer.
    """

    representation = "phase_field"
    baseline = True

    def __init__(self, k: Annotated[int, Int(1, 50)] = 3) -> None:
        self.k = k

    def fit(self, samples: PhaseFieldSamples, validation: Any = None) -> Self:
        points = samples.descriptors()
        self.mean_, self.scale_ = points.mean(axis=0), points.std(axis=0)
        self.scale_[self.scale_ < 1e-6] = np.inf  # constant: tells nothing
        self.training_ = (points - self.mean_) / self.scale_
        return self

    def transform(self, samples: PhaseFieldSamples) -> np.ndarray:
        """Standardised order statistics of the descriptors (n, k n_features)."""
        self.require_fitted()
        return (samples.descriptors() - self.mean_) / self.scale_

    def score_samples(self, samples: PhaseFieldSamples) -> np.ndarray:
        from sklearn.neighbors import NearestNeighbors

        points = self.transform(samples)
        index = NearestNeighbors(n_neighbors=min(self.k, len(self.training_)), algorithm="brute")
        distances, _ = index.fit(self.training_).kneighbors(points)
        return -distances.mean(axis=1)
