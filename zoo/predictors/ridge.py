"""Ridge regression on standardised vectors, its penalty chosen by cross-validation."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np

from framework.contracts.predictor import Predictor
from framework.registry.parameters import Int


class Ridge(Predictor):
    """The penalty of least squared error over held-out groups; then fitted on all that is given.

    Each dimension is cut to the range of what was given: one that hardly varies there (a feature
    of a rare element) would carry predictions away by orders of magnitude elsewhere.

    Args:
        folds: of the cross-validation; as many as there are groups where those are fewer.
    """

    ALPHAS = np.logspace(-3, 6, 19)
    """Penalties tried, of the sum of squared errors of standardised vectors."""

    def __init__(self, folds: Annotated[int, Int(2, 20)] = 5) -> None:
        self.folds = folds

    def fit(self, vectors: np.ndarray, values: np.ndarray, groups: np.ndarray) -> Self:
        vectors = np.asarray(vectors, np.float64)
        spread = vectors.std(axis=0)
        # a dimension that is constant tells nothing and must not divide by 0
        spread[spread < 1e-9 * np.abs(vectors).max(axis=0).clip(1e-300)] = np.inf
        self.mean_, self.scale_ = vectors.mean(axis=0), spread
        points = (vectors - self.mean_) / self.scale_
        self.low_, self.high_ = points.min(axis=0), points.max(axis=0)
        fold = self._fold(groups)
        error = np.zeros(len(self.ALPHAS))
        for left_out in (fold == each for each in np.unique(fold)):
            weights, constants = _path(points[~left_out], values[~left_out], self.ALPHAS)
            inside = points[left_out].clip(
                points[~left_out].min(axis=0), points[~left_out].max(axis=0)
            )
            error += ((inside @ weights.T + constants - values[left_out, None]) ** 2).sum(axis=0)
        # of equal errors the strongest penalty
        self.alpha_ = self.ALPHAS[::-1][np.argmin(error[::-1])]
        weights, constants = _path(points, values, np.array([self.alpha_]))
        self.weights_, self.constant_ = weights[0], constants[0]
        self._learn_uncertainty(points, values)
        return self

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        points = (np.asarray(vectors, np.float64) - self.mean_) / self.scale_
        return points.clip(self.low_, self.high_) @ self.weights_ + self.constant_

    def uncertainty(self, vectors: np.ndarray) -> np.ndarray:
        """The standard deviation of a new value: noise, and what is not known of mean and weights.

        Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 3.59; the noise is that
        of the residuals over the degrees of freedom that the penalty leaves. Without a penalty it
        is the prediction interval of least squares.
        """
        points = (np.asarray(vectors, np.float64) - self.mean_) / self.scale_
        points = points.clip(self.low_, self.high_) - self.centre_
        along = points @ self.axes_.T
        beyond = ((points**2).sum(axis=1) - (along**2).sum(axis=1)).clip(0) / self.alpha_
        unknown = (along**2 / (self.singular_**2 + self.alpha_)).sum(axis=1) + beyond
        return np.sqrt(self.noise_ * (1 + 1 / self.n_seen_ + unknown))

    def _learn_uncertainty(self, points: np.ndarray, values: np.ndarray) -> None:
        self.centre_, self.n_seen_ = points.mean(axis=0), len(points)
        _, self.singular_, self.axes_ = np.linalg.svd(points - self.centre_, full_matrices=False)
        fitted = 1 + (self.singular_**2 / (self.singular_**2 + self.alpha_)).sum()
        residual = values - points @ self.weights_ - self.constant_
        self.noise_ = (residual**2).sum() / max(len(points) - fitted, 1.0)

    def _fold(self, groups: np.ndarray) -> np.ndarray:
        """The fold (n,) of every sample: whole groups, drawn at random."""
        names, code = np.unique(groups, return_inverse=True)
        order = np.random.default_rng(self.seed).permutation(len(names))
        return order[code] % min(self.folds, len(names))


def _path(
    points: np.ndarray, values: np.ndarray, alphas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (a, d) and constants (a,) for every penalty (a,), from one decomposition."""
    centre = points.mean(axis=0)
    u, s, vt = np.linalg.svd(points - centre, full_matrices=False)
    along = s * (u.T @ (values - values.mean()))
    weights = (along / (s**2 + alphas[:, None])) @ vt
    return weights, values.mean() - weights @ centre
