"""Gradient-boosted trees on histograms. Source: Ke et al., LightGBM (2017), as scikit-learn has it."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np

from framework.contracts.predictor import Predictor
from framework.registry.parameters import Float, Int


class GradientBoosting(Predictor):
    """Squared error; the same settings for any number of labels, nothing held out inside.

    Args:
        trees: number of trees.
        learning_rate: share of each tree that is added.
        leaves: of a tree, at most.
        samples_a_leaf: at least; few, so that 50 labels can be split at all.
    """

    def __init__(
        self,
        trees: Annotated[int, Int(50, 1000)] = 200,
        learning_rate: Annotated[float, Float(0.01, 0.3, log=True)] = 0.05,
        leaves: Annotated[int, Int(4, 128, log=True)] = 31,
        samples_a_leaf: Annotated[int, Int(1, 50)] = 5,
    ) -> None:
        self.trees, self.learning_rate = trees, learning_rate
        self.leaves, self.samples_a_leaf = leaves, samples_a_leaf

    def fit(self, vectors: np.ndarray, values: np.ndarray, groups: np.ndarray) -> Self:
        from sklearn.ensemble import HistGradientBoostingRegressor

        self.model_ = HistGradientBoostingRegressor(
            max_iter=self.trees,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.samples_a_leaf,
            early_stopping=False,
            random_state=self.seed,
        ).fit(vectors, values)
        return self

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        return self.model_.predict(vectors)
