"""Encoders whose latent vectors have a Gaussian posterior: mean, variance, draws, divergence.

Source: Kingma and Welling, Auto-Encoding Variational Bayes (ICLR 2014).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from framework.neural.encoder import NeuralEncoder


class GaussianEncoder(NeuralEncoder):
    """A subclass writes `hidden_units` and `loss`, and sets the two layers in its constructor, in any
    order beside its others.

    Attributes:
        mean, log_variance: hidden units (..., h) to the posterior (..., latent_dim).
    """

    mean: nn.Linear
    log_variance: nn.Linear

    def hidden_units(self, batch: Any) -> Tensor:
        """Hidden units (b, h) of presentations, from which the posterior is read."""
        raise NotImplementedError

    def encode(self, batch: Any) -> Tensor:
        return self.mean(self.hidden_units(batch))

    def posterior(self, batch: Any) -> tuple[Tensor, Tensor]:
        return self.read(self.hidden_units(batch))

    def draw(self, batch: Any) -> Tensor:
        return drawn(*self.posterior(batch))

    def read(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (..., latent_dim) from hidden units (..., h)."""
        # bounded, or one outlier in the first steps overflows the exponential
        return self.mean(hidden), self.log_variance(hidden).clamp(-10, 10)


def drawn(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A latent vector of each Gaussian, differentiable in both."""
    return mean + torch.randn_like(mean) * (0.5 * log_variance).exp()


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence to the standard Gaussian, by latent dimension, in nats."""
    return -0.5 * (1 + log_variance - mean**2 - log_variance.exp())
