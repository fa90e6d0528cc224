"""Random scores: the floor that every metric is read against."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from data.representations.phase_field import PhaseFieldSamples
from framework.contracts.encoder import Encoder


class RandomScore(Encoder):
    """A seeded hash of the element set: equal sets get equal scores, in whatever order they come."""

    representation = "phase_field"
    baseline = True

    def fit(self, samples: PhaseFieldSamples, validation: Any = None) -> Self:
        self.salt_ = np.random.default_rng(self.seed).integers(1, 2**62)
        return self

    def transform(self, samples: PhaseFieldSamples) -> np.ndarray:
        return self.score_samples(samples)[:, None]

    def score_samples(self, samples: PhaseFieldSamples) -> np.ndarray:
        self.require_fitted()
        code = np.full(len(samples), self.salt_, dtype=np.uint64)
        for column in samples.elements.numpy().astype(np.uint64).T:
            code = _mixed(code + column)
        return code / np.float64(2**64)


def _mixed(code: np.ndarray) -> np.ndarray:
    """One round of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    code = code + np.uint64(0x9E3779B97F4A7C15)
    code = (code ^ (code >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    code = (code ^ (code >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return code ^ (code >> np.uint64(31))
