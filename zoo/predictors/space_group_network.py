"""Convolutional network that reads powder patterns and tells space groups. Source: Korolev et al., Machine-learning-assisted search for functional materials over extended chemical space (2020)."""

from __future__ import annotations

import itertools
from typing import Annotated, Self

import numpy as np
import torch
from torch import nn

from framework.base.errors import UserError
from framework.contracts.predictor import Classifier
from framework.neural.training import device
from framework.registry.parameters import Float, Int
from zoo.early_stopping import outputs, trained
from zoo.networks import dense

KERNELS, STRIDES, POOL = (34, 37, 13), (2, 1, 2), 3

Filters = Annotated[int, Int(8, 128, log=True, within=(1, 1024))]


class SpaceGroupNetwork(Classifier):
    """Three convolutions, two dense layers and a softmax, of the published widths; relu.

    Reads raw patterns: the encoder `descriptors` of the representation `diffraction`. The published
    softmax has all 230 space groups; this one has those that it learns from, any other being
    an error anyway. That every convolution is followed by the average pool of 3 is our reading, as
    are learning rate, batch size, epochs and early stopping (`zoo.early_stopping`).

    Cost: 7 s an epoch and 1,000 patterns of 1,601 points on one core; filters and units of half the
    width take a third of it.

    Args:
        filters_1: channels of the first convolution.
        filters_2: channels of the second.
        filters_3: channels of the third.
        units_1: units of the first dense layer.
        units_2: units of the second.
        dropout: share of units dropped after every dense layer; none is published.
        learning_rate: of Adam.
        epochs: at most.
        patience: epochs without a better one after which training stops.
        batch_size: patterns a step.
    """

    def __init__(
        self,
        filters_1: Filters = 104,
        filters_2: Filters = 51,
        filters_3: Filters = 117,
        units_1: Annotated[int, Int(128, 4096, log=True, within=(1, 8192))] = 2047,
        units_2: Annotated[int, Int(128, 4096, log=True, within=(1, 8192))] = 943,
        dropout: Annotated[float, Float(0.0, 0.6, within=(0.0, 0.95))] = 0.0,
        learning_rate: Annotated[float, Float(1e-4, 1e-2, log=True, within=(1e-6, 1.0))] = 1e-3,
        epochs: Annotated[int, Int(5, 100, within=(1, 10_000))] = 30,
        patience: Annotated[int, Int(3, 20, within=(1, 1000))] = 5,
        batch_size: Annotated[int, Int(16, 256, log=True, within=(1, 4096))] = 64,
    ) -> None:
        self.filters_1, self.filters_2, self.filters_3 = filters_1, filters_2, filters_3
        self.units_1, self.units_2, self.dropout = units_1, units_2, dropout
        self.learning_rate, self.epochs = learning_rate, epochs
        self.patience, self.batch_size = patience, batch_size

    def fit(self, vectors: np.ndarray, classes: np.ndarray, groups: np.ndarray) -> Self:
        self.classes_, codes = np.unique(classes, return_inverse=True)
        if not (left := _points_left(vectors.shape[1])):
            least = next(n for n in itertools.count(vectors.shape[1]) if _points_left(n))
            raise UserError(
                f"space_group_network reads patterns of at least {least} points, not vectors of "
                f"{vectors.shape[1]}; give it raw patterns, by the encoder 'descriptors' of "
                "the representation 'diffraction'"
            )
        self.network_ = trained(
            lambda: self._build(vectors.shape[1], left),
            nn.functional.cross_entropy,
            np.asarray(vectors, np.float32),
            codes,
            groups,
            seed=self.seed,
            epochs=self.epochs,
            patience=self.patience,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )
        return self

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        shown = torch.as_tensor(np.asarray(vectors, np.float32), device=device())
        probabilities = outputs(self.network_, shown).double().softmax(dim=1)
        return probabilities.cpu().numpy()

    def _build(self, width: int, left: int) -> nn.Module:
        """The network for patterns of ``width`` points, of which ``left`` reach the dense layers."""
        filters = (1, self.filters_1, self.filters_2, self.filters_3)
        layers: list[nn.Module] = [nn.Unflatten(1, (1, width))]
        for (before, after), kernel, stride in zip(
            itertools.pairwise(filters), KERNELS, STRIDES, strict=True
        ):
            layers += [nn.Conv1d(before, after, kernel, stride), nn.ReLU(), nn.AvgPool1d(POOL)]
        widths = (left * self.filters_3, self.units_1, self.units_2)
        return nn.Sequential(
            *layers,
            nn.Flatten(),
            dense(widths, dropout=self.dropout),
            nn.Linear(self.units_2, len(self.classes_)),
        )


def _points_left(points: int) -> int:
    """How many of the points of a pattern reach the dense layers; 0 where it is too short."""
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        points = max(0, points - kernel + stride) // stride // POOL
    return points
