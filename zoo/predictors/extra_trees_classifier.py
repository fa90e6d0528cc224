"""Extremely randomised trees that tell classes. Source: Geurts et al., Machine Learning 63, 3 (2006), as scikit-learn has it."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np

from framework.contracts.predictor import Classifier
from framework.registry.parameters import Float, Int


class ExtraTreesClassifier(Classifier):
    """Grown to pure leaves on all labelled items, splits drawn at random.

    Args:
        trees: number of trees.
        samples_a_leaf: at least.
        features: share of the dimensions that a node looks at; 0 for the square root of their
            number.
    """

    def __init__(
        self,
        trees: Annotated[int, Int(50, 1000)] = 300,
        samples_a_leaf: Annotated[int, Int(1, 50)] = 1,
        features: Annotated[float, Float(0.0, 1.0)] = 0.0,
    ) -> None:
        self.trees, self.samples_a_leaf, self.features = trees, samples_a_leaf, features

    def fit(self, vectors: np.ndarray, classes: np.ndarray, groups: np.ndarray) -> Self:
        from sklearn.ensemble import ExtraTreesClassifier as Trees

        self.model_ = Trees(
            self.trees,
            min_samples_leaf=self.samples_a_leaf,
            max_features=self.features or "sqrt",
            random_state=self.seed,
        ).fit(vectors, classes)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        return self.model_.predict_proba(vectors)
