"""Random forest that tells many classes, such as space groups. Source: Breiman, Machine Learning 45, 5 (2001), as scikit-learn has it."""

from __future__ import annotations

import warnings
from typing import Annotated, Self

import numpy as np

from framework.contracts.predictor import Classifier
from framework.registry.parameters import Int


class RandomForestClassifier(Classifier):
    """Grown to pure leaves on bootstrap samples; one tree tells all classes, however many.

    Args:
        trees: number of trees.
        samples_a_leaf: at least.
    """

    def __init__(
        self,
        trees: Annotated[int, Int(50, 1000)] = 200,
        samples_a_leaf: Annotated[int, Int(1, 50)] = 1,
    ) -> None:
        self.trees, self.samples_a_leaf = trees, samples_a_leaf

    def fit(self, vectors: np.ndarray, classes: np.ndarray, groups: np.ndarray) -> Self:
        from sklearn.ensemble import RandomForestClassifier as Forest

        self.model_ = Forest(
            self.trees, min_samples_leaf=self.samples_a_leaf, random_state=self.seed
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The number of unique classes is greater")
            self.model_.fit(vectors, classes)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        return self.model_.predict_proba(vectors)
