"""One dense layer that predicts a property, such as the formation energy. Source: Korolev et al., Machine-learning-assisted search for functional materials over extended chemical space (2020)."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
import torch
from torch import nn

from framework.contracts.predictor import Predictor
from framework.neural.training import device
from framework.registry.parameters import Float, Int
from zoo.early_stopping import outputs, trained
from zoo.networks import dense


class DenseNetwork(Predictor):
    """171 units, elu, dropout .347, Adam, as published; vectors and values are standardised.

    The mean absolute error is minimised and training stops early (`zoo.early_stopping`). Learning
    rate, batch size and epochs are ours: none of them is published.

    Args:
        units: of the layer.
        dropout: share of them that is dropped.
        learning_rate: of Adam.
        epochs: at most.
        patience: epochs without a better one after which training stops.
        batch_size: samples a step.
    """

    def __init__(
        self,
        units: Annotated[int, Int(16, 512, log=True, within=(1, 8192))] = 171,
        dropout: Annotated[float, Float(0.0, 0.5, within=(0.0, 0.95))] = 0.347,
        learning_rate: Annotated[float, Float(1e-4, 1e-2, log=True, within=(1e-6, 1.0))] = 1e-3,
        epochs: Annotated[int, Int(20, 500, within=(1, 10_000))] = 200,
        patience: Annotated[int, Int(5, 50, within=(1, 1000))] = 20,
        batch_size: Annotated[int, Int(16, 256, log=True, within=(1, 4096))] = 64,
    ) -> None:
        self.units, self.dropout, self.learning_rate = units, dropout, learning_rate
        self.epochs, self.patience, self.batch_size = epochs, patience, batch_size

    def fit(self, vectors: np.ndarray, values: np.ndarray, groups: np.ndarray) -> Self:
        self.mean_, self.scale_ = _moments(vectors)
        self.centre_, self.spread_ = _moments(values)
        self.network_ = trained(
            lambda: nn.Sequential(
                dense((vectors.shape[1], self.units), activation="elu", dropout=self.dropout),
                nn.Linear(self.units, 1),
                nn.Flatten(0),
            ),
            nn.functional.l1_loss,
            self._standardised(vectors),
            ((values - self.centre_) / self.spread_).astype(np.float32),
            groups,
            seed=self.seed,
            epochs=self.epochs,
            patience=self.patience,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )
        return self

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        shown = torch.as_tensor(self._standardised(vectors), device=device())
        standardised = outputs(self.network_, shown).cpu().numpy().astype(np.float64)
        return standardised * self.spread_ + self.centre_

    def _standardised(self, vectors: np.ndarray) -> np.ndarray:
        return ((vectors - self.mean_) / self.scale_).astype(np.float32)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation along the first axis; 1 for what does not vary."""
    values = np.asarray(values, np.float64)
    spread = values.std(axis=0)
    still = spread < 1e-9 * np.abs(values).max(axis=0).clip(1e-300)
    return values.mean(axis=0), np.where(still, 1.0, spread)
