"""Plain autoencoder over phase fields. Source: the reference without its prior, Vasylenko et al. (2021)."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor, nn

from framework.neural.encoder import NeuralEncoder
from framework.neural.training import Settings
from framework.registry.parameters import Float, Int
from zoo.networks import dense


class Autoencoder(NeuralEncoder):
    """Mirrored dense network, squared error; score = negative Euclidean reconstruction error.

    Args:
        width: length of a presentation, number of elements x number of features.
        latent_dim: width of the latent space.
        hidden: widths of the encoder; the decoder mirrors them.
        dropout: share of units dropped after every hidden layer.
    """

    representation = "phase_field"
    settings = Settings(epochs=20, batch_size=64)

    def __init__(
        self,
        width: int,
        latent_dim: Annotated[int, Int(2, 64, within=(1, 1024))] = 16,
        hidden: tuple[Annotated[int, Int(1, 4096)], ...] = (128, 64),
        dropout: Annotated[float, Float(0.0, 0.6, within=(0.0, 0.95))] = 0.0,
    ) -> None:
        super().__init__()
        self.width, self.latent_dim, self.hidden, self.dropout = width, latent_dim, hidden, dropout
        widths = (width, *hidden)
        self.encoder = nn.Sequential(
            dense(widths, dropout=dropout), nn.Linear(widths[-1], latent_dim)
        )
        self.decoder = nn.Sequential(
            dense((latent_dim, *reversed(hidden)), dropout=dropout),
            nn.Linear(hidden[0] if hidden else latent_dim, width),
        )

    def encode(self, batch: Tensor) -> Tensor:
        return self.encoder(batch)

    def decode(self, latent: Tensor) -> Tensor:
        return self.decoder(latent)

    def loss(self, batch: Tensor) -> dict[str, Tensor]:
        return {"reconstruction": ((self.decode(self.encode(batch)) - batch) ** 2).sum(1).mean()}
