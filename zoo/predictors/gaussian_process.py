"""Gaussian process on standardised vectors. Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), as scikit-learn has it."""

from __future__ import annotations

import warnings
from typing import Annotated, Self

import numpy as np

from framework.contracts.predictor import Predictor
from framework.registry.parameters import Int


class GaussianProcess(Predictor):
    """Matern kernel (5/2) of one length for all dimensions, and noise; both by marginal likelihood.

    The search for the length begins at the root of the number of dimensions, as distances grow
    with it: begun at 1, a process of a hundred dimensions sees points that have nothing to do with
    each other (Xu et al., arXiv 2502.09198).

    Args:
        most: samples that are learned from, drawn at random where there are more: time grows with
            the cube of their number.
    """

    def __init__(self, most: Annotated[int, Int(100, 5000)] = 1000) -> None:
        self.most = most

    def fit(self, vectors: np.ndarray, values: np.ndarray, groups: np.ndarray) -> Self:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import Matern, WhiteKernel

        drawn = np.random.default_rng(self.seed).permutation(len(vectors))[: self.most]
        vectors, values = np.asarray(vectors, np.float64)[drawn], np.asarray(values, float)[drawn]
        spread = vectors.std(axis=0)
        # a dimension that is constant tells nothing and must not divide by 0
        spread[spread < 1e-9 * np.abs(vectors).max(axis=0).clip(1e-300)] = np.inf
        self.mean_, self.scale_ = vectors.mean(axis=0), spread
        self.middle_, self.unit_ = values.mean(), values.std() or 1.0
        root = vectors.shape[1] ** 0.5
        kernel = Matern(root, (0.05 * root, 20 * root), nu=2.5) + WhiteKernel(0.01, (1e-6, 1.0))
        self.model_ = GaussianProcessRegressor(kernel, alpha=1e-8, random_state=self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a length at its bound is an answer, too
            self.model_.fit(self._standardised(vectors), (values - self.middle_) / self.unit_)
        return self

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        return self.model_.predict(self._standardised(vectors)) * self.unit_ + self.middle_

    def uncertainty(self, vectors: np.ndarray) -> np.ndarray:
        """The standard deviation of a new value."""
        _, deviation = self.model_.predict(self._standardised(vectors), return_std=True)
        return deviation * self.unit_

    def _standardised(self, vectors: np.ndarray) -> np.ndarray:
        return (np.asarray(vectors, np.float64) - self.mean_) / self.scale_
