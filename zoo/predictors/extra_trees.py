"""Extremely randomised trees. Source: Geurts et al., Machine Learning 63, 3 (2006), as scikit-learn has it."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np

from framework.contracts.predictor import Predictor
from framework.registry.parameters import Float, Int


class ExtraTrees(Predictor):
    """The mean over trees; what they disagree by is the uncertainty.

    Args:
        trees: number of trees.
        features: share of the dimensions that a node looks at.
        samples_a_leaf: at least.
    """

    def __init__(
        self,
        trees: Annotated[int, Int(50, 1000)] = 200,
        features: Annotated[float, Float(0.05, 1.0)] = 0.33,
        samples_a_leaf: Annotated[int, Int(1, 50)] = 1,
    ) -> None:
        self.trees, self.features, self.samples_a_leaf = trees, features, samples_a_leaf

    def fit(self, vectors: np.ndarray, values: np.ndarray, groups: np.ndarray) -> Self:
        from sklearn.ensemble import ExtraTreesRegressor

        self.model_ = ExtraTreesRegressor(
            self.trees,
            max_features=self.features,
            min_samples_leaf=self.samples_a_leaf,
            random_state=self.seed,
        ).fit(np.asarray(vectors, np.float32), values)
        return self

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        return self._by_tree(vectors).mean(axis=0)

    def uncertainty(self, vectors: np.ndarray) -> np.ndarray:
        """The standard deviation over trees, 0 where all agree."""
        return self._by_tree(vectors).std(axis=0)

    def _by_tree(self, vectors: np.ndarray) -> np.ndarray:
        """What every tree says (trees, n)."""
        vectors = np.ascontiguousarray(vectors, np.float32)
        return np.array(
            [tree.predict(vectors, check_input=False) for tree in self.model_.estimators_]
        )
