"""A random subspace of the input: what a latent space of its width is worth without learning."""

from __future__ import annotations

from typing import Annotated, Any, Self

import numpy as np

from framework.neural.samples import TensorSamples
from framework.registry.parameters import Int
from zoo.encoders.pca import PCA


class RandomProjection(PCA):
    """Orthonormal directions drawn by the seed; score = negative reconstruction error.

    Args:
        latent_dim: number of directions.
        representation: any of vectors.
    """

    representation = "composition_diffraction"
    baseline = True

    def __init__(
        self,
        latent_dim: Annotated[int, Int(1, 128)] = 88,
        representation: str = "composition_diffraction",
    ) -> None:
        super().__init__(latent_dim, representation)

    def fit(self, samples: TensorSamples, validation: Any = None) -> Self:
        self.require_vectors(samples)
        drawn = np.random.default_rng(self.seed).normal(size=(samples.width, self.latent_dim))
        self.components_ = np.linalg.qr(drawn)[0]
        self.mean_ = np.zeros(samples.width)
        return self
