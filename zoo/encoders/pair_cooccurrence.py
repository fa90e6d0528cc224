"""Pair co-occurrence: a field is as plausible as its pairs of elements are common in reported fields."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Self

import numpy as np

from data.representations.phase_field import PhaseFieldSamples
from framework.contracts.encoder import Encoder
from framework.registry.parameters import Float


class PairCooccurrence(Encoder):
    """Sum over the pairs of elements of log(reported fields with both + smoothing).

    Counts over reported sets of every size rank worse (validation AUROC 0.934 against 0.950): of
    those of two cations 45 % come from sets without an anion, which alone rank at random. With
    weights of 0.01 to 0.3 they add at most 0.001, and cost average precision.

    Args:
        smoothing: added to every count, so that an unseen pair does not end the ranking.
    """

    representation = "phase_field"
    baseline = True

    def __init__(self, smoothing: Annotated[float, Float(1e-3, 100.0, log=True)] = 1.0) -> None:
        self.smoothing = smoothing

    def fit(self, samples: PhaseFieldSamples, validation: Any = None) -> Self:
        counts = np.zeros((119, 119))
        for first, second in _pairs(samples):
            np.add.at(counts, (first, second), 1)
        self.log_count_ = np.log(counts + self.smoothing)
        return self

    def transform(self, samples: PhaseFieldSamples) -> np.ndarray:
        """The logarithms themselves, ascending (n, k (k - 1) / 2)."""
        self.require_fitted()
        logs = [self.log_count_[first, second] for first, second in _pairs(samples)]
        return np.sort(np.stack(logs, axis=1), axis=1)

    def score_samples(self, samples: PhaseFieldSamples) -> np.ndarray:
        return self.transform(samples).sum(axis=1)


def _pairs(samples: PhaseFieldSamples) -> list[tuple[np.ndarray, np.ndarray]]:
    # atomic numbers ascend within a sample, so each pair has one order
    return list(itertools.combinations(samples.elements.numpy().T, 2))
