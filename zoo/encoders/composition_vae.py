"""Variational autoencoder over compositions. Source: Korolev et al., Machine-learning-assisted search for functional materials over extended chemical space (2020).

Defaults are the published hyperparameters, search spaces those of its Table S1. Learning rate and
epochs are ours: neither is published.
"""

from __future__ import annotations

from typing import Annotated

from torch import nn

from framework.registry.parameters import Int
from zoo.networks import dense
from zoo.variational import (
    Activation,
    Beta,
    Dropout,
    Initialiser,
    Penalty,
    VAESettings,
    VariationalEncoder,
)


class CompositionVAE(VariationalEncoder):
    """Two dense layers to 24 latent dimensions, mirrored; score = negative reconstruction error.

    Args:
        width: number of elements.
        units_1: units of the first layer, and of the decoder's last.
        units_2: units of the second layer.
        latent_dim: width of the latent space.
        dropout: share of units dropped after every hidden layer.
        l1: weight of the absolute weights in the loss.
        l2: weight of the squared weights in the loss.
        activation: of the hidden layers.
        initialiser: how weights are drawn.
        beta: weight of the Kullback-Leibler term; 1 as published.
    """

    representation = "composition"
    settings = VAESettings(epochs=40, batch_size=64, learning_rate=1e-3, optimiser="nadam")

    def __init__(
        self,
        width: int,
        units_1: Annotated[int, Int(48, 96, within=(1, 4096))] = 95,
        units_2: Annotated[int, Int(20, 64, within=(1, 4096))] = 50,
        latent_dim: Annotated[int, Int(2, 64, within=(1, 1024), tuned=False)] = 24,
        dropout: Dropout = 4.49e-6,
        l1: Penalty = 1.94e-7,
        l2: Penalty = 1.09e-6,
        activation: Activation = "selu",
        initialiser: Initialiser = "he_normal",
        beta: Beta = 1.0,
    ) -> None:
        super().__init__()
        self.width, self.units_1, self.units_2, self.latent_dim = (
            width,
            units_1,
            units_2,
            latent_dim,
        )
        self.dropout, self.l1, self.l2, self.beta = dropout, l1, l2, beta
        self.activation, self.initialiser = activation, initialiser
        self.encoder = dense((width, units_1, units_2), activation=activation, dropout=dropout)
        self.mean = nn.Linear(units_2, latent_dim)
        self.log_variance = nn.Linear(units_2, latent_dim)
        self.decoder = nn.Sequential(
            dense((latent_dim, units_2, units_1), activation=activation, dropout=dropout),
            nn.Linear(units_1, width),
        )
