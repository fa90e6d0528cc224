"""Variational autoencoder over powder patterns. Source: Korolev et al., Machine-learning-assisted search for functional materials over extended chemical space (2020).

Defaults are the published hyperparameters, search spaces those of its Table S1. Learning rate and
epochs are ours: neither is published.
"""

from __future__ import annotations

import itertools
from typing import Annotated

from torch import Tensor, nn

from framework.base.errors import UserError
from framework.registry.parameters import Float, Int
from zoo.networks import ACTIVATIONS, dense
from zoo.variational import Activation, Beta, Initialiser, Penalty, VAESettings, VariationalEncoder


class DiffractionVAE(VariationalEncoder):
    """Three convolutions with pooling and two dense layers to 64 latent dimensions, mirrored.

    The decoder repeats each point ``pool`` times where the encoder took the highest of them.
    Score = negative reconstruction error.

    Args:
        width: number of points of a pattern.
        filters_1: channels of the first convolution.
        filters_2: channels of the second.
        filters_3: channels of the third.
        kernel: points that a convolution sees.
        pool: points that become one after each convolution.
        units_1: units of the first dense layer.
        units_2: units of the second.
        latent_dim: width of the latent space.
        dropout: share of units dropped after every dense layer.
        l1: weight of the absolute weights in the loss.
        l2: weight of the squared weights in the loss.
        activation: of the hidden layers.
        initialiser: how weights are drawn.
        beta: weight of the Kullback-Leibler term; 1 as published.
    """

    representation = "diffraction"
    settings = VAESettings(epochs=20, batch_size=64, learning_rate=1e-3, optimiser="adamax")

    def __init__(  # long: fifteen published settings, one a line
        self,
        width: int,
        filters_1: Annotated[int, Int(8, 16, within=(1, 256))] = 16,
        filters_2: Annotated[int, Int(16, 32, within=(1, 256))] = 17,
        filters_3: Annotated[int, Int(32, 64, within=(1, 256))] = 37,
        kernel: Annotated[int, Int(2, 5, within=(1, 101))] = 4,
        pool: Annotated[int, Int(2, 5, within=(1, 8))] = 2,
        units_1: Annotated[int, Int(512, 1024, within=(1, 8192))] = 693,
        units_2: Annotated[int, Int(256, 512, within=(1, 8192))] = 403,
        latent_dim: Annotated[int, Int(2, 128, within=(1, 1024), tuned=False)] = 64,
        dropout: Annotated[float, Float(0.0, 0.06, within=(0.0, 0.95))] = 0.0204,
        l1: Penalty = 1.46e-6,
        l2: Penalty = 6.42e-7,
        activation: Activation = "selu",
        initialiser: Initialiser = "lecun_normal",
        beta: Beta = 1.0,
    ) -> None:
        super().__init__()
        self.width, self.latent_dim, self.kernel, self.pool = width, latent_dim, kernel, pool
        self.filters_1, self.filters_2, self.filters_3 = filters_1, filters_2, filters_3
        self.units_1, self.units_2, self.dropout = units_1, units_2, dropout
        self.l1, self.l2, self.beta = l1, l2, beta
        self.activation, self.initialiser = activation, initialiser
        points = [width]
        for _ in range(3):
            points.append(-(-points[-1] // pool))
        if points[-1] < 2:
            raise UserError(
                f"a pattern of {width} points pooled by {pool} three times leaves {points[-1]}; "
                "lower pool, or take patterns of more points"
            )
        channels = (1, filters_1, filters_2, filters_3)
        flat = filters_3 * points[-1]
        self.encoder = nn.Sequential(
            nn.Unflatten(1, (1, width)),
            *(
                _Convolved(before, after, kernel, activation, nn.MaxPool1d(pool, ceil_mode=True))
                for before, after in itertools.pairwise(channels)
            ),
            nn.Flatten(),
            dense((flat, units_1, units_2), activation=activation, dropout=dropout),
        )
        self.mean = nn.Linear(units_2, latent_dim)
        self.log_variance = nn.Linear(units_2, latent_dim)
        self.decoder = nn.Sequential(
            dense((latent_dim, units_2, units_1), activation=activation, dropout=dropout),
            dense((units_1, flat), activation=activation),
            nn.Unflatten(1, (filters_3, points[-1])),
            _Repeat(pool, points[2]),
            _Convolved(filters_3, filters_2, kernel, activation),
            _Repeat(pool, points[1]),
            _Convolved(filters_2, filters_1, kernel, activation),
            _Repeat(pool, points[0]),
            _Convolved(filters_1, 1, kernel),
            nn.Flatten(),
        )


class _Convolved(nn.Sequential):
    """As many points as before, then the activation and what may follow."""

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        activation: str | None = None,
        *following: nn.Module,
    ) -> None:
        layers: list[nn.Module] = [
            nn.ConstantPad1d(((kernel - 1) // 2, kernel // 2), 0.0),
            nn.Conv1d(before, after, kernel),
        ]
        if activation is not None:
            layers.append(ACTIVATIONS[activation]())
        super().__init__(*layers, *following)


class _Repeat(nn.Module):
    """Every point ``times`` times, the surplus at the end cut off."""

    def __init__(self, times: int, points: int) -> None:
        super().__init__()
        self.times, self.points = times, points

    def forward(self, values: Tensor) -> Tensor:
        return values.repeat_interleave(self.times, dim=2)[:, :, : self.points]
