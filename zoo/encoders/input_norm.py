"""Negative Euclidean norm of the standardised input: what the published reference computed."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
import torch

from framework.contracts.encoder import Encoder
from framework.neural.samples import TensorSamples


class InputNorm(Encoder):
    """Learns nothing beyond the representation's scaler; the same for every order of elements."""

    representation = "phase_field"
    baseline = True

    def fit(self, samples: TensorSamples, validation: Any = None) -> Self:
        self.n_seen_ = len(samples)
        return self

    def transform(self, samples: TensorSamples) -> np.ndarray:
        self.require_fitted()
        norm = partial(torch.linalg.vector_norm, dim=1)
        return samples.mean_over_views(norm, most_views=1)

    def score_samples(self, samples: TensorSamples) -> np.ndarray:
        return -self.transform(samples)[:, 0]
