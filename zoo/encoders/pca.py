"""Principal components: the linear autoencoder, in closed form."""

from __future__ import annotations

from typing import Annotated, Any, Self

import numpy as np
import torch

from framework.base.errors import UserError
from framework.contracts.encoder import Encoder
from framework.neural.samples import TensorSamples
from framework.registry.parameters import Int


class PCA(Encoder):
    """Components of all views of the training samples; score = negative reconstruction error.

    Args:
        latent_dim: number of components; as many as the input has where that is fewer.
        representation: any of vectors.
    """

    representation = "phase_field"
    baseline = True

    def __init__(
        self, latent_dim: Annotated[int, Int(1, 128)] = 16, representation: str = "phase_field"
    ) -> None:
        self.latent_dim, self.representation = latent_dim, representation

    def fit(self, samples: TensorSamples, validation: Any = None) -> Self:
        self.require_vectors(samples)
        index = torch.arange(len(samples)).repeat_interleave(samples.n_views)
        view = torch.arange(samples.n_views).repeat(len(samples))
        everything = samples.batch(index, view).double().numpy()
        self.mean_ = everything.mean(axis=0)
        centred = everything - self.mean_
        _, vectors = np.linalg.eigh(centred.T @ centred)
        self.components_ = vectors[:, ::-1][:, : self.latent_dim]
        return self

    def transform(self, samples: TensorSamples) -> np.ndarray:
        self.require_fitted()
        return samples.mean_over_views(lambda batch: self._project(batch)[0])

    def score_samples(self, samples: TensorSamples) -> np.ndarray:
        self.require_fitted()

        def score(batch: torch.Tensor) -> torch.Tensor:
            latent, centred = self._project(batch)
            # the components are orthonormal: what they miss, by Pythagoras
            return -((centred**2).sum(1) - (latent**2).sum(1)).clamp(min=0).sqrt()

        return samples.mean_over_views(score)[:, 0]

    def require_vectors(self, samples: TensorSamples) -> None:
        """Refuse graphs.

        Raises:
            UserError: names the representation.
        """
        if not samples.vectors:
            raise UserError(
                f"representation: '{self.representation}' shows no vectors, and a linear map reads "
                "nothing else; take another, such as composition or diffraction"
            )

    def _project(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        centred = batch - torch.from_numpy(self.mean_).to(batch)
        return centred @ torch.from_numpy(self.components_.copy()).to(batch), centred
