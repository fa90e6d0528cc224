"""Logistic regression. Source: Cox, J. R. Stat. Soc. B 20, 215 (1958), as scikit-learn has it."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np

from framework.contracts.predictor import Classifier
from framework.registry.parameters import Float


class LogisticRegression(Classifier):
    """Linear log odds of standardised vectors, with an L2 penalty.

    Args:
        strength: inverse of the penalty; more fits the labels closer.
    """

    def __init__(
        self, strength: Annotated[float, Float(1e-3, 1e2, log=True, within=(1e-8, 1e8))] = 1.0
    ) -> None:
        self.strength = strength

    def fit(self, vectors: np.ndarray, classes: np.ndarray, groups: np.ndarray) -> Self:
        from sklearn.linear_model import LogisticRegression as Logistic
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        logistic = Logistic(C=self.strength, max_iter=2000)
        self.model_ = make_pipeline(StandardScaler(), logistic).fit(vectors, classes)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        return self.model_.predict_proba(vectors)
