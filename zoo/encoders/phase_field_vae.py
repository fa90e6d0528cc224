"""Variational autoencoder over phase fields, the reference. Source: Vasylenko et al., Nat. Commun. 12, 5561 (2021).

The published decoder ended in a sigmoid, which cannot represent standardised inputs: trained so,
it answers 0 everywhere and the score is the norm of the input. ``output: sigmoid`` shows that;
the default is linear.
"""

from __future__ import annotations

from typing import Annotated

from torch import Tensor, nn

from framework.neural.training import Settings
from framework.registry.parameters import Choice, Float, Int
from zoo.gaussian import GaussianEncoder, divergence, drawn
from zoo.networks import dense


class PhaseFieldVAE(GaussianEncoder):
    """Published widths and training settings; score = negative Euclidean reconstruction error.

    Args:
        width: length of a presentation, number of elements x number of features.
        latent_dim: width of the latent space.
        hidden: widths of the encoder; the decoder mirrors them.
        dropout: share of units dropped after every hidden layer.
        beta: weight of the Kullback-Leibler term.
        output: activation of the decoder's last layer.
    """

    representation = "phase_field"
    settings = Settings(epochs=13, batch_size=32)

    def __init__(
        self,
        width: int,
        latent_dim: Annotated[int, Int(2, 32, within=(1, 1024))] = 4,
        hidden: tuple[Annotated[int, Int(1, 4096)], ...] = (74, 37, 18, 9),
        dropout: Annotated[float, Float(0.0, 0.6, within=(0.0, 0.95))] = 0.2,
        beta: Annotated[float, Float(0.0, 2.0, within=(0.0, 100.0))] = 1.0,
        output: Annotated[str, Choice("linear", "sigmoid")] = "linear",
    ) -> None:
        super().__init__()
        self.width, self.latent_dim, self.hidden = width, latent_dim, hidden
        self.dropout, self.beta, self.output = dropout, beta, output
        widths = (width, *hidden)
        self.encoder = dense(widths, dropout=dropout)
        self.mean = nn.Linear(widths[-1], latent_dim)
        self.log_variance = nn.Linear(widths[-1], latent_dim)
        self.decoder = nn.Sequential(
            dense((latent_dim, *reversed(hidden)), dropout=dropout),
            nn.Linear(hidden[0] if hidden else latent_dim, width),
            nn.Sigmoid() if output == "sigmoid" else nn.Identity(),
        )

    def hidden_units(self, batch: Tensor) -> Tensor:
        return self.encoder(batch)

    def decode(self, latent: Tensor) -> Tensor:
        return self.decoder(latent)

    def loss(self, batch: Tensor) -> dict[str, Tensor]:
        mean, log_variance = self.posterior(batch)
        latent = drawn(mean, log_variance)
        # the published loss, mean squared error x width, is the sum over the inputs
        return {
            "reconstruction": ((self.decode(latent) - batch) ** 2).sum(1).mean(),
            "kl": self.beta * divergence(mean, log_variance).sum(1).mean(),
        }
